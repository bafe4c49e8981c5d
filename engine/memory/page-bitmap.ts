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
  for (const byte of bitmap) for (let bits = byte; bits !== 0; bits &= bits - 1) count++
  return count
}
