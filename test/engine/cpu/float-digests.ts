// A program that does every floating-point instruction on many operands in every rounding mode, and
// prints a digest of results and flags for each instruction: the same on any hart that is right.
// Then it waits for ever. For machines that begin in M-mode at the start of RAM and have the UART
// of QEMU's `virt`.

import type { Assembler } from './assembler.ts'
import { boxed, type FloatForm, floatWord, fusedWord } from './float-hart.ts'

export const uartGpa = 0x1000_0000
/** The UART's line status, and its bit "another byte may come". */
export const lineStatusGpa = uartGpa + 5
export const readyForByte = 0x20

/** Instructions by a name for a person. */
export const floatInstructions: ReadonlyMap<string, number> = new Map(
  ['s', 'd'].flatMap((suffix, format) => {
    const named = (name: string, form: Omit<FloatForm, 'format'>): [string, number] => [
      `${name}.${suffix}`,
      floatWord({ format, ...form }),
    ]
    const many = (names: string, form: (n: number) => Omit<FloatForm, 'format'>) =>
      names.split(' ').map((name, n) => named(name, form(n)))
    const fused = ['fmadd', 'fmsub', 'fnmsub', 'fnmadd'].map((name, n): [string, number] => [
      `${name}.${suffix}`,
      fusedWord(n, format, 7),
    ])
    return [
      named('fadd', { kind: 'add' }),
      named('fsub', { kind: 'sub' }),
      named('fmul', { kind: 'mul' }),
      named('fdiv', { kind: 'div' }),
      named('fsqrt', { kind: 'sqrt', rs2: 0 }),
      named('fcvt from the other', { kind: 'convertFormat', rs2: 1 - format }),
      ...many('fsgnj fsgnjn fsgnjx', (funct3) => ({ kind: 'sgnj', funct3 })),
      ...many('fmin fmax', (funct3) => ({ kind: 'minmax', funct3 })),
      ...many('fle flt feq', (funct3) => ({ kind: 'compare', funct3 })),
      ...many('to.w to.wu to.l to.lu', (rs2) => ({ kind: 'toInteger', rs2 })),
      ...many('from.w from.wu from.l from.lu', (rs2) => ({ kind: 'fromInteger', rs2 })),
      ...many('fmv.x fclass', (funct3) => ({ kind: 'toX', funct3, rs2: 0 })),
      named('fmv.from.x', { kind: 'fromX', funct3: 0, rs2: 0 }),
      ...fused,
    ]
  }),
)

const operandSets = 300
/** f1, f2, f3 and x10. */
const operandsBytes = 32
const modes = 5

/** The same numbers in each run: Knuth's MMIX generator, its upper half. */
function numbers(): () => bigint {
  let state = 0x9e37_79b9_7f4a_7c15n
  const half = () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)
    return state >> 32n
  }
  return () => (half() << 32n) | half()
}

const specials = [
  ...[0n, 1n << 63n, 0x3ff0n << 48n, 0x7ff0n << 48n, 0xfff0n << 48n, 0x7ff8n << 48n, 1n],
  ...[
    0x7ff0_0000_0000_0001n,
    0x0010n << 48n,
    0x7fef_ffff_ffff_ffffn,
    0x43e0n << 48n,
    0x41e0n << 48n,
  ],
  ...[0n, 0x8000_0000n, 0x3f80_0000n, 0x7f80_0000n, 0x7fc0_0000n, 0x7f80_0001n, 1n].map(boxed),
  ...[0x0080_0000n, 0x7f7f_ffffn, 0x5f00_0000n, 0xcf00_0000n].map(boxed),
]

/**
 * Specials, singles and doubles of any size, such near one, where sums cancel, and now and then the
 * one before with the same or the other sign.
 */
function operand(next: () => bigint, before: bigint): bigint {
  const bits = next()
  const choice = Number(next() % 9n)
  if (choice === 8) return before ^ ((bits & 1n) << ((bits & 2n) === 0n ? 63n : 31n))
  if (choice === 0) return specials[Number(bits % BigInt(specials.length))] ?? 0n
  if (choice <= 2) return bits
  if (choice <= 4) return boxed(bits & 0xffff_ffffn)
  if (choice === 5) return boxed((bits & 0x80ff_ffffn) | 0x3f00_0000n)
  return (bits & 0x800f_ffff_ffff_ffffn) | ((0x3fen + (bits & 3n)) << 52n)
}

/** s0: operands, s1: how many sets are left, s2: digests, s3: the multiplier, s4: frm << 5. */
export function floatDigests(a: Assembler): void {
  a.li('t0', 0x2000)
  a.csrrs('zero', 'mstatus', 't0')
  a.li('s3', 0x9e37_79b9_7f4a_7c15n)
  a.li('s4', 0)
  a.label('mode')
  a.la('s0', 'operands')
  a.li('s1', operandSets)
  a.label('set')
  a.la('s2', 'digests')
  for (const word of floatInstructions.values()) digestOf(a, word)
  a.addi('s0', 's0', operandsBytes)
  a.addi('s1', 's1', -1)
  // The body is longer than a branch reaches.
  a.beq('s1', 'zero', 'next-mode')
  a.jal('zero', 'set')
  a.label('next-mode')
  a.addi('s4', 's4', 1 << 5)
  a.li('t0', modes << 5)
  a.beq('s4', 't0', 'print')
  a.jal('zero', 'mode')
  a.label('print')
  printDigests(a)
  a.label('end')
  a.wfi()
  a.jal('zero', 'end')
  a.align(8)
  a.label('operands')
  const next = numbers()
  for (let n = 0; n < operandSets; n++) {
    let before = 0n
    for (let each = 0; each < 3; each++) {
      before = operand(next, before)
      a.dword(before)
    }
    a.dword(next() >> (next() % 64n))
  }
  a.label('digests')
  for (const _ of floatInstructions) a.dword(0n)
}

const loadDouble = (f: number, offset: number) => 0x0004_3007 | (f << 7) | (offset << 20)
const moveToX = (x: number, f: number) => 0xe200_0053 | (x << 7) | (f << 15)

function digestOf(a: Assembler, word: number): void {
  for (const f of [1, 2, 3]) a.word(loadDouble(f, 8 * (f - 1)))
  a.ld('a0', 24, 's0')
  a.li('a1', 0)
  a.word(0xf200_0053) // fmv.d.x f0, zero
  // In every other set inexact is raised before: our hart then goes another way.
  a.andi('t0', 's1', 1)
  a.or('t0', 't0', 's4')
  a.csrrw('zero', 'fcsr', 't0')
  a.word(word)
  a.csrrs('t1', 'fflags', 'zero')
  a.word(moveToX(7, 0))
  a.ld('t3', 0, 's2')
  for (const part of ['t1', 't2', 'a1'] as const) {
    a.xor('t3', 't3', part)
    a.mul('t3', 't3', 's3')
    a.srli('t4', 't3', 32)
    a.xor('t3', 't3', 't4')
  }
  a.sd('t3', 0, 's2')
  a.addi('s2', 's2', 8)
}

/** 16 hexadecimal digits and a line feed each. */
function printDigests(a: Assembler): void {
  a.li('a2', uartGpa)
  a.la('s2', 'digests')
  a.li('s1', floatInstructions.size)
  a.label('digest')
  a.ld('t3', 0, 's2')
  a.li('t4', 60)
  a.label('digit')
  a.srl('t0', 't3', 't4')
  a.andi('t0', 't0', 15)
  a.sltiu('t1', 't0', 10)
  a.addi('t0', 't0', 0x57)
  a.beq('t1', 'zero', 'letter')
  a.addi('t0', 't0', 0x30 - 0x57)
  a.label('letter')
  printByte(a, 'digit-ready')
  a.addi('t4', 't4', -4)
  a.bge('t4', 'zero', 'digit')
  a.li('t0', 0x0a)
  printByte(a, 'end-ready')
  a.addi('s2', 's2', 8)
  a.addi('s1', 's1', -1)
  a.bne('s1', 'zero', 'digest')
}

/** t0, when the UART has room for it; it is at a2. */
function printByte(a: Assembler, label: string): void {
  a.label(label)
  a.lbu('t1', lineStatusGpa - uartGpa, 'a2')
  a.andi('t1', 't1', readyForByte)
  a.beq('t1', 'zero', label)
  a.sb('t0', 0, 'a2')
}
