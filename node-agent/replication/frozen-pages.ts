// Pages as they were at one instant: private copies, so that the VM goes on while they are sent.
// What PageSender needs of a memory, and no more. Not here: sending (../migration/page-sender.ts).
// Pages of 4,096 bytes.

import type { CollectedPages, GuestMemory } from '#engine/memory/guest-memory-port.ts'
import { pagesPerFrameMax } from '#proto/units.ts'

export class FrozenPages implements Pick<GuestMemory, 'collect' | 'pageCount' | 'contentSum'> {
  readonly pageCount: number
  readonly #memory: GuestMemory
  readonly #parts: CollectedPages[] = []
  #next = 0

  /** Copies the pages that the bitmap names, of a VM that stands still. */
  constructor(memory: GuestMemory, bitmap: Uint8Array) {
    this.#memory = memory
    this.pageCount = memory.pageCount
    for (let from = 0; from < memory.pageCount; ) {
      const part = memory.collect(bitmap, from, pagesPerFrameMax)
      this.#parts.push(part)
      from = part.nextPage
    }
  }

  /** One copied part after the other, whatever bitmap is named. */
  collect(): CollectedPages {
    const part = this.#parts[this.#next++]
    return part ?? { ...nothing, nextPage: this.pageCount }
  }

  /** Over what was copied last of each: nobody else copies pages of this VM meanwhile. */
  contentSum(pages: Uint32Array): number {
    return this.#memory.contentSum(pages)
  }
}

const nothing = {
  pages: new Uint32Array(0),
  bytes: new Uint8Array(0),
  zeroPages: new Uint32Array(0),
}
