// Which page of RAM holds which content: page indices, in order, each with the digest of its bytes.
// A full list names all pages that are not zero. A differential one names what has changed since
// its parent, zero pages among them (by a digest of zeros). Not here: the pages' bytes
// (page-pack.ts), who takes a snapshot (node-agent/snapshots/). Page indices, bytes.

import { invariant } from '#proto/invariant.ts'
import type { Section } from '../vm-config.ts'
import { digestBytes, equalBytes, zeroPageDigest } from './digest.ts'
import { SectionReader, SectionWriter } from './section-bytes.ts'

export interface PageList {
  /** Ascending. */
  readonly pages: Uint32Array
  /** The digest of each, one after the other. */
  readonly digests: Uint8Array
}

export const pageListKind = 'pages'
const version = 1
/** 16 GiB of RAM: no VM has more, and no damaged count allocates the memory of the node. */
const pagesMax = 1 << 22

export const digestAt = ({ digests }: PageList, at: number): Uint8Array =>
  digests.subarray(at * digestBytes, (at + 1) * digestBytes)

/** The list as a section of a snapshot. */
export function pageListSection({ pages, digests }: PageList): Section {
  const writer = new SectionWriter(pageListKind, version).u32(pages.length)
  const words = new DataView(new ArrayBuffer(4 * pages.length))
  for (let at = 0; at < pages.length; at++) words.setUint32(4 * at, pages[at] ?? 0, true)
  return writer.raw(new Uint8Array(words.buffer)).raw(digests).section()
}

/** Throws SnapshotError when the section is no list of pages of a VM with so many. */
export function readPageList(section: Section, pageCount: number): PageList {
  const reader = new SectionReader(section, pageListKind, version)
  const count = reader.u32()
  if (count > Math.min(pageCount, pagesMax)) throw reader.refusal(`names ${count} pages`)
  const words = reader.raw(4 * count)
  const view = new DataView(words.buffer, words.byteOffset)
  const pages = new Uint32Array(count)
  for (let at = 0; at < count; at++) pages[at] = view.getUint32(4 * at, true)
  const digests = reader.raw(digestBytes * count)
  reader.end()
  for (let at = 0; at < count; at++) {
    const isOrdered = at === 0 || (pages[at] ?? 0) > (pages[at - 1] ?? 0)
    if (!isOrdered || (pages[at] ?? 0) >= pageCount) throw reader.refusal('names pages in disorder')
  }
  return { pages, digests }
}

/** What a page holds after `newer` has been laid over `older`. `full`: without the zero pages. */
export function laidOver(older: PageList, newer: PageList, full: boolean): PageList {
  const builder = new PageListBuilder()
  for (const list of [older, newer])
    for (let at = 0; at < list.pages.length; at++)
      builder.set(list.pages[at] ?? 0, digestAt(list, at))
  return builder.finish(full)
}

/** What a builder knows of a page: nothing, that it is zero, or in which slot its digest is. */
const unnamed = 0
const zeroed = 1
const firstSlot = 2
const digestWords = digestBytes / 4

/**
 * Collects pages in any order; of a page that comes twice, the last content counts. By page index,
 * so that 3 GiB of them keep no thread: neither when they come nor when the list is made.
 */
export class PageListBuilder {
  #entries = new Uint32Array(1024)
  #digests = new Uint32Array(64 * digestWords)
  #slots = 0

  set(page: number, digest: Uint8Array): void {
    invariant(digest.length === digestBytes, 'A page is named by a digest')
    if (page >= this.#entries.length)
      this.#entries = grown(this.#entries, Math.max(page + 1, 2 * this.#entries.length))
    if (equalBytes(digest, zeroPageDigest)) {
      this.#entries[page] = zeroed
      return
    }
    const before = this.#entries[page] ?? unnamed
    const slot = before >= firstSlot ? before - firstSlot : this.#slots++
    this.#entries[page] = slot + firstSlot
    if (this.#slots * digestWords > this.#digests.length)
      this.#digests = grown(this.#digests, 2 * this.#digests.length)
    new Uint8Array(this.#digests.buffer).set(digest, slot * digestBytes)
  }

  /** `full`: zero pages are left out, as nothing lies below. */
  finish(full: boolean): PageList {
    const least = full ? firstSlot : zeroed
    const pages = new Uint32Array(this.#entries.reduce((n, is) => n + (is >= least ? 1 : 0), 0))
    const digests = new Uint32Array(pages.length * digestWords)
    let at = 0
    for (let page = 0; page < this.#entries.length; page++) {
      const entry = this.#entries[page] ?? unnamed
      if (entry < least) continue
      const from = (entry - firstSlot) * digestWords
      for (let word = 0; entry >= firstSlot && word < digestWords; word++)
        digests[at * digestWords + word] = this.#digests[from + word] ?? 0
      pages[at++] = page
    }
    return { pages, digests: new Uint8Array(digests.buffer) }
  }
}

function grown(words: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length)
  larger.set(words)
  return larger
}
