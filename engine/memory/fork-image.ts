// The RAM of a VM as it was when it was forked, for the clones that were made of it then. It is not
// copied: a page is read where it is, in the RAM of the VM that goes on; before that VM writes to
// it, its pCPU puts the old bytes aside (PreservedPages). A later fork of the same VM takes over
// the putting aside: what it has, the earlier ones see. What was absent there too, an image further
// back has. On the agent's thread. Not here: that a VM is frozen (../pcpu.ts), when a page is read
// (pager.ts). Source of the idea: copy-on-write fork; for VMs, Lagar-Cavilla et al., "SnowFlock:
// Rapid Virtual Machine Cloning for Cloud Computing", EuroSys 2009.

import { invariant } from '#proto/invariant.ts'
import { pageBytes } from '#proto/units.ts'
import type { PreservedPages } from '../cpu/core-port.ts'
import type { GuestMemory } from './guest-memory-port.ts'
import { setPage } from './page-bitmap.ts'

/** A flag of PreservedPages. */
const kept = { inRam: 0, aside: 1, zero: 2 } as const

export class ForkImage {
  readonly preserved: PreservedPages
  readonly memory: GuestMemory
  readonly #base: ForkImage | undefined
  readonly #bytes: Uint8Array
  readonly #flags: Uint8Array
  readonly #unused: (image: ForkImage) => void
  /** The next fork of the same VM. */
  #next: ForkImage | undefined
  #users = 0

  /**
   * @param base what the pages are from that the VM itself does not have yet.
   * @param unused told once, when nobody uses it any more.
   */
  constructor(
    memory: GuestMemory,
    base: ForkImage | undefined,
    unused: (image: ForkImage) => void,
  ) {
    this.memory = memory
    this.#base = base
    this.#unused = unused
    this.preserved = {
      bytes: new SharedArrayBuffer(memory.ramBytes),
      flags: new SharedArrayBuffer(memory.pageCount),
    }
    this.#bytes = new Uint8Array(this.preserved.bytes)
    this.#flags = new Uint8Array(this.preserved.flags)
    base?.use()
  }

  /** The same VM was forked again: from now on its pages are put aside there. */
  continuedBy(next: ForkImage): void {
    this.#next = next
  }

  use(): void {
    this.#users++
  }

  release(): void {
    invariant(this.#users > 0, 'A fork image was released more often than used')
    if (--this.#users > 0) return
    this.#base?.release()
    this.#unused(this)
  }

  /** Of a clone that has not run yet: all pages that the image has. */
  makeAbsentIn(memory: GuestMemory): void {
    memory.makeAbsentAs(this.memory)
    // Looked at behind that: what the VM has given up was put aside before it was untouched.
    const givenUp = this.#givenUp()
    if (givenUp.length === 0) return
    const bitmap = new Uint8Array(memory.pageCount / 8)
    for (const page of givenUp) setPage(bitmap, page)
    memory.makeAbsent(bitmap)
  }

  /** Fills `into` with the page as it was. False: it was all zero, and `into` is as before. */
  read(page: number, into: Uint8Array): boolean {
    const aside = this.#readAside(page, into)
    if (aside !== undefined) return aside
    if (this.memory.isAbsent(page)) {
      invariant(this.#base, `page ${page} is absent, and no image has it`)
      return this.#base.read(page, into)
    }
    const isTouched = this.memory.isTouched(page)
    if (isTouched) this.memory.readPage(page, into)
    // The VM may have begun to write to it meanwhile: then it was put aside before that.
    return this.#readAside(page, into) ?? isTouched
  }

  /** It is known to be all zero: nobody had ever written to it. */
  isUntouched(page: number): boolean {
    const aside = this.#isZeroAside(page)
    if (aside !== undefined) return aside
    if (this.memory.isAbsent(page)) return this.#base?.isUntouched(page) ?? false
    const isTouched = this.memory.isTouched(page)
    // The VM may have given it up meanwhile: then it was put aside before that.
    return this.#isZeroAside(page) ?? !isTouched
  }

  /** Pages that were put aside and that the VM's own tables say nothing of any more. */
  #givenUp(): number[] {
    const pages: number[] = []
    for (let image: ForkImage | undefined = this; image; image = image.#next)
      for (let at = image.#flags.indexOf(kept.aside); at >= 0; ) {
        if (!this.memory.isTouched(at)) pages.push(at)
        at = image.#flags.indexOf(kept.aside, at + 1)
      }
    return pages
  }

  /** undefined: nobody has written to it since. */
  #isZeroAside(page: number): boolean | undefined {
    for (let image: ForkImage | undefined = this; image; image = image.#next) {
      const flag = Atomics.load(image.#flags, page)
      if (flag !== kept.inRam) return flag === kept.zero
    }
    return undefined
  }

  /** undefined: nobody has written to it since. */
  #readAside(page: number, into: Uint8Array): boolean | undefined {
    for (let image: ForkImage | undefined = this; image; image = image.#next) {
      const flag = Atomics.load(image.#flags, page)
      if (flag === kept.inRam) continue
      if (flag === kept.zero) return false
      const from = page * pageBytes
      into.set(image.#bytes.subarray(from, from + pageBytes))
      return true
    }
    return undefined
  }
}
