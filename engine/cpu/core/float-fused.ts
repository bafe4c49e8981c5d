// a x b + c with one rounding, of the exact 128-bit product and sum (IEEE 754-2019 section 5.4.1,
// fusedMultiplyAdd). The 128-bit numbers are two u64, high and low. Infinity times zero is invalid
// even when c is a quiet NaN, as RISC-V wants it.

import { Flag, canonicalNan, exponentOf, infinity, isInfinite, isNan } from './float-number'
import { isSignaling, isZero, signOf, significandOf } from './float-number'
import { raise } from './float-registers'
import { exactZero, invalid, jam, round } from './float-round'
import { multiply } from './float-arithmetic'
import { multiplyHighUnsigned } from './arithmetic'

export function multiplyAdd<T>(a: u64, b: u64, c: u64, mode: u32): u64 {
  const isInvalid = (isInfinite<T>(a) && isZero<T>(b)) || (isZero<T>(a) && isInfinite<T>(b))
  if (isNan<T>(a) || isNan<T>(b) || isNan<T>(c)) {
    const signals = isSignaling<T>(a) || isSignaling<T>(b) || isSignaling<T>(c)
    if (isInvalid || signals) raise(Flag.invalid)
    return canonicalNan<T>()
  }
  if (isInvalid) return invalid<T>()
  const sign = signOf<T>(a) ^ signOf<T>(b)
  if (isInfinite<T>(a) || isInfinite<T>(b)) {
    return isInfinite<T>(c) && signOf<T>(c) != sign ? invalid<T>() : infinity<T>(sign)
  }
  if (isInfinite<T>(c)) return c
  if (isZero<T>(a) || isZero<T>(b)) {
    return isZero<T>(c) && signOf<T>(c) != sign ? exactZero<T>(mode) : c
  }
  return isZero<T>(c) ? multiply<T>(a, b, mode) : addProduct<T>(sign, a, b, c, mode)
}

/** Nothing is zero, infinite or NaN. The sum has its top bit at 126 or above: room for a carry. */
function addProduct<T>(sign: u64, a: u64, b: u64, c: u64, mode: u32): u64 {
  const left = significandOf<T>(a)
  const right = significandOf<T>(b)
  const top = multiplyHighUnsigned(left, right)
  const bottom = left * right
  const half = <i32>clz(top)
  // Its top bit to 126: one place down, or as it is. The lowest bits of the product are zeros.
  const high = half != 0 ? top : top >> 1
  const low = half != 0 ? bottom : bottom >> 1 | top << 63
  const exponent = exponentOf<T>(a) + exponentOf<T>(b) + 1 - half
  const addend = significandOf<T>(c) >> 1
  const addendSign = signOf<T>(c)
  const distance = exponent - exponentOf<T>(c)
  const isLonger = high > addend || (high == addend && low != 0)
  if (distance > 0 || (distance == 0 && isLonger)) {
    const smallHigh = shiftedHigh(addend, distance)
    const smallLow = shiftedLow(addend, 0, distance)
    if (addendSign == sign) return add<T>(sign, exponent, high, low, smallHigh, smallLow, mode)
    return subtract<T>(sign, exponent, high, low, smallHigh, smallLow, mode)
  }
  const largest = exponentOf<T>(c)
  const smallHigh = shiftedHigh(high, -distance)
  const smallLow = shiftedLow(high, low, -distance)
  if (addendSign == sign) return add<T>(sign, largest, addend, 0, smallHigh, smallLow, mode)
  return subtract<T>(addendSign, largest, addend, 0, smallHigh, smallLow, mode)
}

function shiftedHigh(high: u64, by: i32): u64 {
  return by > 63 ? 0 : high >> by
}

/** Jammed. */
function shiftedLow(high: u64, low: u64, by: i32): u64 {
  if (by == 0) return low
  if (by > 63) return jam(high, by - 64) | <u64>(low != 0)
  return jam(low, by) | high << (64 - by)
}

function add<T>(
  sign: u64, exponent: i32, high: u64, low: u64, high2: u64, low2: u64, mode: u32,
): u64 {
  const sumLow = low + low2
  const sumHigh = high + high2 + <u64>(sumLow < low)
  return finish<T>(sign, exponent, sumHigh, sumLow, mode)
}

function subtract<T>(
  sign: u64, exponent: i32, high: u64, low: u64, high2: u64, low2: u64, mode: u32,
): u64 {
  const restHigh = high - high2 - <u64>(low < low2)
  return finish<T>(sign, exponent, restHigh, low - low2, mode)
}

/** (high, low) x 2^(exponent - 126). */
function finish<T>(sign: u64, exponent: i32, high: u64, low: u64, mode: u32): u64 {
  if ((high | low) == 0) return exactZero<T>(mode)
  if (high == 0) {
    const shift = <i32>clz(low)
    return round<T>(sign, exponent + 1 - 64 - shift, low << shift, mode)
  }
  const shift = <i32>clz(high)
  const moved = shift == 0 ? high : high << shift | low >> (64 - shift)
  return round<T>(sign, exponent + 1 - shift, moved | <u64>(low << shift != 0), mode)
}
