// Zba, Zbb and Zbs against what the specification says of them, written in BigInt, on random
// operands that favour the edges; and that what is close to their encodings stays illegal.
// Source: unprivileged specification, chapter "B Extension for Bit Manipulation".

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { x } from '../assembler.ts'
import { amountForms, pairForms, singleForms, withFields } from '../bit-forms.ts'
import { machine } from '../machine-mode.ts'
import { TestHart } from '../test-hart.ts'

const u = (bits: number, v: bigint) => BigInt.asUintN(bits, v)
const s = (bits: number, v: bigint) => BigInt.asIntN(bits, v)
const one = (at: bigint) => 1n << (at & 63n)
const rotate = (bits: number, v: bigint, by: bigint) => {
  const amount = by & BigInt(bits - 1)
  const whole = u(bits, v)
  return s(bits, (whole << amount) | (whole >> (BigInt(bits) - amount)))
}
const digits = (bits: number, v: bigint) => u(bits, v).toString(2).padStart(bits, '0')
const leading = (text: string) => BigInt(`${text}1`.indexOf('1'))
const reversed = (text: string) => [...text].reverse().join('')
const ones = (text: string) => BigInt([...text].filter((digit) => digit === '1').length)
const bytesOf = (v: bigint) => Array.from({ length: 8 }, (_, n) => u(8, v >> BigInt(8 * n)))
const fromBytes = (bytes: readonly bigint[]) =>
  bytes.reduce((sum, byte, n) => sum | (byte << BigInt(8 * n)), 0n)

/** Operands and results are unsigned 64-bit values, results modulo 2^64. */
type Binary = (a: bigint, b: bigint) => bigint

// tidy: data table
const pairs: Record<keyof typeof pairForms, Binary> = {
  adduw: (a, b) => u(32, a) + b,
  sh1add: (a, b) => 2n * a + b,
  sh2add: (a, b) => 4n * a + b,
  sh3add: (a, b) => 8n * a + b,
  sh1adduw: (a, b) => 2n * u(32, a) + b,
  sh2adduw: (a, b) => 4n * u(32, a) + b,
  sh3adduw: (a, b) => 8n * u(32, a) + b,
  andn: (a, b) => a & ~b,
  orn: (a, b) => a | ~b,
  xnor: (a, b) => ~(a ^ b),
  max: (a, b) => (s(64, a) > s(64, b) ? a : b),
  maxu: (a, b) => (a > b ? a : b),
  min: (a, b) => (s(64, a) < s(64, b) ? a : b),
  minu: (a, b) => (a < b ? a : b),
  rol: (a, b) => rotate(64, a, b),
  ror: (a, b) => rotate(64, a, -b),
  rolw: (a, b) => rotate(32, a, b),
  rorw: (a, b) => rotate(32, a, -b),
  bclr: (a, b) => a & ~one(b),
  bext: (a, b) => (a >> (b & 63n)) & 1n,
  binv: (a, b) => a ^ one(b),
  bset: (a, b) => a | one(b),
}

// tidy: data table
const singles: Record<keyof typeof singleForms, (a: bigint) => bigint> = {
  clz: (a) => leading(digits(64, a)),
  ctz: (a) => leading(reversed(digits(64, a))),
  cpop: (a) => ones(digits(64, a)),
  clzw: (a) => leading(digits(32, a)),
  ctzw: (a) => leading(reversed(digits(32, a))),
  cpopw: (a) => ones(digits(32, a)),
  sextb: (a) => s(8, a),
  sexth: (a) => s(16, a),
  zexth: (a) => u(16, a),
  orcb: (a) => fromBytes(bytesOf(a).map((byte) => (byte === 0n ? 0n : 0xffn))),
  rev8: (a) => fromBytes(bytesOf(a).reverse()),
}

// tidy: data table
const amounts: Record<keyof typeof amountForms, Binary> = {
  slliuw: (a, n) => u(32, a) << n,
  rori: (a, n) => rotate(64, a, -n),
  roriw: (a, n) => rotate(32, a, -n),
  bclri: (a, n) => a & ~one(n),
  bexti: (a, n) => (a >> n) & 1n,
  binvi: (a, n) => a ^ one(n),
  bseti: (a, n) => a | one(n),
}

const edges = [0n, 1n, 63n, 1n << 31n, 1n << 32n, 1n << 63n, (1n << 64n) - 1n, 0x8000_ff00_0100n]
const operand = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }))
const names = <T extends object>(table: T) => Object.keys(table) as (keyof T & string)[]

/** Puts the operands in a0 and a1, and gives what the instruction made of them in a2. */
function evaluator(word: number): Binary {
  const hart = new TestHart((a) => {
    a.label('again')
    a.word(word)
    a.ecall()
    a.jal('zero', 'again')
  })
  return (left, right) => hart.set('a0', left).set('a1', right).toEcall().get('a2')
}

test.each(names(pairForms))('%s', (name) => {
  const run = evaluator(withFields(pairForms[name], x('a2'), x('a0'), x('a1')))
  fc.assert(
    fc.property(operand, operand, (a, b) => {
      expect(run(a, b)).toBe(u(64, pairs[name](a, b)))
    }),
  )
})

test.each(names(singleForms))('%s', (name) => {
  const run = evaluator(withFields(singleForms[name], x('a2'), x('a0')))
  fc.assert(
    fc.property(operand, (a) => {
      expect(run(a, 0n)).toBe(u(64, singles[name](a)))
    }),
  )
})

test.each(names(amountForms))('%s', (name) => {
  for (const amount of name === 'roriw' ? [0, 1, 17, 31] : [0, 1, 31, 32, 63]) {
    const run = evaluator(withFields(amountForms[name], x('a2'), x('a0'), amount))
    for (const a of edges) {
      expect(run(a, 0n), `${a}, ${amount}`).toBe(u(64, amounts[name](a, BigInt(amount))))
    }
  }
})

describe('illegal are', () => {
  test.each([
    ['roriw by 32', withFields(amountForms.roriw, 12, 10, 32)],
    ['pack, which is zext.h with a second operand', withFields(singleForms.zexth, 12, 10, 11)],
    ['clmul of Zbc', 0x0a001033],
    ['a unary instruction without a name', 0x60301013],
    ['rev8 as RV32 has it', 0x69805013],
    ['sext.b on words', 0x6040101b],
    ['sh1add with an odd funct3', 0x20001033],
  ])('%s', (_, word) => {
    const hart = machine((a) => a.word(word)).toWfi()
    expect(hart.get('a6')).toBe(2n)
    expect(hart.get('a5')).toBe(BigInt(word))
  })
})
