// IEEE 754-2019 numbers as their bits: T is f64 or f32, bits are the low bytes of a u64. A finite
// number other than zero is significand x 2^(exponent - 63), the significand's top bit set; that
// makes subnormal numbers like all others. Not here: registers and NaN boxing (float-registers.ts).

export const enum Rounding { nearestEven = 0, towardZero = 1, down = 2, up = 3, nearestAway = 4 }

/** Bits of fflags. */
export const enum Flag { inexact = 1, underflow = 2, overflow = 4, divideByZero = 8, invalid = 16 }

@inline
export function fractionBits<T>(): i32 {
  return sizeof<T>() == 8 ? 52 : 23
}

@inline
export function bias<T>(): i32 {
  return sizeof<T>() == 8 ? 1023 : 127
}

/** The exponent field of infinities and NaNs. */
@inline
export function fieldMax<T>(): i32 {
  return 2 * bias<T>() + 1
}

@inline
export function signBit<T>(): u64 {
  return <u64>1 << (8 * sizeof<T>() - 1)
}

@inline
export function canonicalNan<T>(): u64 {
  return sizeof<T>() == 8 ? 0x7ff8000000000000 : 0x7fc00000
}

@inline
export function infinity<T>(sign: u64): u64 {
  return zero<T>(sign) | <u64>fieldMax<T>() << fractionBits<T>()
}

@inline
export function zero<T>(sign: u64): u64 {
  return sign << (8 * sizeof<T>() - 1)
}

/** 1 for negative. */
@inline
export function signOf<T>(bits: u64): u64 {
  return bits >> (8 * sizeof<T>() - 1)
}

@inline
export function magnitudeOf<T>(bits: u64): u64 {
  return bits & (signBit<T>() - 1)
}

@inline
export function fieldOf<T>(bits: u64): i32 {
  return <i32>(bits >> fractionBits<T>()) & fieldMax<T>()
}

@inline
function fractionOf<T>(bits: u64): u64 {
  return bits & ((<u64>1 << fractionBits<T>()) - 1)
}

@inline
export function isZero<T>(bits: u64): bool {
  return magnitudeOf<T>(bits) == 0
}

@inline
export function isInfinite<T>(bits: u64): bool {
  return magnitudeOf<T>(bits) == infinity<T>(0)
}

@inline
export function isNan<T>(bits: u64): bool {
  return magnitudeOf<T>(bits) > infinity<T>(0)
}

@inline
export function isFinite<T>(bits: u64): bool {
  return magnitudeOf<T>(bits) < infinity<T>(0)
}

/** A NaN whose quiet bit, the fraction's first, is off. */
@inline
export function isSignaling<T>(bits: u64): bool {
  return isNan<T>(bits) && (bits >> (fractionBits<T>() - 1) & 1) == 0
}

/** Of a finite number other than zero. */
export function exponentOf<T>(bits: u64): i32 {
  const field = fieldOf<T>(bits)
  if (field != 0) return field - bias<T>()
  return 1 - bias<T>() - (<i32>clz(fractionOf<T>(bits)) - (63 - fractionBits<T>()))
}

/** Of a finite number other than zero: its bits from bit 63 down. */
export function significandOf<T>(bits: u64): u64 {
  const fraction = fractionOf<T>(bits)
  if (fieldOf<T>(bits) == 0) return fraction << clz(fraction)
  return (fraction | <u64>1 << fractionBits<T>()) << (63 - fractionBits<T>())
}
