// Round-to-nearest-even by WebAssembly's own arithmetic, which rounds so but tells no flags. Each
// function says whether it could: the result is finite and so far from both ends of the format that
// only `inexact` can be to raise, and that is known: by the exact error of a sum (Knuth, The Art of
// Computer Programming, section 4.2.2, theorem B), else because it stands in fflags already.

import { Vm } from './layout'
import { Flag, fieldMax, fieldOf } from './float-number'
import { isRaised, raise } from './float-registers'

@inline
export function numberOf<T>(bits: u64): T {
  return sizeof<T>() == 8 ? <T>reinterpret<f64>(bits) : <T>reinterpret<f32>(<u32>bits)
}

@inline
export function bitsOf<T>(number: T): u64 {
  return sizeof<T>() == 8 ? reinterpret<u64>(<f64>number) : <u64>reinterpret<u32>(<f32>number)
}

/** Keeps a result whose exponent is not at an end of the format. */
@inline
function keep<T>(result: T, fieldMin: i32): bool {
  const bits = bitsOf<T>(result)
  const field = fieldOf<T>(bits)
  store<u64>(Vm.value, bits)
  return field >= fieldMin && field < fieldMax<T>() - 1
}

/** The result is in Vm.value. Small sums are exact: nothing can happen at the lower end. */
export function addNatively<T>(a: u64, b: u64): bool {
  const x = numberOf<T>(a)
  const y = numberOf<T>(b)
  const sum = x + y
  if (!keep<T>(sum, 0)) return false
  const part = sum - x
  const error = <T>(x - (sum - part)) + <T>(y - part)
  if (error != <T>0) raise(Flag.inexact)
  return true
}

export function multiplyNatively<T>(a: u64, b: u64): bool {
  return isRaised(Flag.inexact) && keep<T>(<T>(numberOf<T>(a) * numberOf<T>(b)), 2)
}

export function divideNatively<T>(a: u64, b: u64): bool {
  return isRaised(Flag.inexact) && keep<T>(<T>(numberOf<T>(a) / numberOf<T>(b)), 2)
}

export function rootNatively<T>(a: u64): bool {
  if (!isRaised(Flag.inexact)) return false
  return keep<T>(sizeof<T>() == 8 ? <T>sqrt<f64>(numberOf<T>(a)) : <T>sqrt<f32>(numberOf<T>(a)), 2)
}
