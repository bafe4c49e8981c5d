// The guest that runs streams, as an image for any machine with RAM at 2 GiB: in M-mode it takes a
// stream's slot, sets registers, page entries and memory, enters the stream in its mode, takes
// every trap (notes it, skips the instruction), and at the ecall that ends the stream writes all
// that can be seen of it into a result's slot. Then the next; at the end it asks the finisher to
// stop the machine. Not here: what streams consist of (stream.ts), the slots' layout (places.ts).

import { type Assembler, assemble, type Register } from '../cpu/assembler.ts'
import {
  dataVa,
  leafTableAt,
  middleTableAt,
  origin,
  resultSlot,
  resultsAt,
  rootAt,
  scratchMiddle,
  streamSlot,
  streamsAt,
  trapBytes,
  trapsMax,
  windowBytes,
} from './places.ts'
import type { Stream } from './stream.ts'

/** QEMU's `sifive_test`: this word asks for a reset, which `-no-reboot` makes a stop. */
export const finisherGpa = 0x10_0000
const finisherReset = 0x7777
const windowAt = scratchMiddle - BigInt(windowBytes / 2)
const valid = 1n
const userBit = 16n
/** A gigabyte as it is: all permissions, A and D set. */
const identityEntry = ((origin >> 12n) << 10n) | 0xcfn

/**
 * From the start of RAM: code, tables and all slots. All streams are run in each round; the results
 * are the last one's.
 */
export function imageOf(streams: readonly Stream[], rounds = 1): Uint8Array {
  const image = new Uint8Array(Number(streamsAt - origin) + streams.length * streamSlot.bytes)
  const view = new DataView(image.buffer)
  image.set(assemble(origin, (a) => harness(a, streams.length, rounds)).bytes)
  const table = (at: bigint, slot: bigint, target: bigint) =>
    view.setBigUint64(Number(at - origin + slot * 8n), ((target >> 12n) << 10n) | valid, true)
  table(rootAt, dataVa >> 30n, middleTableAt)
  table(middleTableAt, 0n, leafTableAt)
  streams.forEach((stream, n) => {
    const at = Number(streamsAt - origin) + n * streamSlot.bytes
    fillSlot(new DataView(image.buffer, at, streamSlot.bytes), stream, slotCode(n))
  })
  return image
}

/** Where the code of the n-th stream lies. */
export const slotCode = (n: number): bigint =>
  streamsAt + BigInt(n * streamSlot.bytes + streamSlot.code)

function fillSlot(slot: DataView, stream: Stream, codeAt: bigint): void {
  const put = (at: number, value: bigint) => slot.setBigUint64(at, BigInt.asUintN(64, value), true)
  for (const [n, value] of stream.x.entries()) put(streamSlot.x + 8 * n, value)
  for (const [n, value] of stream.f.entries()) put(streamSlot.f + 8 * n, value)
  const [first, second] = stream.pages
  const page = (n: bigint) => ((windowAt >> 12n) + n) << 10n
  put(streamSlot.fcsr, stream.fcsr)
  put(streamSlot.mstatus, stream.mstatus)
  put(streamSlot.firstPage, first | page(0n))
  put(streamSlot.secondPage, second | page(1n))
  put(streamSlot.codePage, identityEntry | (stream.mode === 'U' ? userBit : 0n))
  put(streamSlot.fill, stream.fill)
  put(streamSlot.satp, stream.mode === 'M' ? 0n : (8n << 60n) | (rootAt >> 12n))
  const { bytes, end } = layOut(stream)
  put(streamSlot.end, codeAt + BigInt(end))
  for (const [n, byte] of bytes.entries()) slot.setUint8(streamSlot.code + n, byte)
}

/** A stream's code with its distances, and where its last instruction, the ecall, is. */
export function layOut({ chunks }: Stream): { bytes: number[]; end: number } {
  const starts: number[] = []
  let at = 0
  for (const { bytes } of chunks) {
    starts.push(at)
    at += bytes.length
  }
  const bytes = chunks.flatMap((chunk, n) =>
    chunk.jump ? chunk.jump.encode((starts[chunk.jump.to] ?? 0) - (starts[n] ?? 0)) : chunk.bytes,
  )
  return { bytes, end: starts.at(-1) ?? 0 }
}

const fld = (f: number, base: number, at: number) => 0x3007 | (f << 7) | (base << 15) | (at << 20)
const fsd = (f: number, base: number, at: number) =>
  (0x3027 | ((at & 31) << 7) | (base << 15) | (f << 20) | ((at >> 5) << 25)) >>> 0

// tidy: data table
// biome-ignore format: a table
const fromOne: readonly Register[] = [
  'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6',
  'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6',
]
const t6 = 31
const s2 = 18
const s3 = 19

/** At `places` lie the slots that are next, how many are left of the round, and how many rounds.
 * In the harness's own parts s2 is the stream's slot, s3 its result's. */
function harness(a: Assembler, count: number, rounds: number): void {
  comeUp(a)
  a.li('s4', rounds)
  a.label('round')
  a.la('t0', 'places')
  for (const [at, value] of [streamsAt, resultsAt, BigInt(count)].entries()) {
    a.li('t1', value)
    a.sd('t1', 8 * at, 't0')
  }
  a.sd('s4', 24, 't0')
  a.label('next')
  a.la('t0', 'places')
  a.ld('s2', 0, 't0')
  a.ld('s3', 8, 't0')
  a.ld('t1', 16, 't0')
  a.beq('t1', 'zero', 'done')
  a.csrrw('zero', 'mscratch', 's3')
  a.sd('zero', resultSlot.trapCount, 's3')
  a.scd('zero', 'zero', 't0')
  prepareMemory(a)
  enterStream(a)
  handler(a)
  finish(a)
  a.label('done')
  a.ld('s4', 24, 't0')
  a.addi('s4', 's4', -1)
  a.bne('s4', 'zero', 'round')
  a.li('t0', finisherGpa)
  a.li('t1', finisherReset)
  a.sw('t1', 0, 't0')
  a.label('ever')
  a.jal('zero', 'ever')
  a.align(8)
  a.label('places')
  for (let word = 0; word < 4; word++) a.dword(0n)
}

/** Takes traps, and lets the lower modes use all of memory. */
function comeUp(a: Assembler): void {
  a.la('t0', 'handler')
  a.csrrw('zero', 'mtvec', 't0')
  a.li('t0', (1n << 54n) - 1n)
  a.csrrw('zero', 'pmpaddr0', 't0')
  a.li('t0', 0x1f)
  a.csrrw('zero', 'pmpcfg0', 't0')
}

/** Fills the window with numbers that follow from the stream's, and writes its page entries. */
function prepareMemory(a: Assembler): void {
  a.ld('t1', streamSlot.fill, 's2')
  a.li('t2', windowAt)
  a.li('t3', windowAt + BigInt(windowBytes))
  a.li('t4', 0x5851f42d4c957f2dn)
  a.label('fill')
  a.mul('t1', 't1', 't4')
  a.addi('t1', 't1', 1)
  a.sd('t1', 0, 't2')
  a.addi('t2', 't2', 8)
  a.bltu('t2', 't3', 'fill')
  for (const [slot, at] of [
    [streamSlot.firstPage, leafTableAt],
    [streamSlot.secondPage, leafTableAt + 8n],
    [streamSlot.codePage, rootAt + 16n],
  ] as const) {
    a.ld('t1', slot, 's2')
    a.li('t2', at)
    a.sd('t1', 0, 't2')
  }
  a.ld('t1', streamSlot.satp, 's2')
  a.csrrw('zero', 'satp', 't1')
  a.sfence('zero')
}

function enterStream(a: Assembler): void {
  a.li('t0', 3 << 13)
  a.csrrw('zero', 'mstatus', 't0')
  for (let f = 0; f < 32; f++) a.word(fld(f, s2, streamSlot.f + 8 * f))
  for (const [csr, at] of [
    ['fcsr', streamSlot.fcsr],
    ['mstatus', streamSlot.mstatus],
    ['sepc', streamSlot.end],
  ] as const) {
    a.ld('t0', at, 's2')
    a.csrrw('zero', csr, 't0')
  }
  for (const csr of ['scause', 'stval', 'sscratch'] as const) a.csrrw('zero', csr, 'zero')
  a.addi('t0', 's2', streamSlot.code)
  a.csrrw('zero', 'mepc', 't0')
  a.addi('t6', 's2', 0)
  for (const [n, register] of fromOne.entries()) a.ld(register, streamSlot.x + 8 * (n + 1), 't6')
  a.mret()
}

/** mscratch holds the result's slot while the stream runs. */
function handler(a: Assembler): void {
  a.align(4)
  a.label('handler')
  a.csrrw('t6', 'mscratch', 't6')
  for (const [n, register] of fromOne.slice(0, -1).entries())
    a.sd(register, resultSlot.x + 8 * (n + 1), 't6')
  a.addi('s3', 't6', 0)
  a.csrrw('t6', 'mscratch', 't6')
  a.sd('t6', resultSlot.x + 8 * t6, 's3')
  a.ld('t0', resultSlot.trapCount, 's3')
  a.li('t1', trapBytes)
  a.mul('t1', 't0', 't1')
  a.add('t1', 't1', 's3')
  for (const [n, csr] of (['mcause', 'mtval', 'mepc'] as const).entries()) {
    a.csrrs('t2', csr, 'zero')
    a.sd('t2', resultSlot.traps + 8 * n, 't1')
  }
  a.addi('t0', 't0', 1)
  a.sd('t0', resultSlot.trapCount, 's3')
  a.li('t1', trapsMax)
  a.beq('t0', 't1', 'finish')
  skip(a)
}

/** Ecalls and failed fetches end the stream; after all else it goes on behind the instruction. */
function skip(a: Assembler): void {
  a.csrrs('t0', 'mcause', 'zero')
  for (const cause of [0, 1, 8, 9, 11, 12]) {
    a.li('t1', cause)
    a.beq('t0', 't1', 'finish')
  }
  a.csrrs('t0', 'mepc', 'zero')
  a.lhu('t1', 0, 't0')
  a.andi('t1', 't1', 3)
  a.addi('t0', 't0', 2)
  a.li('t2', 3)
  a.bne('t1', 't2', 'short')
  a.addi('t0', 't0', 2)
  a.label('short')
  a.csrrw('zero', 'mepc', 't0')
  a.addi('t6', 's3', 0)
  for (const [n, register] of fromOne.entries()) a.ld(register, resultSlot.x + 8 * (n + 1), 't6')
  a.mret()
}

function finish(a: Assembler): void {
  a.label('finish')
  a.csrrs('t0', 'mstatus', 'zero')
  a.sd('t0', resultSlot.mstatus, 's3')
  a.li('t0', 3 << 13)
  a.csrrs('zero', 'mstatus', 't0')
  for (let f = 0; f < 32; f++) a.word(fsd(f, s3, resultSlot.f + 8 * f))
  for (const csr of ['fcsr', 'sepc', 'scause', 'stval', 'sscratch'] as const) {
    a.csrrs('t0', csr, 'zero')
    a.sd('t0', resultSlot[csr], 's3')
  }
  a.li('t1', leafTableAt)
  a.ld('t0', 0, 't1')
  a.sd('t0', resultSlot.firstPage, 's3')
  a.ld('t0', 8, 't1')
  a.sd('t0', resultSlot.secondPage, 's3')
  copyWindow(a)
  a.la('t0', 'places')
  for (const [at, step] of [
    [0, streamSlot.bytes],
    [8, resultSlot.bytes],
    [16, -1],
  ] as const) {
    a.ld('t1', at, 't0')
    a.li('t2', step)
    a.add('t1', 't1', 't2')
    a.sd('t1', at, 't0')
  }
  a.jal('zero', 'next')
}

function copyWindow(a: Assembler): void {
  a.li('t1', windowAt)
  a.li('t2', windowAt + BigInt(windowBytes))
  a.addi('t3', 's3', resultSlot.window)
  a.label('copy')
  a.ld('t0', 0, 't1')
  a.sd('t0', 0, 't3')
  a.addi('t1', 't1', 8)
  a.addi('t3', 't3', 8)
  a.bltu('t1', 't2', 'copy')
}
