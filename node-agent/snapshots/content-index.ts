// Where the page of a digest is: a hash table in typed arrays, 48 bytes a page, since a store of a
// hundred snapshots holds a million of them. Not here: what a place means (page-store.ts).

import { digestBytes } from '#engine/snapshots/digest.ts'
import { invariant } from '#proto/invariant.ts'

export interface Place {
  readonly pack: number
  /** Which page of the pack. */
  readonly slot: number
}

const empty = -1

export class ContentIndex {
  #digests = new Uint8Array(256 * digestBytes)
  #packs = new Uint32Array(256)
  #slots = new Uint32Array(256)
  /** Entry numbers by digest, at most half full; a collision goes to the next free place. */
  #table = new Int32Array(1024).fill(empty)
  #size = 0

  get size(): number {
    return this.#size
  }

  find(digest: Uint8Array): Place | undefined {
    const entry = this.#table[this.#placeOf(digest)] ?? empty
    if (entry === empty) return undefined
    return { pack: this.#packs[entry] ?? 0, slot: this.#slots[entry] ?? 0 }
  }

  has(digest: Uint8Array): boolean {
    return this.#table[this.#placeOf(digest)] !== empty
  }

  /** The first place of a digest counts. */
  add(digest: Uint8Array, { pack, slot }: Place): void {
    invariant(digest.length === digestBytes, 'A page is found by a digest')
    const at = this.#placeOf(digest)
    if (this.#table[at] !== empty) return
    if (this.#size === this.#packs.length) this.#grow()
    const entry = this.#size++
    this.#digests.set(digest, entry * digestBytes)
    this.#packs[entry] = pack
    this.#slots[entry] = slot
    this.#table[this.#placeOf(digest)] = entry
  }

  /** Where the digest stands in the table, or would. */
  #placeOf(digest: Uint8Array): number {
    const mask = this.#table.length - 1
    let at = wordOf(digest) & mask
    for (;;) {
      const entry = this.#table[at] ?? empty
      if (entry === empty || this.#isOf(entry, digest)) return at
      at = (at + 1) & mask
    }
  }

  #isOf(entry: number, digest: Uint8Array): boolean {
    const start = entry * digestBytes
    for (let at = 0; at < digestBytes; at++)
      if (this.#digests[start + at] !== digest[at]) return false
    return true
  }

  #grow(): void {
    const capacity = 2 * this.#packs.length
    this.#digests = grown(this.#digests, new Uint8Array(capacity * digestBytes))
    this.#packs = grown(this.#packs, new Uint32Array(capacity))
    this.#slots = grown(this.#slots, new Uint32Array(capacity))
    this.#table = new Int32Array(4 * capacity).fill(empty)
    for (let entry = 0; entry < this.#size; entry++) {
      const start = entry * digestBytes
      this.#table[this.#placeOf(this.#digests.subarray(start, start + digestBytes))] = entry
    }
  }
}

function grown<A extends Uint8Array | Uint32Array>(old: A, larger: A): A {
  larger.set(old)
  return larger
}

/** A digest is random: any four of its bytes spread as well as all. */
const wordOf = (digest: Uint8Array): number =>
  ((digest[0] ?? 0) |
    ((digest[1] ?? 0) << 8) |
    ((digest[2] ?? 0) << 16) |
    ((digest[3] ?? 0) << 24)) >>>
  0
