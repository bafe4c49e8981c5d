// Random programs that run hot: functions, loops and calls that a seed decides, with a trap handler
// that always goes on somewhere, in S-mode or M-mode. They never end. The same seed is the same
// program, byte for byte. Not here: the pieces (hot-pieces.ts), what must hold (two-engines.ts).

import type { CoreHooks } from '#engine/cpu/core-port.ts'
import type { Assembler } from '../cpu/assembler.ts'
import { PageTables, pte } from '../cpu/page-tables.ts'
import { pageBytes, ramOrigin, TestHart } from '../cpu/test-hart.ts'
import { Draw } from '../differential/draw.ts'
import { pieces } from './hot-pieces.ts'
import {
  aliasEntries,
  aliases,
  aliasPages,
  type BaseMode,
  cellAt,
  cells,
  chance,
  deviceVa,
  free,
  functions,
  inner,
  type Maker,
  near,
  odd,
  outer,
  soup,
  stack,
  userKinds,
  userVa,
} from './hot-soup.ts'

const ramBytes = 1 << 20
const tablesAt = 0x800c_0000
/** Data: 8 pages, found at their own window; what lies before and behind it is not mapped. */
const dataGpa = 0x8008_0000n
const dataVa = 0x5000_0000n
const dataPages = 8
const stackTop = 0x800a_0000n
const aliasVa = 0x4000_0000n
const piecesOfProgram = 24
const all = pte.valid | pte.read | pte.write | pte.execute

interface Hot {
  readonly hart: TestHart
  readonly mode: BaseMode
}
/** M-mode's addresses are not translated. */
const dataBase = (mode: BaseMode) => (mode === 'S' ? dataVa : dataGpa)

/** `threshold` 0: all is interpreted. */
export function hotHart(seed: number, threshold: number): TestHart {
  const mode: BaseMode = seed % 4 === 3 ? 'M' : 'S'
  const device = countingDevice()
  const hart = new TestHart((a) => write(makerOf(a, seed, mode)), {
    mode,
    ramBytes,
    threshold,
    sbi: mode === 'S' ? 'vmm' : 'firmware',
    hooks: device.hooks,
  })
  device.of = hart
  prepare({ hart, mode }, new Draw(seed ^ 0x5a5a))
  return hart
}

/** A device that says how many instructions have retired: what it is asked, it is asked in time. */
function countingDevice() {
  const device: { of?: TestHart; hooks: Partial<CoreHooks> } = {
    hooks: {
      mmioRead: (gpa, size) =>
        gpa === Number(deviceVa)
          ? BigInt.asUintN(8 * size, BigInt(device.of?.core.retired ?? 0) * 0x9e3779b97f4a7c15n)
          : undefined,
      mmioWrite: (gpa) => gpa === Number(deviceVa) + 8,
    },
  }
  return device
}

function makerOf(a: Assembler, seed: number, mode: BaseMode): Maker {
  let labels = 0
  return { a, draw: new Draw(seed), mode, fresh: () => `label ${labels++}` }
}

function write(maker: Maker): void {
  const { a, draw } = maker
  start(maker)
  a.label('main')
  a.li(stack, stackTop)
  for (let n = 0; n < piecesOfProgram; n++) {
    draw.from(pieces)(maker)
    // Long programs have their pieces in several pages, at odd places.
    if (draw.once(4)) a.half(1)
  }
  a.jal('zero', 'main')
  a.align(4)
  handler(maker)
  for (let n = 0; n < functions; n++) functionOf(maker, n)
  recursive(maker)
  aliasCode(maker)
  user(maker)
  a.align(pageBytes)
  a.label('cells')
  for (let n = 0; n < 64; n++) a.dword(0n)
  a.label('room for code')
  a.dword(0n)
}

function start({ a, mode, draw }: Maker): void {
  a.la('t0', 'handler')
  a.csrrw('zero', mode === 'S' ? 'stvec' : 'mtvec', 't0')
  if (mode === 'M') openAll(a)
  a.csrrw('zero', 'satp', 'a0')
  a.sfence('zero')
  a.li('t0', 0x222)
  a.csrrw('zero', mode === 'S' ? 'sie' : 'mie', 't0')
  a.li('t0', 1 + draw.below(40))
  a.csrrw('zero', 'stimecmp', 't0')
  a.li('t0', 0x6000 | (mode === 'S' ? 2 : 8))
  a.csrrs('zero', mode === 'S' ? 'sstatus' : 'mstatus', 't0')
}

/** All of memory for the modes below, their counters, and the alarm. */
function openAll(a: Assembler): void {
  a.li('t0', (1n << 54n) - 1n)
  a.csrrw('zero', 'pmpaddr0', 't0')
  a.li('t0', 0x1f)
  a.csrrw('zero', 'pmpcfg0', 't0')
  a.li('t0', 1n << 63n)
  a.csrrs('zero', 'menvcfg', 't0')
  a.li('t0', 7)
  a.csrrw('zero', 'mcounteren', 't0')
}

/** s10 and s11 are its own. A failed fetch goes on behind the call, all else behind itself. */
function handler(maker: Maker): void {
  const { a, mode, draw } = maker
  const { cause } = trapRegisters(mode)
  a.label('handler')
  a.csrrs('s11', cause, 'zero')
  a.blt('s11', 'zero', 'interrupt')
  a.addi('s11', 's11', -8)
  a.beq('s11', 'zero', 'from user')
  a.addi('s11', 's11', 8 - 12)
  a.beq('s11', 'zero', 'no code')
  a.addi('s11', 's11', 12 - 1)
  a.beq('s11', 'zero', 'no code')
  skipInstruction(maker)
  leaveFetch(maker)
  a.label('interrupt')
  a.csrrs('s11', 'time', 'zero')
  a.addi('s11', 's11', 1 + draw.below(30))
  a.csrrw('zero', 'stimecmp', 's11')
  a.csrrci('zero', 'sip', 2)
  goBack(maker)
}

const trapRegisters = (mode: BaseMode) =>
  mode === 'S'
    ? ({ cause: 'scause', epc: 'sepc', status: 'sstatus', previous: 0x100 } as const)
    : ({ cause: 'mcause', epc: 'mepc', status: 'mstatus', previous: 0x1800 } as const)

const goBack = ({ a, mode }: Maker) => (mode === 'S' ? a.sret() : a.mret())

/** U-mode's code, which the handler cannot read, has no instructions of 2 bytes. */
function skipInstruction(maker: Maker): void {
  const { a, mode } = maker
  const { epc, status } = trapRegisters(mode)
  a.csrrs('s11', epc, 'zero')
  a.csrrs('s10', status, 'zero')
  a.srli('s10', 's10', mode === 'S' ? 8 : 11)
  a.andi('s10', 's10', mode === 'S' ? 1 : 3)
  a.addi('s11', 's11', 4)
  a.beq('s10', 'zero', 'skip')
  a.lhu('s10', -4, 's11')
  a.andi('s10', 's10', 3)
  a.addi('s10', 's10', -3)
  a.beq('s10', 'zero', 'skip')
  a.addi('s11', 's11', -2)
  a.label('skip')
  a.csrrw('zero', epc, 's11')
  goBack(maker)
}

function leaveFetch(maker: Maker): void {
  const { a, mode } = maker
  const { epc, status, previous } = trapRegisters(mode)
  a.label('no code')
  a.csrrs('s10', status, 'zero')
  a.li('s11', previous)
  a.and('s10', 's10', 's11')
  a.beq('s10', 'zero', 'from user')
  a.csrrw('zero', epc, 'ra')
  goBack(maker)
  a.label('from user')
  a.la('s11', 'cells')
  a.ld('s11', cellAt.userReturn, 's11')
  a.csrrw('zero', epc, 's11')
  a.li('s11', previous)
  a.csrrs('zero', status, 's11')
  goBack(maker)
}

/** Some begin so near the end of a page that an instruction lies in two. Later ones are called. */
function functionOf(maker: Maker, n: number): void {
  const { a, draw } = maker
  if (draw.once(2)) {
    a.nopsTo(pageBytes, pageBytes - 2 * (1 + draw.below(30)))
  }
  a.label(`function ${n}`)
  soup(maker, draw.below(10))
  if (draw.once(2)) {
    a.li(inner, 1 + draw.below(12))
    const again = maker.fresh()
    a.label(again)
    soup(maker, 1 + draw.below(8))
    a.addi(inner, inner, -1)
    a.bne(inner, 'zero', again)
  }
  if (n + 1 < functions && draw.once(2)) callLater(maker, n)
  soup(maker, draw.below(6))
  a.jalr('zero', 'ra', 0)
}

function callLater({ a, draw }: Maker, n: number): void {
  a.addi(stack, stack, -16)
  a.sd('ra', 0, stack)
  a.jal('ra', `function ${n + 1 + draw.below(functions - n - 1)}`)
  a.ld('ra', 0, stack)
  a.addi(stack, stack, 16)
}

/** As deep as `outer` says. */
function recursive(maker: Maker): void {
  const { a, draw } = maker
  a.label('recursive')
  a.addi(stack, stack, -16)
  a.sd('ra', 0, stack)
  soup(maker, draw.below(5))
  a.bge('zero', outer, 'deep enough')
  a.addi(outer, outer, -1)
  a.jal('ra', 'recursive')
  soup(maker, draw.below(5))
  a.label('deep enough')
  a.ld('ra', 0, stack)
  a.addi(stack, stack, 16)
  a.jalr('zero', 'ra', 0)
}

/** An addition to a0 of which the second half begins a page: another page is another number. */
const splitAddition = 0x00050513

/** Pages that can be mapped in any order; the end of each goes on in the next. */
function aliasCode(maker: Maker): void {
  const { a, draw } = maker
  a.align(pageBytes)
  for (let page = 0; page < aliasPages; page++) {
    a.half((splitAddition >>> 16) | (draw.below(2048) << 4))
    a.half(1)
    a.label(`alias ${page} 0`)
    soup(maker, draw.below(6), userKinds)
    a.label(`changing ${page}`)
    a.addi('a0', 'a0', 1)
    a.jalr('zero', 'ra', 0)
    a.nopsTo(pageBytes, aliasEntries[1])
    a.label(`alias ${page} 1`)
    const again = maker.fresh()
    a.li(inner, 1 + draw.below(10))
    a.label(again)
    soup(maker, 1 + draw.below(6), userKinds)
    a.addi(inner, inner, -1)
    a.bne(inner, 'zero', again)
    a.jalr('zero', 'ra', 0)
    a.nopsTo(pageBytes, aliasEntries[2])
    a.label(`alias ${page} 2`)
    a.half(1)
    a.addi('a1', 'a1', draw.below(100))
    a.half(1)
    a.half(splitAddition & 0xffff)
  }
}

function user(maker: Maker): void {
  const { a, draw } = maker
  a.align(pageBytes)
  a.label('user')
  const again = maker.fresh()
  a.label(again)
  soup(maker, 4 + draw.below(8), userKinds)
  a.addi(inner, inner, -1)
  a.bne(inner, 'zero', again)
  a.ecall()
  a.align(pageBytes)
}

function prepare(hot: Hot, draw: Draw): void {
  const { hart, mode } = hot
  const tables = new PageTables(hart, tablesAt)
  const at = (label: string) => hart.program.addressOf(label)
  mapRam(tables, draw)
  const order = [3, 1, 6, 0, 7, 2, 5, 4]
  for (let n = 0; n < dataPages; n++) {
    const flags = n === 5 ? pte.valid | pte.read : pte.valid | pte.read | pte.write
    const gpa = dataGpa + BigInt((order[n] ?? 0) * pageBytes)
    tables.map(dataVa + BigInt(n * pageBytes), gpa, flags | (draw.once(3) ? pte.user : 0n))
  }
  for (let n = 0; n < aliasPages; n++) {
    tables.map(aliasVa + BigInt(n * pageBytes), at('alias 0 0') - 4n + BigInt(n * pageBytes), all)
  }
  tables.map(userVa, at('user'), pte.valid | pte.read | pte.execute | pte.user)
  tables.map(deviceVa, deviceVa, pte.valid | pte.read | pte.write)
  const cell = (offset: number, value: bigint) => hart.setDword(Number(at('cells')) + offset, value)
  cell(cellAt.entries, BigInt(tables.entryAt(aliasVa)))
  for (let n = 0; n < functions; n++) cell(cellAt.table + 8 * n, at(`function ${n}`))
  cell(cellAt.word, dataBase(mode))
  setRegisters(hot, draw, tables.satp)
}

/** RAM as it is, by leaves of one size or another; A and D are still to be set. */
function mapRam(tables: PageTables, draw: Draw): void {
  const level = draw.below(3)
  if (level > 0) tables.map(ramOrigin, ramOrigin, all, level)
  for (let at = 0; level === 0 && at < ramBytes; at += pageBytes) {
    tables.map(ramOrigin + BigInt(at), ramOrigin + BigInt(at), all)
  }
}

function setRegisters({ hart, mode }: Hot, draw: Draw, satp: bigint): void {
  const data = dataBase(mode)
  const aliasGpa = hart.program.addressOf('alias 0 0') - BigInt(aliasEntries[0])
  const oddAddresses = [1n << 63n, 0x40_0000_0000n, data - 8n, data + 0x5ffcn, 0x1000n, deviceVa]
  for (let n = 0; n < 8; n++) hart.set(draw.from(free), draw.integer())
  hart
    .set('a0', satp)
    .set('ra', hart.program.addressOf('main'))
    .set('sp', data + 0x2f00n)
    .set(near, data + 0x1000n)
    .set(cells, hart.program.addressOf('cells'))
    .set(stack, stackTop)
    .set(aliases, mode === 'S' ? aliasVa : aliasGpa)
    .set(odd, draw.from(oddAddresses))
    .set(chance, draw.dword() | 1n)
}
