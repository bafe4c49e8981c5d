// Programs that begin in M-mode and change everything that a hart runs under: CSRs at random, modes
// up and down, page tables on and off, protection, traps of all kinds at any instruction. Their
// handler counts and sums up what came, and goes on behind it. The first protection entry is locked
// over their code: nothing changes that, so all they do is certain without a fence.i. Seeded: the
// same seed is the same program. Not here: what must hold (privileged-transcript.test.ts).

import type { Assembler, Register } from '../cpu/assembler.ts'
import { ramOrigin, ramStart, TestHart } from '../cpu/test-hart.ts'
import { Draw } from '../differential/draw.ts'

const bodyPieces = 200
const rootGpa = ramStart + 0x8000
const dataGpa = ramStart + 0x1_0000
const ramBytes = 2 << 20
/** Read, write, execute, user, accessed, dirty in usual and in useless mixtures, all valid. */
const leafBits = [0xcf, 0xdf, 0x4f, 0xc7, 0xcb, 0x0f, 0xcf, 0xdf] as const

// tidy: data table
// biome-ignore format: a table
const csrs = [
  0x300, 0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x30a, 0x320, 0x340, 0x341, 0x342, 0x343,
  0x344, 0x344, 0x3a0, 0x3a2, 0x3b0, 0x3b1, 0x3b2, 0x3bf, 0x180, 0x100, 0x100, 0x104, 0x105, 0x106,
  0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0xb00, 0xb02, 0x001, 0x002, 0x003, 0xc00, 0xc01,
  0xc02, 0x5c0,
] as const
/** fadd.d, fmv.d.x, fsub.d, fmv.x.d, feq.d. */
const floats = [0x02007053, 0xf20500d3, 0x0a20f0d3, 0xe20085d3, 0xa2102553] as const
/** s10, s11, x0, t0, t1, a0, s9, t6; and where the old value goes. */
const sources = [26, 27, 0, 5, 6, 10, 25, 31] as const
const targets = [0, 5, 6, 7, 10, 28] as const

/** Where the handler counts the traps that came. */
export const trapCounter: Register = 's8'

/** A hart with that program; it translates what has been jumped to so often, 0: nothing. */
export function privilegedHart(seed: number, threshold: number): TestHart {
  const options = { mode: 'M', sbi: 'firmware', ramBytes, threshold } as const
  return new TestHart((a) => privilegedSoup(a, new Draw(seed)), options)
}

function privilegedSoup(a: Assembler, draw: Draw): void {
  begin(a, draw)
  a.label('again')
  for (let n = 0; n < bodyPieces; n++) anyPiece(a, draw, n)
  a.la('t0', 'trap')
  a.csrrw('zero', 'mtvec', 't0')
  a.jal('zero', 'again')
  handler(a)
}

function begin(a: Assembler, draw: Draw): void {
  a.la('t0', 'trap')
  a.csrrw('zero', 'mtvec', 't0')
  // Entry 0: the code, 32 KiB, locked, not to be written. Entry 1: all else.
  for (const [csr, value] of [
    ['pmpaddr0', (ramOrigin >> 2n) | 0xfffn],
    ['pmpaddr1', (1n << 54n) - 1n],
    ['pmpcfg0', 0x1f9dn],
  ] as const) {
    a.li('t0', value)
    a.csrrw('zero', csr, 't0')
  }
  // Four gigabytes as they are.
  a.li('t1', rootGpa)
  for (let n = 0; n < 4; n++) {
    a.li('t0', (BigInt(n) << 28n) | BigInt(draw.from(leafBits)))
    a.sd('t0', 8 * n, 't1')
  }
  a.li('s9', (8n << 60n) | BigInt(rootGpa / 4096))
  a.li('s10', BigInt(draw.below(2 ** 31)) << BigInt(draw.below(32)))
  a.li('s11', draw.below(2 ** 31))
  a.li(trapCounter, 0)
}

function anyPiece(a: Assembler, draw: Draw, n: number): void {
  const kinds = [
    ...[anyCsr, anyCsr, anyCsr, anyAccess, anyAccess, goElsewhere],
    () => a.csrrw('zero', 'satp', draw.from(['s9', 's9', 'zero'] as const)),
    () => a.addi('s10', 's10', draw.below(2000)),
    () => a.mul('s11', 's11', 's10'),
    () => a.word(draw.from(floats)),
    () =>
      draw.from([
        a.mret,
        a.sret,
        a.wfi,
        a.fencei,
        a.ecall,
        a.ebreak,
        () => a.half(0),
        () => fence(a),
      ])(),
  ] as const
  draw.from(kinds)(a, draw, n)
}

const fence = (a: Assembler) => a.sfence('s10')

function anyCsr(a: Assembler, draw: Draw): void {
  const change = draw.from([1, 2, 3, 5, 6, 7] as const)
  const operands = (draw.from(sources) << 15) | (draw.from(targets) << 7)
  a.word(((draw.from(csrs) << 20) | (change << 12) | operands | 0x73) >>> 0)
}

/** Data, the edge of a page, the end of RAM, nothing at all. */
function anyAccess(a: Assembler, draw: Draw): void {
  const ends = [dataGpa + 0xffc, ramStart + ramBytes - 16, 0x4000_0000]
  a.li('t1', draw.from([dataGpa + 8 * draw.below(64), ...ends]))
  const offset = 4 * draw.below(8)
  draw.from([
    () => a.lw('t2', offset, 't1'),
    () => a.sw('s10', offset, 't1'),
    () => a.ld('t2', offset, 't1'),
    () => a.sd('s11', offset, 't1'),
    () => a.lbu('t2', offset, 't1'),
    () => a.amoaddw('t2', 's11', 't1'),
    () => {
      a.lrd('t2', 't1')
      a.scd('t3', 's10', 't1')
    },
  ])()
}

/** A return to the next piece, in whatever mode. */
function goElsewhere(a: Assembler, draw: Draw, n: number): void {
  a.la('t0', `piece-${n}`)
  a.csrrw('zero', draw.from(['mepc', 'sepc'] as const), 't0')
  a.li('t0', 3 << 11)
  a.csrrc('zero', 'mstatus', 't0')
  a.li('t0', draw.from([0, 1, 3] as const) << 11)
  a.csrrs('zero', 'mstatus', 't0')
  draw.from([a.mret, a.sret])()
  a.label(`piece-${n}`)
}

/** Sums up causes and values in s7 and s6, and goes on 4 bytes further in M-mode. */
function handler(a: Assembler): void {
  a.align(4)
  a.label('trap')
  a.li('t0', 1 << 17)
  a.csrrc('zero', 'mstatus', 't0')
  a.addi(trapCounter, trapCounter, 1)
  a.csrrs('t1', 'mtval', 'zero')
  a.add('s6', 's6', 't1')
  a.csrrs('t0', 'mcause', 'zero')
  a.add('s7', 's7', 't0')
  a.csrrw('zero', 'mie', 'zero')
  a.blt('t0', 'zero', 'back')
  a.csrrs('t0', 'mepc', 'zero')
  a.addi('t0', 't0', 4)
  a.la('t1', 'again')
  a.bltu('t0', 't1', 'start')
  a.la('t1', 'trap')
  a.bltu('t0', 't1', 'on')
  a.label('start')
  a.la('t0', 'again')
  a.label('on')
  a.csrrw('zero', 'mepc', 't0')
  a.li('t0', 3 << 11)
  a.csrrs('zero', 'mstatus', 't0')
  a.label('back')
  a.mret()
}
