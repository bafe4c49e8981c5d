// Rounding an exact result to a format, with the flags that this raises (IEEE 754-2019 sections 4.3
// and 7). Bits that do not fit in 64 are jammed: whether any was one stands in the lowest bit,
// which is below every rounding point. Tininess is detected after rounding, as RISC-V wants it.

import { Flag, Rounding, bias, canonicalNan, fieldMax, fractionBits } from './float-number'
import { infinity, isSignaling, zero } from './float-number'
import { raise } from './float-registers'

/** Shifts right and keeps in the lowest bit whether a one fell out. */
export function jam(bits: u64, by: i32): u64 {
  if (by == 0) return bits
  if (by > 63) return <u64>(bits != 0)
  return bits >> by | <u64>(bits << (64 - by) != 0)
}

/** Whether what is kept grows by one; `rest` is what is lost, as a fraction of 2^64. */
export function roundsUp(sign: u64, kept: u64, rest: u64, mode: u32): bool {
  const half: u64 = 0x8000000000000000
  switch (mode) {
    case Rounding.nearestEven: return rest > half || (rest == half && (kept & 1) != 0)
    case Rounding.nearestAway: return rest >= half
    case Rounding.down: return sign != 0 && rest != 0
    case Rounding.up: return sign == 0 && rest != 0
    default: return false
  }
}

/** `bits` without its low `drop` (1 or more) ones. */
@inline
export function keptOf(bits: u64, drop: i32): u64 {
  return drop > 63 ? 0 : bits >> drop
}

/** Those, as a fraction of 2^64. */
@inline
export function restOf(bits: u64, drop: i32): u64 {
  return drop > 64 ? <u64>(bits != 0) : bits << (64 - drop)
}

/** significand x 2^(exponent - 63) in format T; the significand's top bit is set. */
export function round<T>(sign: u64, exponent: i32, significand: u64, mode: u32): u64 {
  const lowest = 1 - bias<T>()
  const precisionDrop = 63 - fractionBits<T>()
  const below = exponent < lowest ? lowest - exponent : 0
  const kept = keptOf(significand, precisionDrop + below)
  const rest = restOf(significand, precisionDrop + below)
  const up = roundsUp(sign, kept, rest, mode)
  if (rest != 0) {
    const tiny = below > 1 || (below == 1 && !carries(sign, significand, precisionDrop, mode))
    raise(tiny ? Flag.inexact | Flag.underflow : Flag.inexact)
  }
  // The hidden bit, or a carry into its place, counts one exponent up.
  const field = below != 0 ? 0 : exponent + bias<T>() - 1
  const magnitude = (<u64>field << fractionBits<T>()) + kept + <u64>up
  if (field >= fieldMax<T>() - 1 || magnitude >= infinity<T>(0)) return overflow<T>(sign, mode)
  return zero<T>(sign) | magnitude
}

/** Whether rounding to full precision makes the next power of two. */
function carries(sign: u64, significand: u64, drop: i32, mode: u32): bool {
  const kept = keptOf(significand, drop)
  return roundsUp(sign, kept, restOf(significand, drop), mode) && kept + 1 == <u64>1 << (64 - drop)
}

/** Infinity, or the largest number where the mode does not round that far. */
function overflow<T>(sign: u64, mode: u32): u64 {
  raise(Flag.overflow | Flag.inexact)
  const isAway = mode == Rounding.nearestEven || mode == Rounding.nearestAway ||
    (sign != 0 ? mode == Rounding.down : mode == Rounding.up)
  return infinity<T>(sign) - <u64>!isAway
}

/** The result where an operand is a NaN; a signaling one is an invalid operation. */
export function nanOf<T>(a: u64, b: u64): u64 {
  if (isSignaling<T>(a) || isSignaling<T>(b)) raise(Flag.invalid)
  return canonicalNan<T>()
}

export function invalid<T>(): u64 {
  raise(Flag.invalid)
  return canonicalNan<T>()
}

/** A sum that is exactly zero, of two numbers that are not both so or differ in sign. */
@inline
export function exactZero<T>(mode: u32): u64 {
  return zero<T>(<u64>(mode == Rounding.down))
}
