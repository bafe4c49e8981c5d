// What the destination has of the pages that were sent more than once: the base of a delta.
// Bounded: the page that was sent longest ago makes way. Pages of the first round may never be sent
// again: they do not come here.
// Pages of 4,096 bytes.

import { pageBytes } from '#proto/units.ts'

/** 64 MiB a migration. */
export const sentPagesMax = 16_384
const wordsPerPage = pageBytes / 4
const slotsPerChunk = 256

export class SentPages {
  readonly #max: number
  /** In the order of their last sending. */
  readonly #slots = new Map<number, number>()
  readonly #free: number[] = []
  readonly #chunks: Uint32Array[] = []

  constructor(max = sentPagesMax) {
    this.#max = max
  }

  get size(): number {
    return this.#slots.size
  }

  has(page: number): boolean {
    return this.#slots.has(page)
  }

  /** It was sent with these bytes. */
  keep(page: number, words: Uint32Array): void {
    const slot = this.#slots.get(page) ?? this.#freeSlot()
    this.#slots.delete(page)
    this.#slots.set(page, slot)
    this.#wordsOf(slot).set(words)
  }

  /** The destination has something else there. */
  forget(page: number): void {
    const slot = this.#slots.get(page)
    if (slot === undefined) return
    this.#slots.delete(page)
    this.#free.push(slot)
  }

  /** What differs between these bytes and those that were sent; the page must be here. */
  differ(page: number, words: Uint32Array, into: Uint32Array): void {
    const base = this.#wordsOf(this.#slots.get(page) ?? 0)
    for (let at = 0; at < wordsPerPage; at++)
      into[at] = (words[at] as number) ^ (base[at] as number)
  }

  #freeSlot(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#slots.size < this.#max) {
      const slot = this.#slots.size
      if (slot % slotsPerChunk === 0)
        this.#chunks.push(new Uint32Array(slotsPerChunk * wordsPerPage))
      return slot
    }
    const [oldest] = this.#slots
    const [page, slot] = oldest ?? [0, 0]
    this.#slots.delete(page)
    return slot
  }

  #wordsOf(slot: number): Uint32Array {
    const chunk = this.#chunks[Math.floor(slot / slotsPerChunk)] as Uint32Array
    const at = (slot % slotsPerChunk) * wordsPerPage
    return chunk.subarray(at, at + wordsPerPage)
  }
}
