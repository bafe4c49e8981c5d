// Where the pages are that a page server sends: the RAM of a VM that stands still, or the image of
// one that was forked and goes on. Each notes the hash of what it gives, so that both ends can
// compare. Not here: sending (page-server.ts). Page indices.

import type { ForkImage } from '#engine/memory/fork-image.ts'
import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import { setPage } from '#engine/memory/page-bitmap.ts'
import type { BroughtPages } from '#engine/memory/page-source.ts'
import { pageBytes } from '#proto/units.ts'

export interface PageOrigin {
  readonly pageCount: number
  read(pages: Uint32Array): BroughtPages
  /** Over what was read last of these pages. */
  contentSum(pages: Uint32Array): number
}

export function standingOrigin(memory: GuestMemory): PageOrigin {
  const wanted = new Uint8Array(memory.pageCount / 8)
  return {
    pageCount: memory.pageCount,
    contentSum: (pages) => memory.contentSum(pages),
    read(asked) {
      for (const page of asked) setPage(wanted, page)
      const got = memory.collect(wanted, Math.min(...asked), asked.length)
      for (const page of asked) wanted[page >> 3] = 0
      return got
    },
  }
}

/** What its VM has written since the fork is never in it. */
export function forkedOrigin(image: ForkImage): PageOrigin {
  const { memory } = image
  return {
    pageCount: memory.pageCount,
    contentSum: (pages) => memory.contentSum(pages),
    read(asked) {
      const bytes = new Uint8Array(asked.length * pageBytes)
      const pages: number[] = []
      const zeroPages: number[] = []
      for (const page of asked) {
        const at = pages.length * pageBytes
        const isFilled = image.read(page, bytes.subarray(at, at + pageBytes))
        if (isFilled) pages.push(page)
        else zeroPages.push(page)
      }
      const filled = Uint32Array.from(pages)
      const content = bytes.subarray(0, pages.length * pageBytes)
      memory.noteCopies(filled, content)
      return { pages: filled, bytes: content, zeroPages: Uint32Array.from(zeroPages) }
    },
  }
}

/** Pages of which it is not known that they are zero, one bit a page. */
export function filledPages(image: ForkImage): Uint8Array {
  const filled = new Uint8Array(image.memory.pageCount / 8)
  for (let page = 0; page < image.memory.pageCount; page++)
    if (!image.isUntouched(page)) setPage(filled, page)
  return filled
}
