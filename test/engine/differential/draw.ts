// What is drawn for a stream, all of it from one seed: numbers, picks, and guest values that favour
// the edges of integers and of both floating-point formats. The same seed draws the same.
// Not here: instructions (stream.ts). The generator is Marsaglia's xorshift on 32 bits.

// tidy: data table
// biome-ignore format: a table
const edges: readonly bigint[] = [
  0n, 1n, 2n, 63n, 64n, 0x7fn, 0x80n, 0xffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn,
  0x1_0000_0000n, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn,
  0xffff_ffff_8000_0000n, 0x8080_0001_ff00_7f00n,
]

/** Zeros, ones, subnormals and their neighbours, the greatest, infinity, NaNs; of either sign. */
// tidy: data table
// biome-ignore format: a table
const singles: readonly bigint[] = [
  0n, 1n, 0x7f_ffffn, 0x80_0000n, 0x80_0001n, 0x3f80_0000n, 0x3f80_0001n, 0x3fff_ffffn,
  0x4b00_0000n, 0x4f00_0000n, 0x5f00_0000n, 0x7f7f_ffffn, 0x7f80_0000n, 0x7f80_0001n,
  0x7fc0_0000n, 0x7fff_ffffn, 0x3300_0000n, 0x0d80_0000n,
]
// tidy: data table
// biome-ignore format: a table
const doubles: readonly bigint[] = [
  0n, 1n, 0xf_ffff_ffff_ffffn, 0x10_0000_0000_0000n, 0x10_0000_0000_0001n,
  0x3ff0_0000_0000_0000n, 0x3ff0_0000_0000_0001n, 0x3fff_ffff_ffff_ffffn, 0x41e0_0000_0000_0000n,
  0x43e0_0000_0000_0000n, 0x47ef_ffff_e000_0000n, 0x380f_ffff_ffff_ffffn, 0x3690_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn, 0x7ff0_0000_0000_0000n, 0x7ff0_0000_0000_0001n, 0x7ff8_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn, 0x3ca0_0000_0000_0000n,
]
const boxed = 0xffff_ffff_0000_0000n

export class Draw {
  #state: number

  constructor(seed: number) {
    this.#state = (Math.imul(seed + 1, 0x9e3779b1) | 1) >>> 0
    for (let warm = 0; warm < 8; warm++) this.word()
  }

  /** 32 bits. */
  word(): number {
    let s = this.#state
    s ^= s << 13
    s ^= s >>> 17
    s ^= s << 5
    this.#state = s >>> 0
    return this.#state
  }

  /** 0 up to `end`, without it. */
  below(end: number): number {
    return Math.floor((this.word() / 2 ** 32) * end)
  }

  /** Once in `of` times. */
  once(of: number): boolean {
    return this.below(of) === 0
  }

  from<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  dword(): bigint {
    return (BigInt(this.word()) << 32n) | BigInt(this.word())
  }

  /** An integer register's value. */
  integer(): bigint {
    if (this.once(2)) return this.from(edges)
    return this.once(3) ? BigInt.asUintN(64, BigInt.asIntN(32, this.dword())) : this.dword()
  }

  /** A floating-point register's. */
  float(): bigint {
    const sign = BigInt(this.below(2))
    switch (this.below(6)) {
      case 0:
        return this.dword()
      case 1:
        return boxed | BigInt(this.word())
      case 2:
      case 3:
        return boxed | this.from(singles) | (sign << 31n)
      default:
        return this.from(doubles) | (sign << 63n)
    }
  }
}
