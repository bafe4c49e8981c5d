// What hot programs (hot-program.ts) are made of: pieces of code, drawn from a seed, each a way in
// which translated code could differ from interpreted code. They loop, so that they are translated.
// Not here: the instructions that they are filled with (hot-soup.ts).

import { type Register, x } from '../cpu/assembler.ts'
import { pageBytes } from '../cpu/test-hart.ts'
import {
  aliasEntries,
  aliases,
  aliasPages,
  cellAt,
  cells,
  chance,
  deviceVa,
  float,
  free,
  functions,
  inner,
  integer,
  type Maker,
  memory,
  near,
  often,
  outer,
  type Piece,
  rd,
  rs1,
  soup,
  spare,
  trapping,
  userVa,
} from './hot-soup.ts'

/** Counts down in a register. */
export function loop(maker: Maker, register: Register, times: number, body: () => void): void {
  const { a } = maker
  const again = maker.fresh()
  a.li(register, times)
  a.label(again)
  body()
  a.addi(register, register, -1)
  a.bne(register, 'zero', again)
}

/** The program's own random number, for what is to differ from round to round. */
export function rollChance({ a }: Maker): void {
  a.slli(spare, chance, 13)
  a.xor(chance, chance, spare)
  a.srli(spare, chance, 7)
  a.xor(chance, chance, spare)
  a.slli(spare, chance, 17)
  a.xor(chance, chance, spare)
}

/** Sets `spare` to a number below a power of two. */
function chooseBelow(maker: Maker, bound: number): void {
  rollChance(maker)
  maker.a.andi(spare, chance, bound - 1)
}

const hotLoop: Piece = (maker) => {
  const { draw } = maker
  loop(maker, inner, 1 + draw.below(40), () => soup(maker, 1 + draw.below(12)))
}

const branches = ['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu'] as const

/** Branches whose ways meet again, in a loop that one of them leaves early. */
const branchy: Piece = (maker) => {
  const { a, draw } = maker
  const out = maker.fresh()
  loop(maker, inner, 1 + draw.below(30), () => {
    for (let n = 0; n < 1 + draw.below(4); n++) {
      const [other, after] = [maker.fresh(), maker.fresh()]
      rollChance(maker)
      a[draw.from(branches)](draw.from(free), draw.once(2) ? chance : draw.from(free), other)
      soup(maker, draw.below(4))
      a.jal('zero', after)
      a.label(other)
      soup(maker, draw.below(4))
      a.label(after)
    }
    a.andi(spare, chance, 31)
    a.beq(spare, 'zero', out)
  })
  a.label(out)
}

/** A loop with two heads: no structured program has one. */
const irreducible: Piece = (maker) => {
  const { a, draw } = maker
  const [second, first, out] = [maker.fresh(), maker.fresh(), maker.fresh()]
  a.li(inner, 2 + draw.below(30))
  chooseBelow(maker, 2)
  a.bne(spare, 'zero', second)
  a.label(first)
  soup(maker, draw.below(5))
  a.addi(inner, inner, -1)
  a.bge('zero', inner, out)
  a.label(second)
  soup(maker, draw.below(5))
  a.addi(inner, inner, -1)
  rollChance(maker)
  a.andi(spare, chance, 7)
  a.beq(spare, 'zero', second)
  a.blt('zero', inner, first)
  a.label(out)
}

const call: Piece = (maker) => {
  const { a, draw } = maker
  loop(maker, outer, 1 + draw.below(12), () => a.jal('ra', `function ${draw.below(functions)}`))
}

/** By a table of addresses; now and then some target that is in no table. */
const callByTable: Piece = (maker) => {
  const { a, draw } = maker
  loop(maker, outer, 1 + draw.below(20), () => {
    chooseBelow(maker, functions)
    a.slli(spare, spare, 3)
    a.add(spare, spare, cells)
    a.ld(spare, cellAt.table, spare)
    a.jalr('ra', spare, 0)
  })
}

const cases = 16
const jumpTable: Piece = (maker) => {
  const { a, draw } = maker
  const [table, end] = [maker.fresh(), maker.fresh()]
  loop(maker, inner, 1 + draw.below(30), () => {
    chooseBelow(maker, cases)
    a.slli(spare, spare, 3)
    a.la('t5', table)
    a.add(spare, spare, 't5')
    a.jalr('zero', spare, 0)
    a.label(table)
    for (let n = 0; n < cases; n++) {
      a.addi(draw.from(free), draw.from(free), n)
      a.jal('zero', end)
    }
    a.label(end)
  })
}

const recursion: Piece = ({ a, draw }) => {
  a.li(outer, draw.below(20))
  a.jal('ra', 'recursive')
}

/** Data pages are in a window of their own; a little of what lies around it is reached, too. */
const moveNear: Piece = (maker) => {
  const { a, draw } = maker
  rollChance(maker)
  a.li(spare, (draw.below(8) + 1) * 0x7ff)
  a.and(spare, chance, spare)
  a.ld(near, cellAt.word, cells)
  a.add(near, near, spare)
}

const callAlias: Piece = (maker) => {
  const { a, draw } = maker
  const at = draw.below(aliasPages) * pageBytes + draw.from(aliasEntries)
  loop(maker, outer, 1 + draw.below(16), () => {
    if (draw.once(3)) {
      a.la(spare, `alias ${draw.below(aliasPages)} ${draw.below(aliasEntries.length)}`)
    } else {
      a.li(spare, at)
      a.add(spare, spare, aliases)
    }
    a.jalr('ra', spare, 0)
  })
}

/** Two pages of the window change places, and the TLB is told: of each, or of all. */
const remap: Piece = (maker) => {
  const { a, draw } = maker
  const [one, other] = [draw.below(aliasPages), draw.below(aliasPages)]
  a.ld(spare, cellAt.entries, cells)
  a.ld('t0', 8 * one, spare)
  a.ld('t1', 8 * other, spare)
  a.sd('t1', 8 * one, spare)
  a.sd('t0', 8 * other, spare)
  if (draw.once(2)) {
    a.sfence('zero')
  } else {
    for (const page of [one, other]) {
      a.li(spare, page * pageBytes)
      a.add(spare, spare, aliases)
      a.sfence(spare)
    }
  }
  callAlias(maker)
}

/** An addition becomes another one. Until the fence, the old one may run. */
const changeCode: Piece = (maker) => {
  const { a, draw } = maker
  const which = `changing ${draw.below(aliasPages)}`
  loop(maker, outer, 1 + draw.below(6), () => {
    a.la(spare, which)
    a.lw('t0', 0, spare)
    a.lui('t1', 0x100)
    a.add('t0', 't0', 't1')
    a.sw('t0', 0, spare)
    if (draw.once(3)) a.jalr('ra', spare, 0)
    a.fencei()
    a.jalr('ra', spare, 0)
  })
}

/** The program writes a routine, and runs it hot. */
const compile: Piece = (maker) => {
  const { a, draw } = maker
  const addition = 0x13 | rd(x('a0')) | rs1(x('a0'))
  const back = 0x8067
  a.la('t0', 'room for code')
  a.li('t1', (BigInt(back) << 32n) | BigInt(addition))
  rollChance(maker)
  a.andi(spare, chance, 0x3ff)
  a.slli(spare, spare, 20)
  a.add('t1', 't1', spare)
  a.sd('t1', 0, 't0')
  a.fencei()
  loop(maker, outer, 1 + draw.below(20), () => {
    a.la(spare, 'room for code')
    a.jalr('ra', spare, 0)
  })
}

const callDevice: Piece = (maker) => {
  const { a, draw } = maker
  loop(maker, inner, 1 + draw.below(20), () => {
    a.li(spare, deviceVa)
    draw.from([a.lw, a.ld, a.lbu])(draw.from(free), 0, spare)
    if (draw.once(2)) a.sw(draw.from(free), 8, spare)
    soup(maker, 1 + draw.below(3))
  })
}

/** To where nothing is mapped, no page may be executed, or no address is. */
const wildJump: Piece = (maker) => {
  const { a, draw } = maker
  const bit = 1n << BigInt(36 + draw.below(28))
  loop(maker, outer, 1 + draw.below(6), () => {
    a.la(spare, draw.from(['function 0', 'function 1', 'alias 0 1', 'cells']))
    a.li('t0', draw.once(3) ? bit * BigInt(draw.below(32)) : bit)
    a.xor(spare, spare, 't0')
    a.jalr('ra', spare, 0)
  })
}

const statusBits = [0x2000, 0x4000, 0x6000, 0x4_0000, 0x8_0000, 0xc_0000]

/** FS, SUM or MXR are other than before, inside a loop or before it. */
const changeStatus: Piece = (maker) => {
  const { a, draw, mode } = maker
  const change = () => {
    a.li(spare, draw.from(statusBits))
    draw.from([a.csrrs, a.csrrc])(draw.from(free), mode === 'S' ? 'sstatus' : 'mstatus', spare)
  }
  if (draw.once(2)) change()
  loop(maker, inner, 1 + draw.below(20), () => {
    if (draw.once(3)) change()
    soup(maker, 1 + draw.below(3))
    for (let n = 0; n < 3; n++) float(maker)
  })
  if (draw.once(2)) a.csrrs('zero', mode === 'S' ? 'sstatus' : 'mstatus', spare)
  a.li(spare, 0x6000)
  a.csrrs('zero', mode === 'S' ? 'sstatus' : 'mstatus', spare)
}

/** Loads and stores as the mode below would do them. */
const modifyPrivilege: Piece = (maker) => {
  const { a, draw, mode } = maker
  if (mode === 'S') return
  a.li(spare, 0x1800)
  a.csrrc('zero', 'mstatus', spare)
  a.li(spare, 0x2_0000 | (draw.below(2) << 11))
  a.csrrs('zero', 'mstatus', spare)
  loop(maker, inner, 1 + draw.below(20), () => soup(maker, 3, [memory, integer]))
  a.li(spare, 0x2_0000)
  a.csrrc('zero', 'mstatus', spare)
}

const enterUser: Piece = (maker) => {
  const { a, draw, mode } = maker
  const back = maker.fresh()
  const [epc, status] =
    mode === 'S' ? (['sepc', 'sstatus'] as const) : (['mepc', 'mstatus'] as const)
  a.la(spare, back)
  a.sd(spare, cellAt.userReturn, cells)
  a.li(inner, 1 + draw.below(30))
  // Between here and the return no interrupt may come: it would take the address with it.
  a.li(spare, mode === 'S' ? 2 : 8)
  a.csrrc('zero', status, spare)
  a.li(spare, userVa)
  a.csrrw('zero', epc, spare)
  a.li(spare, mode === 'S' ? 0x120 : 0x1800)
  a.csrrc('zero', status, spare)
  a.li(spare, mode === 'S' ? 0x20 : 0x80)
  a.csrrs('zero', status, spare)
  if (mode === 'S') a.sret()
  else a.mret()
  a.label(back)
}

const wait: Piece = ({ a, draw }) => draw.from([() => a.wfi(), () => a.ecall()])()

/** What a program is drawn from. */
export const pieces: readonly Piece[] = [
  ...often(5, hotLoop),
  ...often(3, branchy),
  ...often(2, irreducible),
  ...often(3, call),
  ...often(3, callByTable),
  ...often(2, jumpTable),
  ...often(2, recursion),
  ...often(4, moveNear),
  ...often(3, callAlias),
  ...often(2, remap),
  ...often(2, changeCode),
  ...often(2, compile),
  ...often(2, callDevice),
  ...often(2, changeStatus),
  ...often(3, enterUser),
  modifyPrivilege,
  modifyPrivilege,
  wildJump,
  trapping,
  trapping,
  wait,
]
