// The host's memory comes to a process page by page when it is first touched, and each time costs
// more than copying the page. Where much of a block of 2 MiB is about to be written at once (a VM
// arrives, a kernel boots), the host is asked to back that block by one large page instead. Where a
// guest touches little nobody asks: a block would cost 2 MiB for one page that is used.
// Not here: how the host is asked (LargePages; env/real/host-memory.ts). Addresses count in a VM's
// linear memory, bytes.
// Source: Linux, Documentation/admin-guide/mm/transhuge.rst.

/** The host, where it has large pages to give. What it is told is a wish. */
export interface LargePages {
  wish(memory: WebAssembly.Memory, address: number, bytes: number): void
}

const blockBytes = 2 << 20
/** From so much on a block is worth a large page: zeroing it costs as much as ten small ones. */
const worthBytes = blockBytes / 8

export class LargeBlocks {
  readonly #memory: WebAssembly.Memory
  readonly #host: LargePages | undefined
  readonly #wished = new Set<number>()

  constructor(memory: WebAssembly.Memory, host: LargePages | undefined) {
    this.#memory = memory
    this.#host = host
  }

  /** All of this is about to be written. */
  expect(address: number, bytes: number): void {
    if (!this.#host || bytes < worthBytes) return
    const end = address + bytes
    for (let at = address - (address % blockBytes); at < end; at += blockBytes) {
      // A part of one counts as all of it: the next run goes on where this one ends.
      if (this.#wished.has(at)) continue
      this.#wished.add(at)
      this.#host.wish(this.#memory, at, blockBytes)
    }
  }
}
