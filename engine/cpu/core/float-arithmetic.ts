// Sum, product, quotient and square root by integer arithmetic, exact in every rounding mode and
// every flag (IEEE 754-2019 section 5.4.1). The processor's own are faster where they will do:
// float-native.ts.

import { Flag, exponentOf, infinity, isInfinite, isFinite, isNan, isZero } from './float-number'
import { magnitudeOf, signBit, signOf, significandOf, zero } from './float-number'
import { raise } from './float-registers'
import { exactZero, invalid, jam, nanOf, round } from './float-round'
import { multiplyHighUnsigned } from './arithmetic'

export function add<T>(a: u64, b: u64, mode: u32): u64 {
  if (isNan<T>(a) || isNan<T>(b)) return nanOf<T>(a, b)
  if (isInfinite<T>(a)) return isInfinite<T>(b) && a != b ? invalid<T>() : a
  if (isInfinite<T>(b)) return b
  if (isZero<T>(b)) return isZero<T>(a) && a != b ? exactZero<T>(mode) : a
  if (isZero<T>(a)) return b
  const isLarger = magnitudeOf<T>(a) >= magnitudeOf<T>(b)
  return isLarger ? addSmaller<T>(a, b, mode) : addSmaller<T>(b, a, mode)
}

export function subtract<T>(a: u64, b: u64, mode: u32): u64 {
  return add<T>(a, b ^ signBit<T>(), mode)
}

/**
 * |a| >= |b| > 0. Both lose a bit at the bottom, where they have zeros, for the carry at the top.
 */
function addSmaller<T>(a: u64, b: u64, mode: u32): u64 {
  const exponent = exponentOf<T>(a)
  const larger = significandOf<T>(a) >> 1
  const smaller = jam(significandOf<T>(b) >> 1, exponent - exponentOf<T>(b))
  const sum = signOf<T>(a) == signOf<T>(b) ? larger + smaller : larger - smaller
  if (sum == 0) return exactZero<T>(mode)
  const shift = <i32>clz(sum)
  return round<T>(signOf<T>(a), exponent + 1 - shift, sum << shift, mode)
}

export function multiply<T>(a: u64, b: u64, mode: u32): u64 {
  if (isNan<T>(a) || isNan<T>(b)) return nanOf<T>(a, b)
  const sign = signOf<T>(a) ^ signOf<T>(b)
  if (isInfinite<T>(a)) return isZero<T>(b) ? invalid<T>() : infinity<T>(sign)
  if (isInfinite<T>(b)) return isZero<T>(a) ? invalid<T>() : infinity<T>(sign)
  if (isZero<T>(a) || isZero<T>(b)) return zero<T>(sign)
  const left = significandOf<T>(a)
  const right = significandOf<T>(b)
  const high = multiplyHighUnsigned(left, right)
  const shift = <i32>clz(high)
  const low = left * right
  // The product of two numbers from 1 up to 2 is below 4: it has its top bit in one of two places.
  const significand = shift == 0 ? high : high << 1 | low >> 63
  const exponent = exponentOf<T>(a) + exponentOf<T>(b) + 1 - shift
  return round<T>(sign, exponent, significand | <u64>(low << shift != 0), mode)
}

export function divide<T>(a: u64, b: u64, mode: u32): u64 {
  if (isNan<T>(a) || isNan<T>(b)) return nanOf<T>(a, b)
  const sign = signOf<T>(a) ^ signOf<T>(b)
  if (isInfinite<T>(a)) return isInfinite<T>(b) ? invalid<T>() : infinity<T>(sign)
  if (isInfinite<T>(b)) return zero<T>(sign)
  if (isZero<T>(b)) {
    if (isZero<T>(a)) return invalid<T>()
    raise(Flag.divideByZero)
    return infinity<T>(sign)
  }
  if (isZero<T>(a)) return zero<T>(sign)
  const quotient = divideSignificands(significandOf<T>(a) >> 11, significandOf<T>(b) >> 11)
  const shift = <i32>clz(quotient)
  const exponent = exponentOf<T>(a) - exponentOf<T>(b) + 8 - shift
  return round<T>(sign, exponent, quotient << shift, mode)
}

/**
 * a / b x 2^55, jammed, of two significands of 53 bits: 55 or 56 bits. 11 bits at a time, as many
 * as a remainder has room for.
 */
function divideSignificands(a: u64, b: u64): u64 {
  let quotient = a / b
  let remainder = a % b
  for (let i = 0; i < 5; i++) {
    remainder <<= 11
    quotient = quotient << 11 | remainder / b
    remainder %= b
  }
  return quotient | <u64>(remainder != 0)
}

export function squareRoot<T>(a: u64, mode: u32): u64 {
  if (isNan<T>(a)) return nanOf<T>(a, a)
  if (isZero<T>(a)) return a
  if (signOf<T>(a) != 0) return invalid<T>()
  if (!isFinite<T>(a)) return a
  const exponent = exponentOf<T>(a)
  const radicand = significandOf<T>(a) >> 11 << (exponent & 1)
  return round<T>(0, exponent >> 1, rootOf(radicand) << 9, mode)
}

/** The root of radicand x 2^56, jammed: 55 bits, one for each two of its 54 bits and 56 zeros. */
function rootOf(radicand: u64): u64 {
  let root: u64 = 0
  let remainder: u64 = 0
  for (let i = 0; i < 55; i++) {
    const two: u64 = i < 27 ? radicand >> (52 - 2 * i) & 3 : 0
    remainder = remainder << 2 | two
    const trial = root << 2 | 1
    const fits = remainder >= trial
    if (fits) remainder -= trial
    root = root << 1 | <u64>fits
  }
  return root | <u64>(remainder != 0)
}
