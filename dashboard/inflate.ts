// Raw deflate (RFC 1951), unpacked by the browser itself (Compression Streams, WHATWG).
// Not here: what was packed (proto/screen-frame.ts). Bytes.

/** Undefined: it is damaged, or unpacks to more than `bytesMax`, of which no more is unpacked. */
export async function inflateRaw(
  packed: Uint8Array<ArrayBuffer>,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const unpacking = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  const reader = unpacking.getReader()
  const bytes = new Uint8Array(bytesMax)
  let used = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return bytes.subarray(0, used)
      if (used + value.length > bytesMax) {
        await reader.cancel()
        return undefined
      }
      bytes.set(value, used)
      used += value.length
    }
  } catch {
    return undefined
  }
}
