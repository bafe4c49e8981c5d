// The pages that several clones of one parent lack alike, each brought once: the first that wants a
// page has it fetched, and the others get the same bytes, however much the first has written since.
// The bytes are kept until all of them have them. Not here: where they come from (a page source of
// the first), when a page is wanted (engine/memory/pager.ts). Page indices.

import type { BroughtPages, PageSource, Urgency } from '#engine/memory/page-source.ts'
import { pageBytes } from '#proto/units.ts'

/** For an origin that says nothing else. */
const requestsAhead = 4
const known = { not: 0, filled: 1, zero: 2 } as const

export class SharedSource implements PageSource {
  readonly #origin: PageSource
  /** Of each page, and what it holds: reserved as a whole, and used as pages come. */
  readonly #flags: Uint8Array
  readonly #bytes: Uint8Array
  /** Asked for, and not here yet. */
  readonly #underWay = new Map<number, Promise<void>>()

  constructor(origin: PageSource, pageCount: number) {
    this.#origin = origin
    this.#flags = new Uint8Array(pageCount)
    this.#bytes = new Uint8Array(new SharedArrayBuffer(pageCount * pageBytes))
  }

  get requestsAhead(): number {
    return this.#origin.requestsAhead ?? requestsAhead
  }

  waits(page: number): void {
    this.#origin.waits?.(page)
  }

  came(pages: readonly number[]): void {
    this.#origin.came?.(pages)
  }

  async request(pages: Uint32Array, urgency: Urgency): Promise<BroughtPages> {
    const lacking = pages.filter((page) => this.#flags[page] === known.not)
    const unasked = lacking.filter((page) => !this.#underWay.has(page))
    const waits = new Set(Array.from(lacking, (page) => this.#underWay.get(page)))
    // Who stands still does not wait behind what nobody stands still for.
    const asked = urgency === 'urgent' ? lacking : unasked
    if (asked.length > 0) await this.#fetch(asked, urgency)
    if (urgency !== 'urgent') await Promise.all(waits)
    return this.#answer(pages)
  }

  async #fetch(pages: Uint32Array, urgency: Urgency): Promise<void> {
    const fetched = this.#origin.request(pages, urgency).then((got) => this.#keep(got))
    for (const page of pages) if (!this.#underWay.has(page)) this.#underWay.set(page, fetched)
    try {
      await fetched
    } finally {
      for (const page of pages)
        if (this.#underWay.get(page) === fetched) this.#underWay.delete(page)
    }
  }

  #keep({ pages, bytes, zeroPages }: BroughtPages): void {
    for (const [at, page] of pages.entries()) {
      this.#bytes.set(bytes.subarray(at * pageBytes, (at + 1) * pageBytes), page * pageBytes)
      this.#flags[page] = known.filled
    }
    for (const page of zeroPages) this.#flags[page] = known.zero
  }

  #answer(asked: Uint32Array): BroughtPages {
    const pages = asked.filter((page) => this.#flags[page] === known.filled)
    const bytes = new Uint8Array(pages.length * pageBytes)
    for (const [at, page] of pages.entries())
      bytes.set(this.#bytes.subarray(page * pageBytes, (page + 1) * pageBytes), at * pageBytes)
    return { pages, bytes, zeroPages: asked.filter((page) => this.#flags[page] === known.zero) }
  }
}
