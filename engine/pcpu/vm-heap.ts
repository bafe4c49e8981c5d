// VMs in the order of a number that each has: the least is found at once, and putting one in or
// taking it out costs the logarithm of how many there are, so that a pCPU with a thousand idle VMs
// pays nothing for them in a slice.
// Not here: what the number means (turns.ts: virtual time, or the host ms of an alarm).
// Of two with equal numbers the one that was put in first is first: a run stays repeatable.
// An item's place is kept beside it in a map, so that any can be taken out (Knuth, The Art of
// Computer Programming, 5.2.3: heaps).

import { invariant } from '#proto/invariant.ts'

interface Entry<T> {
  item: T
  key: number
  /** Grows with every add: breaks ties. */
  order: number
}

export class VmHeap<T> {
  readonly #entries: Entry<T>[] = []
  readonly #places = new Map<T, number>()
  #added = 0

  get size(): number {
    return this.#entries.length
  }

  /** The item of the least key. */
  get first(): T | undefined {
    return this.#entries[0]?.item
  }

  /** Infinity when there is none. */
  get firstKey(): number {
    return this.#entries[0]?.key ?? Infinity
  }

  add(item: T, key: number): void {
    invariant(!this.#places.has(item), 'A VM was put twice into one order')
    invariant(!Number.isNaN(key), 'A VM has no number to be ordered by')
    this.#entries.push({ item, key, order: this.#added++ })
    this.#rise(this.#entries.length - 1)
  }

  /** Whether it was there. */
  remove(item: T): boolean {
    const place = this.#places.get(item)
    if (place === undefined) return false
    this.#places.delete(item)
    const last = this.#entries.pop() as Entry<T>
    if (place === this.#entries.length) return true
    this.#entries[place] = last
    this.#sink(this.#rise(place))
    return true
  }

  /** Moves the entry up to where it belongs; returns where that is. */
  #rise(from: number): number {
    const entry = this.#entries[from] as Entry<T>
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#entries[above] as Entry<T>
      if (!isBefore(entry, parent)) break
      this.#put(parent, place)
      place = above
    }
    this.#put(entry, place)
    return place
  }

  #sink(from: number): void {
    const entry = this.#entries[from] as Entry<T>
    let place = from
    for (;;) {
      const child = this.#lesserChild(place)
      const below = this.#entries[child]
      if (below === undefined || !isBefore(below, entry)) break
      this.#put(below, place)
      place = child
    }
    this.#put(entry, place)
  }

  #lesserChild(place: number): number {
    const left = this.#entries[2 * place + 1]
    const right = this.#entries[2 * place + 2]
    return left && right && isBefore(right, left) ? 2 * place + 2 : 2 * place + 1
  }

  #put(entry: Entry<T>, place: number): void {
    this.#entries[place] = entry
    this.#places.set(entry.item, place)
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.key < b.key || (a.key === b.key && a.order < b.order)
}
