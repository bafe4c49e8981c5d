// Sets of pages as bitmaps: one bit a page, little-endian bytes, as dirty logs have them. Made and
// counted here by whoever has one in JavaScript.
// Not here: the logs themselves (../cpu/core/dirty.ts). Pages as page indices.

export function setPage(bitmap: Uint8Array, page: number): void {
  bitmap[page >> 3] = (bitmap[page >> 3] ?? 0) | (1 << (page & 7))
}

export const hasPage = (bitmap: Uint8Array, page: number): boolean =>
  (((bitmap[page >> 3] ?? 0) >> (page & 7)) & 1) === 1

/** How many pages are in it. */
export function countPages(bitmap: Uint8Array): number {
  let count = 0
  const { words, rest } = wordsOf(bitmap)
  for (const word of words) if (word !== 0) count += bitsIn(word)
  for (const byte of rest) if (byte !== 0) count += bitsIn(byte)
  return count
}

/** Pages that are in either, of bitmaps of one length; none is in an empty one. */
export function unionOf(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length === 0 ? other : one)
  if (one.length === 0) return both
  const [ours, theirs] = [wordsOf(both), wordsOf(other)]
  for (let at = 0; at < theirs.words.length; at++)
    if (theirs.words[at] !== 0)
      ours.words[at] = (ours.words[at] as number) | (theirs.words[at] as number)
  for (const [at, byte] of theirs.rest.entries()) ours.rest[at] = (ours.rest[at] as number) | byte
  return both
}

/**
 * 32 pages at a time: this is done once while a guest stands still, by code that is not yet
 * compiled. One that lies askew, as a message's does, is copied first, and only looked at.
 */
function wordsOf(bitmap: Uint8Array): { readonly words: Uint32Array; readonly rest: Uint8Array } {
  const { buffer, byteOffset, length } = aligned(bitmap)
  const words = new Uint32Array(buffer, byteOffset, length >>> 2)
  return { words, rest: new Uint8Array(buffer, byteOffset + (length & ~3), length & 3) }
}

const aligned = (bitmap: Uint8Array): Uint8Array =>
  bitmap.byteOffset % 4 === 0 ? bitmap : new Uint8Array(bitmap)

/** Warren, Hacker's Delight, 5-1. */
function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
