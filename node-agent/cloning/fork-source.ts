// The pages of a clone that runs on the node of its parent: a page source over a fork image. Its
// pages cost nothing until they are touched, so that most of them are never brought. Not here: what
// the image is made of (engine/memory/fork-image.ts).

import type { ForkImage } from '#engine/memory/fork-image.ts'
import type { BroughtPages, PageSource, Urgency } from '#engine/memory/page-source.ts'
import { pageBytes } from '#proto/units.ts'
import { breathe } from '../migration/breath.ts'

export class ForkSource implements PageSource {
  readonly image: ForkImage
  #isReleased = false

  constructor(image: ForkImage) {
    this.image = image
    image.use()
  }

  /** What is in this machine's memory is there at once: only who does not wait steps aside. */
  async request(asked: Uint32Array, urgency: Urgency): Promise<BroughtPages> {
    if (urgency === 'background') await breathe()
    const bytes = new Uint8Array(asked.length * pageBytes)
    const pages: number[] = []
    const zeroPages: number[] = []
    for (const page of asked) {
      const at = pages.length * pageBytes
      const isFilled = this.image.read(page, bytes.subarray(at, at + pageBytes))
      if (isFilled) pages.push(page)
      else zeroPages.push(page)
    }
    return {
      pages: Uint32Array.from(pages),
      bytes: bytes.subarray(0, pages.length * pageBytes),
      zeroPages: Uint32Array.from(zeroPages),
    }
  }

  /** The clone has all of its pages, or is gone. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.image.release()
  }
}
