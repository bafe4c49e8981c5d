// Whether this machine's WebAssembly multiplies and adds with one rounding. Its relaxed SIMD
// instruction `madd` may do so or not, but always the same way on one machine; where it does, that
// is exactly the fused multiply-add of IEEE 754, and many times quicker than working it out.
// Source: WebAssembly 3.0, "Relaxed Vector Instructions"; encodings from its binary format.

/** Opcodes behind the prefix of vector instructions; of both formats where there are two. */
export const vector = {
  prefix: 0xfd,
  splat: { single: [0x13], double: [0x14] },
  madd: { single: [0x85, 0x02], double: [0x87, 0x02] },
  extract: { single: [0x1f], double: [0x21] },
} as const

const [f64, end] = [0x7c, 0x0b]
const get = (local: number): number[] => [0x20, local]
const splat = (local: number): number[] => [...get(local), vector.prefix, ...vector.splat.double]
const body = [
  ...[0, ...splat(0), ...splat(1), ...splat(2)],
  ...[vector.prefix, ...vector.madd.double, vector.prefix, ...vector.extract.double, 0, end],
]
/** `(a, b, c) -> a x b + c`. */
const module = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 8, 1, 0x60, 3, f64, f64, f64, 1, f64],
  ...[3, 2, 1, 0],
  ...[7, 8, 1, 4, ...new TextEncoder().encode('madd'), 0, 0],
  ...[10, body.length + 2, 1, body.length, ...body],
])

let known: boolean | undefined

/** Asked once a thread. False too where the instruction is not known. */
export function isFusedHere(): boolean {
  known ??= probe()
  return known
}

/** (1 + e)(1 - e) - 1 is -e^2; rounded in between, it is 0. */
function probe(): boolean {
  if (!WebAssembly.validate(module)) return false
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module))
  const madd = exports.madd as (a: number, b: number, c: number) => number
  const e = 2 ** -30
  return madd(1 + e, 1 - e, -1) === -(e * e)
}
