// The hash that names pages by their content and seals snapshots: SHA-256, as a port, since the
// engine computes it nowhere itself. Two pages of the same digest are taken for the same page, so
// that it must be one that nobody can find collisions of. (The 64-bit hash of cpu/core/page-hash.ts
// is for comparing two honest memories, and not for this.) Bytes.

export const digestBytes = 32

/** SHA-256 (FIPS 180-4) of these bytes. */
export type Digest = (bytes: Uint8Array) => Uint8Array

/** Names no page: all digests are taken for random, and none is all zero. */
export const zeroPageDigest: Uint8Array = new Uint8Array(digestBytes)

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}
