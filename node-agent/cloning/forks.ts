// The fork images of this node: made when a VM is cloned here, kept as long as a clone lives on
// one. Not here: the clones (local-clone.ts), how an image reads a page
// (engine/memory/fork-image.ts).

import { ForkImage } from '#engine/memory/fork-image.ts'
import type { StateSection } from '#proto/messages.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import type { HeldVm } from '../held-vms.ts'
import type { Vmm } from '../vmm.ts'
import { ForkSource } from './fork-source.ts'

export interface Fork {
  readonly image: ForkImage
  readonly sections: readonly StateSection[]
  /** For how long the parent stood still. */
  readonly pausedMs: number
}

/** Of one VM. */
interface Images {
  readonly inUse: Set<ForkImage>
  /** It has what was put aside lately, for those before it too: also when it is not in use. */
  last: ForkImage
}

export class Forks {
  readonly #vmm: Vmm
  readonly #images = new Map<HeldVm, Images>()
  /** Of VMs that are clones themselves and have not all of their pages. */
  readonly #sources = new Map<HeldVm, ForkSource>()

  constructor(vmm: Vmm) {
    this.#vmm = vmm
  }

  /** The VM goes on, on this disk if one is given. The caller uses the image, or forgets it. */
  async fork(vm: HeldVm, disk: DiskRef | undefined): Promise<Fork> {
    const base = this.#sources.get(vm)?.image
    if (!base) await this.#vmm.whole(vm)
    const memory = this.#vmm.mustHave(vm)
    const image = new ForkImage(memory, base, (unused) => this.#forget(vm, unused))
    const images = this.#images.get(vm) ?? { inUse: new Set(), last: image }
    // Before the pCPU puts the first page aside there.
    if (images.last !== image) images.last.continuedBy(image)
    images.last = image
    images.inUse.add(image)
    this.#images.set(vm, images)
    image.use() // By this fork, so that it is there when the clones begin to use it.
    try {
      return { image, ...(await this.#vmm.fork(vm, image.preserved, disk)) }
    } catch (thrown) {
      image.release()
      throw thrown
    }
  }

  /**
   * A clone whose pages are those of the image. `isWhole`: all of them are brought as soon as there
   * is time, so that it depends on nobody any more. What is asked of its machine next is done
   * behind `attached`: there is no need to wait for it.
   */
  async open(
    clone: HeldVm,
    image: ForkImage,
    isWhole: boolean,
  ): Promise<{ readonly attached: Promise<undefined> }> {
    const source = new ForkSource(image)
    this.#sources.set(clone, source)
    const done = () => {
      source.release()
      this.#sources.delete(clone)
    }
    try {
      const { memory, attached } = await this.#vmm.openAhead(clone)
      image.makeAbsentIn(memory)
      const how = isWhole ? 'now' : 'as-touched'
      this.#vmm.bringPages(clone, source, how).then(done, done)
      return { attached }
    } catch (thrown) {
      done()
      throw thrown
    }
  }

  /** A clone that has not all of its pages: those that are absent are its parent's still. */
  isFork(vm: HeldVm): boolean {
    return this.#sources.has(vm)
  }

  #forget(vm: HeldVm, unused: ForkImage): void {
    const images = this.#images.get(vm)
    images?.inUse.delete(unused)
    if (images && images.inUse.size > 0) return
    this.#images.delete(vm)
    this.#vmm.unshare(vm).catch(() => undefined) // It is going, and shares nothing.
  }
}
