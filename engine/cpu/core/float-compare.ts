// Order, extremes, signs and classes of floating-point numbers (unprivileged specification,
// "Single-Precision Floating-Point Compare Instruction" and "... Classify Instruction"). Minimum
// and maximum are IEEE 754-2019's minimumNumber and maximumNumber: of a number and a NaN, the
// number.

import { Flag, canonicalNan, fieldOf, isInfinite, isNan, isSignaling } from './float-number'
import { isZero, magnitudeOf, signBit, signOf } from './float-number'
import { raise } from './float-registers'
import { nanOf } from './float-round'

/** Values of funct3. */
const enum Compare { lessOrEqual = 0, less = 1, equal = 2 }
const enum SignFrom { same = 0, opposite = 1, product = 2 }

/** Only equality does not mind a quiet NaN. */
export function compare<T>(kind: u32, a: u64, b: u64): u64 {
  if (isNan<T>(a) || isNan<T>(b)) {
    if (kind != Compare.equal || isSignaling<T>(a) || isSignaling<T>(b)) raise(Flag.invalid)
    return 0
  }
  const areEqual = a == b || (isZero<T>(a) && isZero<T>(b))
  if (areEqual) return <u64>(kind != Compare.less)
  return <u64>(kind != Compare.equal && isBelow<T>(a, b))
}

/** Of numbers that are not NaN; -0 is below +0 here. */
function isBelow<T>(a: u64, b: u64): bool {
  if (signOf<T>(a) != signOf<T>(b)) return signOf<T>(a) != 0
  return signOf<T>(a) != 0 ? a > b : a < b
}

export function minimum<T>(a: u64, b: u64): u64 {
  if (isNan<T>(a) || isNan<T>(b)) return numberAmong<T>(a, b)
  return isBelow<T>(a, b) ? a : b
}

export function maximum<T>(a: u64, b: u64): u64 {
  if (isNan<T>(a) || isNan<T>(b)) return numberAmong<T>(a, b)
  return isBelow<T>(a, b) ? b : a
}

function numberAmong<T>(a: u64, b: u64): u64 {
  nanOf<T>(a, b)
  if (isNan<T>(a)) return isNan<T>(b) ? canonicalNan<T>() : b
  return a
}

/** `a` with a sign that depends on that of `b`. */
export function injectSign<T>(kind: u32, a: u64, b: u64): u64 {
  const sign = b & signBit<T>()
  if (kind == SignFrom.product) return a ^ sign
  return magnitudeOf<T>(a) | (kind == SignFrom.same ? sign : sign ^ signBit<T>())
}

/** One bit of ten: -inf, -normal, -subnormal, -0, +0, +subnormal, +normal, +inf, sNaN, qNaN. */
export function classify<T>(a: u64): u64 {
  if (isNan<T>(a)) return isSignaling<T>(a) ? 1 << 8 : 1 << 9
  const size = sizeClass<T>(a)
  return <u64>1 << (signOf<T>(a) != 0 ? 3 - size : 4 + size)
}

function sizeClass<T>(a: u64): u64 {
  if (isZero<T>(a)) return 0
  if (fieldOf<T>(a) == 0) return 1
  return isInfinite<T>(a) ? 3 : 2
}
