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
  for (const [at, page] of pages.entries()) words.setUint32(4 * at, page, true)
  return writer.raw(new Uint8Array(words.buffer)).raw(digests).section()
}

/** Throws SnapshotError when the section is no list of pages of a VM with so many. */
export function readPageList(section: Section, pageCount: number): PageList {
  const reader = new SectionReader(section, pageListKind, version)
  const count = reader.u32()
  if (count > Math.min(pageCount, pagesMax)) throw reader.refusal(`names ${count} pages`)
  const words = reader.raw(4 * count)
  const view = new DataView(words.buffer, words.byteOffset)
  const pages = Uint32Array.from({ length: count }, (_, at) => view.getUint32(4 * at, true))
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
    for (const [at, page] of list.pages.entries()) builder.set(page, digestAt(list, at))
  return builder.finish(full)
}

/** Collects pages in any order; of a page that comes twice, the last content counts. */
export class PageListBuilder {
  readonly #slots = new Map<number, number>()
  #digests = new Uint8Array(64 * digestBytes)

  set(page: number, digest: Uint8Array): void {
    invariant(digest.length === digestBytes, 'A page is named by a digest')
    const slot = this.#slots.get(page) ?? this.#slots.size
    this.#slots.set(page, slot)
    if ((slot + 1) * digestBytes > this.#digests.length) {
      const larger = new Uint8Array(2 * this.#digests.length)
      larger.set(this.#digests)
      this.#digests = larger
    }
    this.#digests.set(digest, slot * digestBytes)
  }

  get size(): number {
    return this.#slots.size
  }

  /** `full`: zero pages are left out, as nothing lies below. */
  finish(full: boolean): PageList {
    const digestOf = (page: number) => {
      const slot = this.#slots.get(page) ?? 0
      return this.#digests.subarray(slot * digestBytes, (slot + 1) * digestBytes)
    }
    const isNamed = (page: number) => !full || !equalBytes(digestOf(page), zeroPageDigest)
    const pages = Uint32Array.from(this.#slots.keys()).filter(isNamed).sort()
    const digests = new Uint8Array(pages.length * digestBytes)
    for (const [at, page] of pages.entries()) digests.set(digestOf(page), at * digestBytes)
    return { pages, digests }
  }
}
