// Pages of a VM that is restored, from the store: a page source. What a page holds is known by its
// digest, so that it is read from whichever pack has that content, and checked. Not here: which
// page is wanted when (engine/memory/pager.ts). Page indices.

import type { BroughtPages, PageSource } from '#engine/memory/page-source.ts'
import { digestAt, type PageList } from '#engine/snapshots/page-list.ts'
import { FaultError } from '#proto/faults.ts'
import { pageBytes } from '#proto/units.ts'
import { breathe } from '../migration/breath.ts'
import type { PageStore } from './page-store.ts'

const zero = -1

export class StoreSource implements PageSource {
  readonly #list: PageList
  readonly #store: PageStore
  /** Of each page: which entry of the list it is. */
  readonly #entries: Int32Array

  /** `list` names all pages that are not zero. */
  constructor(list: PageList, pageCount: number, store: PageStore) {
    this.#list = list
    this.#store = store
    this.#entries = new Int32Array(pageCount).fill(zero)
    for (const [entry, page] of list.pages.entries()) this.#entries[page] = entry
  }

  /** Reading is from memory or a disk of this machine, so that nothing urgent waits for long. */
  async request(asked: Uint32Array): Promise<BroughtPages> {
    const pages = asked.filter((page) => this.#entries[page] !== zero)
    const zeroPages = asked.filter((page) => this.#entries[page] === zero)
    const bytes = new Uint8Array(pages.length * pageBytes)
    for (const [at, page] of pages.entries()) {
      const digest = digestAt(this.#list, this.#entries[page] ?? 0)
      const lost = this.#store.read(digest, bytes.subarray(at * pageBytes, (at + 1) * pageBytes))
      if (lost) throw new FaultError(lost)
    }
    await breathe()
    return { pages, bytes, zeroPages }
  }
}
