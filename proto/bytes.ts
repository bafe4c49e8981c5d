// Bytes as such, whatever they mean. Not here: numbers in them, which each format writes in its own
// way; screens and page frames (screen-frame.ts, page-frame.ts).

/** One behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
