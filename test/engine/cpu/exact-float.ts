// IEEE 754 arithmetic by exact fractions of BigInt: what the hart's soft float is held to. Slow and
// plain on purpose: a result is a fraction, and is rounded once, as the standard says it.
// Not here: NaNs and infinities as operands, which the tests name one by one.
// Source: IEEE 754-2019 sections 4.3 (rounding) and 7 (exceptions); tininess after rounding.

export interface Format {
  readonly bits: number
  /** With the hidden one. */
  readonly precision: number
  readonly exponentMax: number
}
export const single: Format = { bits: 32, precision: 24, exponentMax: 127 }
export const double: Format = { bits: 64, precision: 53, exponentMax: 1023 }

/** The values of an instruction's rounding field. */
export const roundings = { rne: 0, rtz: 1, rdn: 2, rup: 3, rmm: 4 } as const
export type Rounding = (typeof roundings)[keyof typeof roundings]
export const flags = { nx: 1, uf: 2, of: 4, dz: 8, nv: 16 } as const

export interface Rounded {
  readonly bits: bigint
  readonly flags: number
}

/** numerator / denominator, the denominator above 0. */
export interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

const power = (exponent: number) => 1n << BigInt(exponent)
const abs = (n: bigint) => (n < 0n ? -n : n)
const bitLength = (n: bigint) => n.toString(2).length

/** n x 2^exponent. */
const scaled = (n: bigint, exponent: number): Fraction =>
  exponent >= 0
    ? { numerator: n * power(exponent), denominator: 1n }
    : { numerator: n, denominator: power(-exponent) }

const fractionBits = (format: Format) => format.precision - 1
export const infinity = (format: Format): bigint =>
  BigInt(2 * format.exponentMax + 1) << BigInt(fractionBits(format))
export const signBit = (format: Format): bigint => power(format.bits - 1)
export const canonicalNan = (format: Format): bigint =>
  infinity(format) | power(format.precision - 2)

export const isFiniteNumber = (bits: bigint, format: Format): boolean =>
  (bits & (signBit(format) - 1n)) < infinity(format)
export const isNegative = (bits: bigint, format: Format): boolean => (bits & signBit(format)) !== 0n

/** What finite bits are worth. */
export function worthOf(bits: bigint, format: Format): Fraction {
  const magnitude = bits & (signBit(format) - 1n)
  const field = Number(magnitude >> BigInt(fractionBits(format)))
  const fraction = magnitude & (power(fractionBits(format)) - 1n)
  const significand = field === 0 ? fraction : fraction | power(fractionBits(format))
  const exponent = Math.max(field, 1) - format.exponentMax - fractionBits(format)
  return scaled(isNegative(bits, format) ? -significand : significand, exponent)
}

export const sum = (a: Fraction, b: Fraction): Fraction => ({
  numerator: a.numerator * b.denominator + b.numerator * a.denominator,
  denominator: a.denominator * b.denominator,
})
export const negative = (a: Fraction): Fraction => ({ ...a, numerator: -a.numerator })
export const product = (a: Fraction, b: Fraction): Fraction => ({
  numerator: a.numerator * b.numerator,
  denominator: a.denominator * b.denominator,
})
export function quotient(a: Fraction, b: Fraction): Fraction {
  const sign = b.numerator < 0n ? -1n : 1n
  return {
    numerator: sign * a.numerator * b.denominator,
    denominator: a.denominator * abs(b.numerator),
  }
}

/**
 * Of a positive fraction: exact if it can be, else something between the two neighbours at 2^-1200,
 * which rounds as the root does.
 */
export function squareRoot({ numerator, denominator }: Fraction): Fraction {
  const radicand = (numerator << 2400n) / denominator
  const isWhole = radicand * denominator === numerator << 2400n
  const root = wholeRoot(radicand)
  const twice = 2n * root + (isWhole && root * root === radicand ? 0n : 1n)
  return { numerator: twice, denominator: power(1201) }
}

/** By Newton's iteration. */
function wholeRoot(n: bigint): bigint {
  if (n < 2n) return n
  let root = power(Math.ceil(bitLength(n) / 2))
  for (;;) {
    const next = (root + n / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** The whole number next to a fraction that is not negative. */
function roundWhole({ numerator, denominator }: Fraction, mode: Rounding, isBelowZero: boolean) {
  const kept = numerator / denominator
  const rest = numerator % denominator
  const half = 2n * rest - denominator
  const up = [
    half > 0n || (half === 0n && kept % 2n === 1n),
    false,
    isBelowZero && rest > 0n,
    !isBelowZero && rest > 0n,
    half >= 0n,
  ][mode]
  return { whole: up ? kept + 1n : kept, isExact: rest === 0n }
}

/** To a whole number, of either sign. */
export function roundToWhole(value: Fraction, mode: Rounding): bigint {
  const isBelowZero = value.numerator < 0n
  const { whole } = roundWhole(isBelowZero ? negative(value) : value, mode, isBelowZero)
  return isBelowZero ? -whole : whole
}

/** floor(log2) of a positive fraction. */
function exponentOf(value: Fraction): number {
  const guess = bitLength(value.numerator) - bitLength(value.denominator)
  const { numerator, denominator } = product(value, scaled(1n, -guess))
  return numerator >= denominator ? guess : guess - 1
}

/** Rounds to the format. `zeroSign`: of a result that is exactly zero. */
export function round(value: Fraction, mode: Rounding, format: Format, zeroSign = false): Rounded {
  if (value.numerator === 0n) return { bits: zeroSign ? signBit(format) : 0n, flags: 0 }
  const isBelowZero = value.numerator < 0n
  const magnitude = isBelowZero ? negative(value) : value
  const lowest = 1 - format.exponentMax
  const exponent = exponentOf(magnitude)
  const at = (unit: number) => roundWhole(product(magnitude, scaled(1n, -unit)), mode, isBelowZero)
  const unit = Math.max(exponent, lowest) - fractionBits(format)
  const { whole, isExact } = at(unit)
  const freely = at(exponent - fractionBits(format)).whole
  const isTiny = exponent < lowest && (exponent < lowest - 1 || freely < power(format.precision))
  const sign = isBelowZero ? signBit(format) : 0n
  const largest = power(format.precision) - 1n
  const isOver = product({ numerator: whole, denominator: 1n }, scaled(1n, unit))
  const top = scaled(largest, format.exponentMax - fractionBits(format))
  if (isOver.numerator * top.denominator > top.numerator * isOver.denominator) {
    const toInfinity = mode === 0 || mode === 4 || (isBelowZero ? mode === 2 : mode === 3)
    const bits = sign | (toInfinity ? infinity(format) : infinity(format) - 1n)
    return { bits, flags: flags.of | flags.nx }
  }
  const field = BigInt(Math.max(exponent, lowest) + format.exponentMax - 1)
  const isSubnormal = whole < power(fractionBits(format))
  const bits = isSubnormal ? whole : (field << BigInt(fractionBits(format))) + whole
  const raised = isExact ? 0 : isTiny ? flags.nx | flags.uf : flags.nx
  return { bits: sign | bits, flags: raised }
}
