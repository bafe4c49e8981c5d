import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as exact from '../exact-float.ts'
import { boxed, dynamic, FloatHart, floatWord, fusedWord, type Kind } from '../float-hart.ts'

const hart = new FloatHart()
const formats = [
  { name: 'singles', format: exact.single, field: 0, raw: boxed },
  { name: 'doubles', format: exact.double, field: 1, raw: (bits: bigint) => bits },
] as const
type Case = (typeof formats)[number]

/**
 * Finite numbers where rounding is hard: any bits, few bits set (ties, exact results), near the
 * ends of the format, and near one.
 */
function finite({ format }: Case): fc.Arbitrary<bigint> {
  const { precision, exponentMax, bits } = format
  const fraction = fc.oneof(
    fc.bigInt(0n, (1n << BigInt(precision - 1)) - 1n),
    fc.integer({ min: 0, max: precision - 2 }).map((n) => 1n << BigInt(n)),
    fc.bigInt(0n, 3n),
    fc.bigInt(0n, 3n).map((n) => (1n << BigInt(precision - 1)) - 1n - n),
  )
  const field = fc.oneof(
    fc.integer({ min: 0, max: 2 * exponentMax }),
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 2 * exponentMax - 2, max: 2 * exponentMax }),
    fc.integer({ min: exponentMax - 30, max: exponentMax + 30 }),
    // Products and quotients of these are near the smallest numbers.
    fc.integer({ min: (exponentMax >> 1) - 20, max: (exponentMax >> 1) + 20 }),
  )
  return fc
    .tuple(fc.bigInt(0n, 1n), field, fraction)
    .map(([s, e, f]) => (s << BigInt(bits - 1)) | (BigInt(e) << BigInt(precision - 1)) | f)
}

const mode = fc.constantFrom(...Object.values(exact.roundings))
/** Inexact raised before or not: the native and the soft way. */
const flagsBefore = fc.constantFrom(0, exact.flags.nx)
const runs = { numRuns: 1500 }

const isBelow = (bits: bigint, { format }: Case) => exact.isNegative(bits, format)
/** The sign of an exact zero that is a sum of `a` and `b`. */
const zeroSign = (a: boolean, b: boolean, mode: exact.Rounding) =>
  a === b ? a : mode === exact.roundings.rdn

/** What an instruction of two operands must come to. */
const references: Record<
  string,
  (a: bigint, b: bigint, m: exact.Rounding, c: Case) => exact.Rounded
> = {
  add: (a, b, m, c) => sumOf(a, b, m, c),
  sub: (a, b, m, c) => sumOf(a, b ^ exact.signBit(c.format), m, c),
  mul: (a, b, m, c) => {
    const value = exact.product(exact.worthOf(a, c.format), exact.worthOf(b, c.format))
    return exact.round(value, m, c.format, isBelow(a, c) !== isBelow(b, c))
  },
  div: (a, b, m, c) => {
    const value = exact.quotient(exact.worthOf(a, c.format), exact.worthOf(b, c.format))
    return exact.round(value, m, c.format, isBelow(a, c) !== isBelow(b, c))
  },
}

function sumOf(a: bigint, b: bigint, m: exact.Rounding, c: Case): exact.Rounded {
  const value = exact.sum(exact.worthOf(a, c.format), exact.worthOf(b, c.format))
  return exact.round(value, m, c.format, zeroSign(isBelow(a, c), isBelow(b, c), m))
}

function fusedOf(variant: number, [a, b, c]: bigint[], m: exact.Rounding, of: Case): exact.Rounded {
  const { format } = of
  const sign = exact.signBit(format)
  const left = (a ?? 0n) ^ (variant >= 2 ? sign : 0n)
  const addend = (c ?? 0n) ^ (variant === 1 || variant === 3 ? sign : 0n)
  const product = exact.product(exact.worthOf(left, format), exact.worthOf(b ?? 0n, format))
  const value = exact.sum(product, exact.worthOf(addend, format))
  const isProductBelow = isBelow(left, of) !== isBelow(b ?? 0n, of)
  return exact.round(value, m, format, zeroSign(isProductBelow, isBelow(addend, of), m))
}

describe.each(formats)('Arithmetic of $name', (of) => {
  test.each(['add', 'sub', 'mul', 'div'] as const)('f%s is exact in result and flags', (kind) => {
    fc.assert(
      fc.property(finite(of), finite(of), mode, flagsBefore, (a, b, m, before) => {
        fc.pre(kind !== 'div' || exact.worthOf(b, of.format).numerator !== 0n)
        const word = floatWord({ kind: kind as Kind, format: of.field, funct3: m })
        const result = hart.does(word, { f: [of.raw(a), of.raw(b)], fcsr: before })
        const wanted = references[kind]?.(a, b, m, of)
        expect(result.f).toBe(of.raw(wanted?.bits ?? -1n))
        expect(result.fcsr).toBe((wanted?.flags ?? -1) | before)
      }),
      runs,
    )
  })

  test('fsqrt is exact in result and flags', () => {
    fc.assert(
      fc.property(finite(of), mode, flagsBefore, (bits, m, before) => {
        const a = bits & (exact.signBit(of.format) - 1n)
        const word = floatWord({ kind: 'sqrt', format: of.field, funct3: m, rs2: 0 })
        const result = hart.does(word, { f: [of.raw(a)], fcsr: before })
        const wanted = exact.round(exact.squareRoot(exact.worthOf(a, of.format)), m, of.format)
        expect(result.f).toBe(of.raw(wanted.bits))
        expect(result.fcsr).toBe(wanted.flags | before)
      }),
      { numRuns: 400 },
    )
  })

  test.each([0, 1, 2, 3])('fused multiply-add, variant %i, rounds once', (variant) => {
    fc.assert(
      fc.property(finite(of), finite(of), finite(of), mode, (a, b, c, m) => {
        const result = hart.does(fusedWord(variant, of.field, m), { f: [a, b, c].map(of.raw) })
        const wanted = fusedOf(variant, [a, b, c], m, of)
        expect(result.f).toBe(of.raw(wanted.bits))
        expect(result.fcsr).toBe(wanted.flags)
      }),
      runs,
    )
  })

  test('an addend that nearly cancels the product leaves what rounding would lose', () => {
    fc.assert(
      fc.property(finite(of), finite(of), mode, (a, b, m) => {
        const value = exact.product(exact.worthOf(a, of.format), exact.worthOf(b, of.format))
        const c = exact.round(value, exact.roundings.rne, of.format)
        fc.pre(exact.isFiniteNumber(c.bits, of.format))
        const result = hart.does(fusedWord(1, of.field, m), { f: [a, b, c.bits].map(of.raw) })
        const wanted = fusedOf(1, [a, b, c.bits], m, of)
        expect(result.f).toBe(of.raw(wanted.bits))
        expect(result.fcsr).toBe(wanted.flags)
      }),
      runs,
    )
  })

  test('the rounding mode of frm counts where the instruction says so', () => {
    const third = (frm: number) => {
      const word = floatWord({ kind: 'div', format: of.field, funct3: dynamic })
      return hart.does(word, { f: [of.raw(one(of)), of.raw(three(of))], fcsr: frm << 5 })
    }
    expect(third(exact.roundings.rup).f - third(exact.roundings.rdn).f).toBe(1n)
    expect(third(exact.roundings.rtz).f).toBe(third(exact.roundings.rdn).f)
  })
})

const one = ({ format }: Case) => BigInt(format.exponentMax) << BigInt(format.precision - 1)
const three = ({ format }: Case) =>
  (BigInt(format.exponentMax + 1) << BigInt(format.precision - 1)) |
  (1n << BigInt(format.precision - 2))

describe('Beside the host', () => {
  const view = new DataView(new ArrayBuffer(8))
  // JavaScript's NaN has any bits.
  const bitsOf = (n: number) => {
    view.setFloat64(0, n)
    return Number.isNaN(n) ? exact.canonicalNan(exact.double) : view.getBigUint64(0)
  }
  const single = (n: number) => {
    view.setFloat32(0, n)
    const bits = Number.isNaN(n) ? exact.canonicalNan(exact.single) : BigInt(view.getUint32(0))
    return boxed(bits)
  }
  const operations = {
    add: (a: number, b: number) => a + b,
    sub: (a: number, b: number) => a - b,
    mul: (a: number, b: number) => a * b,
    div: (a: number, b: number) => a / b,
  }

  test.each(Object.entries(operations))('f%s.d is JavaScript’s', (kind, operation) => {
    fc.assert(
      fc.property(fc.double(), fc.double(), flagsBefore, (a, b, before) => {
        const word = floatWord({ kind: kind as Kind, format: 1, funct3: 0 })
        const { f } = hart.does(word, { f: [bitsOf(a), bitsOf(b)], fcsr: before })
        expect(f).toBe(bitsOf(operation(a, b)))
      }),
      runs,
    )
  })

  test.each(Object.entries(operations))('f%s.s is JavaScript’s, rounded', (kind, operation) => {
    fc.assert(
      fc.property(fc.float(), fc.float(), flagsBefore, (a, b, before) => {
        const word = floatWord({ kind: kind as Kind, format: 0, funct3: 0 })
        const { f } = hart.does(word, { f: [single(a), single(b)], fcsr: before })
        expect(f).toBe(single(operation(a, b)))
      }),
      runs,
    )
  })

  test('fsqrt.d is Math.sqrt', () => {
    fc.assert(
      fc.property(fc.double(), flagsBefore, (a, before) => {
        const word = floatWord({ kind: 'sqrt', format: 1, funct3: 0, rs2: 0 })
        expect(hart.does(word, { f: [bitsOf(a)], fcsr: before }).f).toBe(bitsOf(Math.sqrt(a)))
      }),
      runs,
    )
  })
})
