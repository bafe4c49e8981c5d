// a x b + c with one rounding, to nearest even, by WebAssembly's own doubles, for numbers of
// middling size: NaN where that is not sure to be right. Raises nothing: for callers that have
// `inexact` raised already, when nothing else can be (the result is finite, and far from the
// subnormal numbers). Source: Boldo and Melquiond, "Emulation of a FMA and Correctly Rounded Sums:
// Proved Algorithms Using Rounding to Odd", IEEE Transactions on Computers 57, 2008, algorithm
// "Fma"; the exact product by Dekker, "A Floating-Point Technique for Extending the Available
// Precision", 1971.

/** Between these no step of it overflows, and none loses bits below. */
const least: f64 = 1e-140
const most: f64 = 1e140
/** 2^27 + 1: splits a double into two halves of 26 bits. */
const splitter: f64 = 134217729

@inline
function isMiddling(x: f64): bool {
  return abs(x) > least && abs(x) < most
}

/** The exact error of the double sum `sum` of x and y (Knuth). */
@inline
function errorOfSum(x: f64, y: f64, sum: f64): f64 {
  const part = sum - x
  return (x - (sum - part)) + (y - part)
}

/** The exact error of the double product `product`. */
@inline
function errorOfProduct(a: f64, b: f64, product: f64): f64 {
  const aBig = a * splitter
  const aHigh = aBig - (aBig - a)
  const aLow = a - aHigh
  const bBig = b * splitter
  const bHigh = bBig - (bBig - b)
  const bLow = b - bHigh
  return aLow * bLow - (((product - aHigh * bHigh) - aLow * bHigh) - aHigh * bLow)
}

/** x + y rounded to odd: when it is not exact, to the neighbour whose last bit is 1. */
@inline
function oddSum(x: f64, y: f64): f64 {
  const sum = x + y
  const error = errorOfSum(x, y, sum)
  const bits = reinterpret<i64>(sum)
  if (error == 0 || (bits & 1) != 0) return sum
  return reinterpret<f64>((error > 0) == (sum > 0) ? bits + 1 : bits - 1)
}

export function fuseDoubles(a: f64, b: f64, c: f64): f64 {
  if (!isMiddling(a) || !isMiddling(b) || !isMiddling(c)) return NaN
  const product = a * b
  const productRest = errorOfProduct(a, b, product)
  const small = c + productRest
  const smallRest = errorOfSum(c, productRest, small)
  const sum = product + small
  const sumRest = errorOfSum(product, small, sum)
  const result = sum + oddSum(smallRest, sumRest)
  return isMiddling(result) ? result : NaN
}

/** The product of two singles is exact as a double. */
export function fuseSingles(a: f32, b: f32, c: f32): f32 {
  const result = <f32>oddSum(<f64>a * <f64>b, <f64>c)
  return abs(result) > 1e-35 && abs(result) < 1e35 ? result : NaN
}
