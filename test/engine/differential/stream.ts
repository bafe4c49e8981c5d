// A stream: a short program of random instructions with the state it begins in, made from a seed.
// It always ends: branches go forward, but for one loop that a counter bounds, and its last
// instruction is an ecall. Addresses are taken from registers that nothing else writes, so that no
// stream meets a device. Not here: how it is run (harness.ts).

import { compressed, compressedBranch } from './compressed.ts'
import { leftOut } from './differences.ts'
import { Draw } from './draw.ts'
import {
  atomicForms,
  type Form,
  floatForms,
  integerForms,
  loadReserved,
  memoryForms,
  storeConditional,
} from './instruction-set.ts'
import { dataVa, scratchMiddle, windowBytes } from './places.ts'

export type StreamMode = 'U' | 'S' | 'M'

export interface Stream {
  readonly seed: number
  readonly mode: StreamMode
  /** x0 to x31, f0 to f31; 64 bits each. */
  readonly x: readonly bigint[]
  readonly f: readonly bigint[]
  readonly fcsr: bigint
  /** FS is on, SUM and MXR as drawn. */
  readonly mstatus: bigint
  /** Entries for the two pages around the address that accesses start from. */
  readonly pages: readonly [bigint, bigint]
  readonly fill: bigint
  /** Instructions in order, in one or more words or halves each. */
  readonly chunks: readonly Chunk[]
}

/** Whole instructions that are entered at the first alone, or a jump over some chunks. */
export interface Chunk {
  readonly bytes: readonly number[]
  /** Given its distance in bytes, the bytes of a jump to chunk `to`. */
  readonly jump?: { readonly to: number; encode(distance: number): readonly number[] }
}

/** Registers with a meaning: what accesses start from (two of them), the counter, an address. */
export const stackPointer = 2
export const near = 8
export const odd = 9
const counter = 27
const address = 28
const kept = new Set([stackPointer, near, odd, counter, address])
const targets = Array.from({ length: 32 }, (_, n) => n).filter((n) => !kept.has(n))

const lengthMax = 28
const compared = integerForms.filter(({ name }) => !leftOut.has(name))

export function makeStream(seed: number): Stream {
  const draw = new Draw(seed)
  const mode = draw.from(['M', 'S', 'U', 'S', 'U'] as const)
  const length = 4 + draw.below(lengthMax - 4)
  const loop = { from: draw.below(length), to: draw.below(length) }
  const chunks = Array.from({ length }, (_, n) =>
    n === loop.to && loop.from < n ? back(loop.from) : chunk(draw, n, length),
  )
  return { seed, mode, ...beginning(draw, mode), chunks: [...chunks, whole(0x73)] }
}

function beginning(draw: Draw, mode: StreamMode): Omit<Stream, 'seed' | 'mode' | 'chunks'> {
  const middle = mode === 'M' ? scratchMiddle : dataVa + 4096n
  const x = Array.from({ length: 32 }, () => draw.integer())
  x[0] = 0n
  x[stackPointer] = middle - 256n
  x[near] = middle
  x[odd] = draw.from(mode === 'M' ? [middle + 1n, 1n << 63n] : oddAddresses)
  x[counter] = BigInt(1 + draw.below(4))
  x[address] = middle
  return {
    x,
    f: Array.from({ length: 32 }, () => draw.float()),
    fcsr: BigInt(draw.below(4) === 0 ? draw.below(256) : draw.below(160)),
    mstatus: statusOf(draw, mode),
    pages: [pageEntry(draw, mode), pageEntry(draw, mode)],
    fill: draw.dword(),
  }
}

/** Not canonical, not mapped, between page and page. */
const oddAddresses = [1n << 63n, 0x40_0000_0000n, dataVa - 4n, dataVa + 4091n, dataVa + 8190n]

function statusOf(draw: Draw, mode: StreamMode): bigint {
  const previous = { U: 0n, S: 1n, M: 3n }[mode]
  const floats = draw.once(12) ? 0n : 3n << 13n
  const sumAndMxr = BigInt(draw.below(4)) << 18n
  return (previous << 11n) | floats | sumAndMxr
}

/** Mostly a page that works, of the mode that runs; else any flags, reserved bits at times. */
function pageEntry(draw: Draw, mode: StreamMode): bigint {
  if (draw.once(3)) return BigInt(draw.below(256)) | (draw.once(8) ? 1n << 60n : 0n)
  const user = mode === 'U' ? 16n : 0n
  return 7n | user | (BigInt(draw.below(4)) << 6n)
}

const wordBytes = (word: number) => [word, word >>> 8, word >>> 16, word >>> 24].map((b) => b & 255)
const whole = (...words: number[]): Chunk => ({ bytes: words.flatMap(wordBytes) })

function chunk(draw: Draw, n: number, length: number): Chunk {
  // tidy: data table
  switch (draw.below(20)) {
    case 0:
      return forward(draw, n + 1 + draw.below(length - n))
    case 1:
      return atomic(draw)
    case 2:
      return reservation(draw)
    case 3:
      return csrAccess(draw)
    case 4:
      return anyWord(draw)
    case 5:
      return whole(draw.from([0x0ff0000f, 0x0000100f, 0x00100073, 0x12000073, 0x10200073]))
    case 6:
    case 7:
    case 8:
      return { bytes: compressed(draw, targets) }
    case 9:
    case 10:
    case 11:
    case 12:
      return whole(filled(draw, draw.from(memoryForms)))
    case 13:
    case 14:
    case 15:
    case 16:
      return whole(filled(draw, draw.from(floatForms)))
    default:
      return whole(filled(draw, draw.from(compared)))
  }
}

const rd = (n: number) => n << 7
const rs1 = (n: number) => n << 15
const rs2 = (n: number) => n << 20

/** One function a letter of a Shape: the bits it puts into the word. */
// tidy: data table
const fieldOf: Readonly<Record<string, (draw: Draw) => number>> = {
  d: (draw) => rd(draw.from(targets)),
  s: (draw) => rs1(draw.below(32)),
  t: (draw) => rs2(draw.below(32)),
  D: (draw) => rd(draw.below(32)),
  S: (draw) => rs1(draw.below(32)),
  T: (draw) => rs2(draw.below(32)),
  U: (draw) => draw.below(32) << 27,
  i: (draw) => draw.below(4096) << 20,
  u: (draw) => draw.word() & 0xfffff000,
  '6': (draw) => rs2(draw.below(64)),
  '5': (draw) => rs2(draw.below(32)),
  m: (draw) => (draw.once(3) ? draw.below(8) : draw.from([0, 1, 2, 3, 4, 7])) << 12,
  L: (draw) => base(draw) | (offset(draw) << 20),
  P: (draw) => storeAt(base(draw), offset(draw)),
}

const base = (draw: Draw) => rs1(draw.once(6) ? odd : near)
const storeAt = (from: number, imm: number) => from | ((imm & 31) << 7) | ((imm >> 5) << 25)

/** Around the middle, where page meets page, more than elsewhere in the window. */
function offset(draw: Draw): number {
  if (draw.once(2)) return draw.below(32) - 16
  return draw.below(windowBytes - 32) - windowBytes / 2 + 16
}

function filled(draw: Draw, { word, shape }: Form): number {
  return [...shape].reduce((bits, letter) => bits | (fieldOf[letter]?.(draw) ?? 0), word) >>> 0
}

/** Jumps and branches over some chunks, or none. */
function forward(draw: Draw, to: number): Chunk {
  const [link, a, b] = [draw.from(targets), draw.below(32), draw.below(32)]
  switch (draw.below(4)) {
    case 0:
      return jumping(to, 4, (by) => wordBytes(jumpWord(by) | rd(link)))
    case 1:
      return jumping(to, 8, (by) => [
        ...wordBytes(0x17 | rd(address)),
        ...wordBytes(0x67 | rd(link) | rs1(address) | (by << 20)),
      ])
    case 2: {
      const encode = compressedBranch(draw)
      return jumping(to, 2, encode)
    }
    default: {
      const kind = draw.from([0, 1, 4, 5, 6, 7])
      return jumping(to, 4, (by) => wordBytes(branchWord(kind, by) | rs1(a) | rs2(b)))
    }
  }
}

/** Down the counter, and to an earlier chunk while it is not zero. */
function back(to: number): Chunk {
  const down = 0x13 | rd(counter) | rs1(counter) | (0xfff << 20)
  return jumping(to, 8, (by) => [
    ...wordBytes(down),
    ...wordBytes(branchWord(1, by - 4) | rs1(counter)),
  ])
}

function jumping(to: number, bytes: number, encode: (by: number) => readonly number[]): Chunk {
  return { bytes: Array.from({ length: bytes }, () => 0), jump: { to, encode } }
}

function branchWord(kind: number, by: number): number {
  const low = (((by >> 11) & 1) << 7) | (((by >> 1) & 15) << 8)
  return 0x63 | (kind << 12) | low | (((by >> 5) & 63) << 25) | (((by >> 12) & 1) << 31)
}

function jumpWord(by: number): number {
  const middle = (((by >> 12) & 255) << 12) | (((by >> 11) & 1) << 20)
  return 0x6f | middle | (((by >> 1) & 1023) << 21) | (((by >> 20) & 1) << 31)
}

/** The address goes into a register of its own first: AMOs have no offset. */
function pointAt(draw: Draw, bytes: number): number {
  const imm = draw.once(6) ? draw.below(64) - 32 : (draw.below(32) - 16) * bytes
  return 0x13 | rd(address) | rs1(near) | (imm << 20)
}

function atomic(draw: Draw): Chunk {
  const { word } = draw.from(atomicForms)
  const bytes = (word >> 12) & 1 ? 8 : 4
  const operands = rd(draw.from(targets)) | rs1(address) | rs2(draw.below(32))
  return whole(pointAt(draw, bytes), (word | operands | (draw.below(4) << 25)) >>> 0)
}

/** LR and the SC that belongs to it, or an SC that nothing came before. */
function reservation(draw: Draw): Chunk {
  const width = draw.below(2) << 12
  const imm = (draw.below(16) - 8) * 8
  const aim = 0x13 | rd(address) | rs1(near) | (imm << 20)
  const load = loadReserved | width | rd(draw.from(targets)) | rs1(address)
  const conditional = storeConditional | width | rd(draw.from(targets)) | rs1(address)
  const last = conditional | rs2(draw.below(32))
  return draw.once(4) ? whole(aim, last) : whole(aim, load, last)
}

/** Those with the same meaning on every machine; some are forbidden to the lower modes. */
// tidy: data table
// biome-ignore format: a table
const csrs = [
  0x001, 0x002, 0x003, 0x001, 0x002, 0x003, 0x140, 0x141, 0x142, 0x143, 0x100, 0x300, 0xf14,
  0x180, 0x5c0,
] as const
const onlyRead = new Set<number>([0x300, 0x180, 0xf14, 0x141])
const sstatus = 0x100

function csrAccess(draw: Draw): Chunk {
  const csr = draw.from(csrs)
  if (csr === sstatus) return statusAccess(draw)
  const kind = onlyRead.has(csr) ? draw.from([2, 3, 6, 7]) : draw.from([1, 2, 3, 5, 6, 7])
  const operand = onlyRead.has(csr) ? 0 : draw.below(32)
  return whole((0x73 | (kind << 12) | rd(draw.from(targets)) | rs1(operand) | (csr << 20)) >>> 0)
}

/**
 * MXR, SUM, SPP, SPIE and SIE, FS dirty or off (QEMU is late to make it dirty); what else is there
 * belongs to extensions that QEMU has.
 */
function statusAccess(draw: Draw): Chunk {
  const value = (draw.word() & 0xc0122) | (draw.once(2) ? 3 << 13 : 0)
  const high = 0x37 | rd(address) | (value & 0xfffff000)
  const low = 0x13 | rd(address) | rs1(address) | ((value & 0xfff) << 20)
  const kind = draw.from([1, 2, 3])
  const word = 0x73 | (kind << 12) | rd(draw.from(targets)) | rs1(address) | (sstatus << 20)
  return whole(high, low, word)
}

/** Any word of an opcode that neither jumps nor reaches memory: most are illegal, or should be. */
function anyWord(draw: Draw): Chunk {
  const major = draw.from([0x13, 0x1b, 0x33, 0x3b, 0x53, 0x43, 0x4f, 0x0b, 0x2b, 0x5b, 0x7b, 0x6b])
  return whole(((draw.word() & 0xfffff000) | rd(draw.from(targets)) | major) >>> 0)
}
