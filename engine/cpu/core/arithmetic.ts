// The M extension's results that WebAssembly has no instruction for: high halves of products, and
// divisions that never trap (unprivileged specification, table "Semantics for division by zero and
// division overflow").

/** High 64 bits of the 128-bit product, from four 32-bit ones. */
export function multiplyHighUnsigned(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff
  const aHigh = a >> 32
  const bLow = b & 0xffffffff
  const bHigh = b >> 32
  const middle = aHigh * bLow + ((aLow * bLow) >> 32)
  const carry = aLow * bHigh + (middle & 0xffffffff)
  return aHigh * bHigh + (middle >> 32) + (carry >> 32)
}

/** A negative factor counts 2^64 too much of the other one. */
export function multiplyHigh(a: u64, b: u64): u64 {
  return multiplyHighMixed(a, b) - (<i64>b < 0 ? a : 0)
}

/** `a` signed, `b` unsigned. */
export function multiplyHighMixed(a: u64, b: u64): u64 {
  return multiplyHighUnsigned(a, b) - (<i64>a < 0 ? b : 0)
}

/** T is signed: the smallest value by -1 overflows, and stays as it is. */
export function divide<T>(a: T, b: T): T {
  if (b == 0) return <T>-1
  return b == <T>-1 ? <T>(0 - a) : <T>(a / b)
}

export function remainder<T>(a: T, b: T): T {
  if (b == 0) return a
  return b == <T>-1 ? <T>0 : <T>(a % b)
}

/** T is unsigned. */
export function divideUnsigned<T>(a: T, b: T): T {
  return b == 0 ? <T>-1 : <T>(a / b)
}

export function remainderUnsigned<T>(a: T, b: T): T {
  return b == 0 ? a : <T>(a % b)
}
