// Between integers and floating-point numbers, and between the two formats (unprivileged
// specification, "Single-Precision Floating-Point Conversion and Move Instructions"). What does not
// fit in an integer is invalid, and gives the nearest that does; a NaN counts as too large.

import { Flag, exponentOf, infinity, isInfinite, isNan, isZero, signOf } from './float-number'
import { significandOf, zero } from './float-number'
import { raise } from './float-registers'
import { keptOf, nanOf, restOf, round, roundsUp } from './float-round'

/** The kinds of integer, in the order of the instruction's rs2 field. */
const enum Integer { word = 0, unsignedWord = 1, double = 2, unsignedDouble = 3 }

export function fromInteger<T>(value: u64, kind: u32, mode: u32): u64 {
  let wide = value
  if (kind == Integer.word) wide = <u64><i32>value
  if (kind == Integer.unsignedWord) wide = <u64><u32>value
  const isNegative = (kind & 1) == 0 && <i64>wide < 0
  const magnitude = isNegative ? 0 - wide : wide
  if (magnitude == 0) return zero<T>(0)
  const shift = <i32>clz(magnitude)
  return round<T>(<u64>isNegative, 63 - shift, magnitude << shift, mode)
}

/** Words are sign-extended, the unsigned one too. */
export function toInteger<T>(bits: u64, kind: u32, mode: u32): u64 {
  const sign: u64 = isNan<T>(bits) ? 0 : signOf<T>(bits)
  const limit = largestMagnitude(kind, sign)
  if (isZero<T>(bits)) return 0
  if (isNan<T>(bits) || isInfinite<T>(bits) || exponentOf<T>(bits) > 63) return saturate(kind, sign)
  const drop = 63 - exponentOf<T>(bits)
  const significand = significandOf<T>(bits)
  const kept = drop == 0 ? significand : keptOf(significand, drop)
  const rest = drop == 0 ? 0 : restOf(significand, drop)
  const magnitude = kept + <u64>roundsUp(sign, kept, rest, mode)
  if (magnitude > limit) return saturate(kind, sign)
  if (rest != 0) raise(Flag.inexact)
  return asRegister(kind, sign != 0 ? 0 - magnitude : magnitude)
}

function largestMagnitude(kind: u32, sign: u64): u64 {
  switch (kind) {
    case Integer.word: return 0x7fffffff + sign
    case Integer.unsignedWord: return sign != 0 ? 0 : 0xffffffff
    case Integer.double: return 0x7fffffffffffffff + sign
    default: return sign != 0 ? 0 : ~(<u64>0)
  }
}

function saturate(kind: u32, sign: u64): u64 {
  raise(Flag.invalid)
  const magnitude = largestMagnitude(kind, sign)
  return asRegister(kind, sign != 0 ? 0 - magnitude : magnitude)
}

function asRegister(kind: u32, value: u64): u64 {
  return kind <= <u32>Integer.unsignedWord ? <u64><i32>value : value
}

/** From format F to format T; from single to double it is always exact. */
export function convert<F, T>(bits: u64, mode: u32): u64 {
  if (isNan<F>(bits)) {
    nanOf<F>(bits, bits)
    return nanOf<T>(0, 0)
  }
  const sign = signOf<F>(bits)
  if (isInfinite<F>(bits)) return infinity<T>(sign)
  if (isZero<F>(bits)) return zero<T>(sign)
  return round<T>(sign, exponentOf<F>(bits), significandOf<F>(bits), mode)
}
