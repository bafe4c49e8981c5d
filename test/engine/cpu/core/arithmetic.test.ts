// Integer instructions against what the specification says of them, written in BigInt: each on
// random operands that favour the edges (0, 1, -1, the smallest and the greatest of 32 and 64
// bits).
// Source: unprivileged specification, chapters RV32I, RV64I and M.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import { signed, TestHart, unsigned } from '../test-hart.ts'

const smallest = -(1n << 63n)
const smallestWord = -(1n << 31n)
const s32 = (v: bigint) => BigInt.asIntN(32, v)
const u32 = (v: bigint) => BigInt.asUintN(32, v)

/**
 * RISC-V divides towards zero, as BigInt does; by zero it gives all ones, and the dividend remains.
 */
const divide = (a: bigint, b: bigint) => (b === 0n ? -1n : a / b)
const remain = (a: bigint, b: bigint) => (b === 0n ? a : a % b)

type Binary = (a: bigint, b: bigint) => bigint

/** Operands are signed 64-bit values; results are taken modulo 2^64. */
// tidy: data table
const registerInstructions = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  sll: (a, b) => a << (b & 63n),
  srl: (a, b) => unsigned(a) >> (b & 63n),
  sra: (a, b) => a >> (b & 63n),
  slt: (a, b) => (a < b ? 1n : 0n),
  sltu: (a, b) => (unsigned(a) < unsigned(b) ? 1n : 0n),
  addw: (a, b) => s32(a + b),
  subw: (a, b) => s32(a - b),
  sllw: (a, b) => s32(a << (b & 31n)),
  srlw: (a, b) => s32(u32(a) >> (b & 31n)),
  sraw: (a, b) => s32(a) >> (b & 31n),
  mul: (a, b) => a * b,
  mulh: (a, b) => (a * b) >> 64n,
  mulhsu: (a, b) => (a * unsigned(b)) >> 64n,
  mulhu: (a, b) => (unsigned(a) * unsigned(b)) >> 64n,
  div: divide,
  divu: (a, b) => divide(unsigned(a), unsigned(b)),
  rem: remain,
  remu: (a, b) => remain(unsigned(a), unsigned(b)),
  mulw: (a, b) => s32(a * b),
  divw: (a, b) => s32(divide(s32(a), s32(b))),
  divuw: (a, b) => s32(divide(u32(a), u32(b))),
  remw: (a, b) => s32(remain(s32(a), s32(b))),
  remuw: (a, b) => s32(remain(u32(a), u32(b))),
} satisfies Partial<Record<keyof Assembler, Binary>>

// tidy: data table
const immediateInstructions = {
  addi: (a, i) => a + i,
  slti: (a, i) => (a < i ? 1n : 0n),
  sltiu: (a, i) => (unsigned(a) < unsigned(i) ? 1n : 0n),
  xori: (a, i) => a ^ i,
  ori: (a, i) => a | i,
  andi: (a, i) => a & i,
  addiw: (a, i) => s32(a + i),
} satisfies Partial<Record<keyof Assembler, Binary>>

// tidy: data table
const shiftInstructions = {
  slli: (a, i) => a << i,
  srli: (a, i) => unsigned(a) >> i,
  srai: (a, i) => a >> i,
  slliw: (a, i) => s32(a << i),
  srliw: (a, i) => s32(u32(a) >> i),
  sraiw: (a, i) => s32(a) >> i,
} satisfies Partial<Record<keyof Assembler, Binary>>

const edges = [
  0n,
  1n,
  -1n,
  63n,
  64n,
  smallest,
  -smallest - 1n,
  smallestWord,
  -smallestWord,
  1n << 32n,
]
const operand = fc.oneof(
  fc.constantFrom(...edges),
  fc.bigInt({ min: smallest, max: -smallest - 1n }),
)

/** Puts the operands in a0 and a1, and gives what the program made of them in a2. */
function evaluator(write: (a: Assembler) => void): Binary {
  const hart = new TestHart((a) => {
    a.label('again')
    write(a)
    a.ecall()
    a.jal('zero', 'again')
  })
  return (left, right) => signed(hart.set('a0', left).set('a1', right).toEcall().get('a2'))
}

const entries = <T extends object>(table: T) =>
  Object.entries(table) as [keyof T & keyof Assembler, Binary][]

describe('an instruction on two registers', () => {
  test.each(entries(registerInstructions))('%s', (name, meaning) => {
    const run = evaluator((a) => a[name]('a2', 'a0', 'a1'))
    fc.assert(
      fc.property(operand, operand, (left, right) => {
        expect(run(left, right)).toBe(signed(meaning(left, right)))
      }),
    )
  })
  test('gives its result when both registers are the destination too', () => {
    const run = evaluator((a) => {
      a.addi('a2', 'a0', 0)
      a.add('a2', 'a2', 'a2')
    })
    expect(run(21n, 0n)).toBe(42n)
  })
})

describe('an instruction on a register and a constant', () => {
  const immediates = [0, 1, -1, 42, 2047, -2048]
  test.each(entries(immediateInstructions))('%s', (name, meaning) => {
    for (const imm of immediates) {
      const run = evaluator((a) => (a[name] as Assembler['addi'])('a2', 'a0', imm))
      for (const left of edges) {
        expect(run(left, 0n), `${left}, ${imm}`).toBe(signed(meaning(left, BigInt(imm))))
      }
    }
  })
  test.each(entries(shiftInstructions))('%s', (name, meaning) => {
    const amounts = name.endsWith('w') ? [0, 1, 31] : [0, 1, 31, 32, 63]
    for (const amount of amounts) {
      const run = evaluator((a) => (a[name] as Assembler['slli'])('a2', 'a0', amount))
      for (const left of [...edges, 0x0123456789abcdefn]) {
        expect(run(left, 0n), `${left}, ${amount}`).toBe(signed(meaning(left, BigInt(amount))))
      }
    }
  })
})

describe('constants', () => {
  test('lui is sign-extended from 32 bits', () => {
    const run = evaluator((a) => a.lui('a2', 0x80000))
    expect(run(0n, 0n)).toBe(smallestWord)
  })
  test('auipc adds to its own address', () => {
    const hart = new TestHart((a) => {
      a.nop()
      a.label('here')
      a.auipc('a2', 1)
      a.ecall()
    }).toEcall()
    expect(hart.get('a2')).toBe(hart.program.addressOf('here') + 0x1000n)
  })
  test('li loads any value', () => {
    fc.assert(
      fc.property(operand, (value) => {
        expect(evaluator((a) => a.li('a2', value))(0n, 0n)).toBe(value)
      }),
      { numRuns: 50 },
    )
  })
})

test('x0 stays zero whatever is written to it', () => {
  const hart = new TestHart((a) => {
    a.addi('zero', 'zero', 5)
    a.lui('zero', 1)
    a.ld('zero', 0, 's0')
    a.csrrs('zero', 'sscratch', 'zero')
    a.amoaddd('zero', 's0', 's0')
    a.addi('a2', 'zero', 0)
    a.ecall()
  }).set('s0', 0x8000_1000n)
  expect(hart.toEcall().get('a2')).toBe(0n)
  expect(hart.get('zero')).toBe(0n)
})
