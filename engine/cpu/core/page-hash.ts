// A 64-bit hash of 4,096 bytes, in SIMD: the same on every machine. Eight 64-bit accumulators take,
// for each 64-byte stripe, the product of the halves of (data xor key) and the neighbour's data, as
// XXH3's do; the keys step on from stripe to stripe, so that moved data hashes differently, and the
// accumulators are scrambled every 16 stripes. It finds differences of honest memory; it does not
// resist an adversary who knows it.

import { Page } from './layout'

const stripeBytes: usize = 64
const stripesPerScramble: usize = 16
/** Odd numbers without pattern: digits of the golden ratio and of square roots of primes. */
const goldenRatio: u64 = 0x9e3779b97f4a7c15
const rootOf2: u64 = 0x6a09e667f3bcc909
const rootOf3: u64 = 0xbb67ae8584caa73b
const rootOf5: u64 = 0x3c6ef372fe94f82b
const rootOf7: u64 = 0xa54ff53a5f1d36f1
/** Fits 32 bits, as XXH3's scrambling prime does. */
const scrambler: u64 = 0x9e3779b1

@inline
function accumulate(sum: v128, data: v128, key: v128): v128 {
  const mixed = v128.xor(data, key)
  const low = v128.shuffle<i32>(mixed, mixed, 0, 2, 0, 2)
  const high = v128.shuffle<i32>(mixed, mixed, 1, 3, 1, 3)
  const product = i64x2.extmul_low_i32x4_u(low, high)
  return i64x2.add(i64x2.add(sum, product), v128.shuffle<i64>(data, data, 1, 0))
}

@inline
function scramble(sum: v128, key: v128): v128 {
  const folded = v128.xor(v128.xor(sum, i64x2.shr_u(sum, 47)), key)
  return i64x2.mul(folded, i64x2.splat(scrambler))
}

/** The hash of the page at `address`, which nobody writes meanwhile. */
export function hashPage(address: usize): u64 {
  let sum0 = i64x2.splat(rootOf2)
  let sum1 = i64x2.splat(rootOf3)
  let sum2 = i64x2.splat(rootOf5)
  let sum3 = i64x2.splat(rootOf7)
  let key0 = i64x2.replace_lane(i64x2.splat(rootOf7), 1, rootOf5)
  let key1 = i64x2.replace_lane(i64x2.splat(rootOf5), 1, rootOf3)
  let key2 = i64x2.replace_lane(i64x2.splat(rootOf3), 1, rootOf2)
  let key3 = i64x2.replace_lane(i64x2.splat(rootOf2), 1, rootOf7)
  const step = i64x2.splat(goldenRatio)
  const end = address + Page.bytes
  while (address < end) {
    const scrambleAt = address + stripesPerScramble * stripeBytes
    for (; address < scrambleAt; address += stripeBytes) {
      sum0 = accumulate(sum0, v128.load(address), key0)
      sum1 = accumulate(sum1, v128.load(address, 16), key1)
      sum2 = accumulate(sum2, v128.load(address, 32), key2)
      sum3 = accumulate(sum3, v128.load(address, 48), key3)
      key0 = i64x2.add(key0, step)
      key1 = i64x2.add(key1, step)
      key2 = i64x2.add(key2, step)
      key3 = i64x2.add(key3, step)
    }
    sum0 = scramble(sum0, key0)
    sum1 = scramble(sum1, key1)
    sum2 = scramble(sum2, key2)
    sum3 = scramble(sum3, key3)
  }
  return fold(fold(fold(fold(goldenRatio, sum0), sum1), sum2), sum3)
}

/** Takes two accumulators into the hash. */
function fold(hash: u64, sum: v128): u64 {
  return combine(combine(hash, i64x2.extract_lane(sum, 0)), i64x2.extract_lane(sum, 1))
}

/** Depends on both and on their order. */
export function combine(hash: u64, next: u64): u64 {
  return avalanche(hash * rootOf3 + next)
}

/** Each bit of the result depends on each of the value (MurmurHash3's finalizer). */
function avalanche(value: u64): u64 {
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53
  return value ^ (value >> 33)
}

/** A page's part of a set hash: says which page it is. Parts are added up. */
export function partOf(page: u32, hash: u64): u64 {
  return combine(hash, goldenRatio * (<u64>page + 1))
}

/**
 * Whether the page at `address` is all zero. Looks at 128 bytes at a time and stops at the first
 * that are not.
 */
export function isZeroPage(address: usize): bool {
  const end = address + Page.bytes
  for (; address < end; address += 128) {
    const first = v128.or(v128.or(v128.load(address), v128.load(address, 16)),
      v128.or(v128.load(address, 32), v128.load(address, 48)))
    const second = v128.or(v128.or(v128.load(address, 64), v128.load(address, 80)),
      v128.or(v128.load(address, 96), v128.load(address, 112)))
    if (v128.any_true(v128.or(first, second))) return false
  }
  return true
}
