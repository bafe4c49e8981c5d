// The host's memory comes to a process page by page when it is first touched, and each time costs
// more than copying the page. Where much of a block of 2 MiB is about to be written at once (a VM
// arrives, a kernel boots), the host is asked to back that block by one large page instead. Where a
// guest touches little nobody asks: a block would cost 2 MiB for one page that is used. A computer
// that is itself a VM may wait for milliseconds until its own host has such a page to give: where
// one block is filled after the other, the next ones are had ahead, while what comes is stored.
// Not here: how the host is asked (LargePages; env/real/host-memory.ts). Addresses count in a VM's
// linear memory, bytes.
// Source: Linux, Documentation/admin-guide/mm/transhuge.rst.

/** The host, where it has large pages to give. What it is told is a wish. */
export interface LargePages {
  wish(memory: WebAssembly.Memory, address: number, bytes: number): void
  /** The same, and it is had at once, beside this thread; nothing in it changes. */
  have(memory: WebAssembly.Memory, address: number, bytes: number): void
}

const blockBytes = 2 << 20
/** From so much on a block is worth a large page: zeroing it costs as much as ten small ones. */
const worthBytes = blockBytes / 8
/** So many blocks ahead: if nothing comes into them after all, 8 MiB are had in vain. */
const blocksAhead = 4

export class LargeBlocks {
  readonly #memory: WebAssembly.Memory
  readonly #host: LargePages | undefined
  /** Behind it nothing is had ahead. */
  readonly #end: number
  readonly #wished = new Set<number>()
  /** What was about to be written. */
  readonly #met = new Set<number>()

  constructor(memory: WebAssembly.Memory, host: LargePages | undefined, end: number) {
    this.#memory = memory
    this.#host = host
    this.#end = end
  }

  /** All of this is about to be written. */
  expect(address: number, bytes: number): void {
    if (!this.#host || bytes < worthBytes) return
    for (const at of blocksOf(address, bytes)) {
      this.#wish(at)
      // A part of one counts as all of it: the next run goes on where this one ends.
      if (this.#met.has(at)) continue
      this.#met.add(at)
      if (this.#met.has(at - blockBytes)) this.#haveAheadOf(at)
    }
  }

  /** Much of this will be written, some time. */
  wishAll(address: number, bytes: number): void {
    for (const at of blocksOf(address, bytes)) this.#wish(at)
  }

  #wish(at: number): void {
    if (this.#wished.has(at)) return
    this.#wished.add(at)
    this.#host?.wish(this.#memory, at, blockBytes)
  }

  #haveAheadOf(block: number): void {
    for (let n = 1; n <= blocksAhead; n++) {
      const at = block + n * blockBytes
      if (at + blockBytes > this.#end || this.#wished.has(at)) continue
      this.#wished.add(at)
      this.#host?.have(this.#memory, at, blockBytes)
    }
  }
}

function* blocksOf(address: number, bytes: number): Generator<number> {
  for (let at = address - (address % blockBytes); at < address + bytes; at += blockBytes) yield at
}
