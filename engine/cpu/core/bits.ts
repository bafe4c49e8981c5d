// The results of bit-manipulation instructions (Zbb, Zbs) that take more than an operator of
// AssemblyScript. Not here: which instruction is which (decode-bits.ts).
// Source: unprivileged specification, chapter "B Extension for Bit Manipulation".

const lowBits: u64 = 0x7f7f7f7f7f7f7f7f
const highBits: u64 = 0x8080808080808080

/** orc.b: each byte that is not zero becomes all ones. */
export function orCombineBytes(value: u64): u64 {
  const filled = (((value & lowBits) + lowBits) | value) & highBits
  return (filled >> 7) * 0xff
}

@inline
export function bitAt(index: u64): u64 {
  return <u64>1 << (index & 63)
}

export function reverseBytes(value: u64): u64 {
  return bswap<u64>(value)
}
