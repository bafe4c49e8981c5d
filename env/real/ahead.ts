// Large pages that are had before anybody writes to them, by a thread that does nothing else: who
// touches one first waits until the host has it to give and has emptied it, which takes a VM's
// kernel 0.1 ms, and milliseconds where its own host must find it first. The thread is there from
// the first wish on. It is a help: where it ends, everything is as without it. Bytes.
// Not here: what is wished for (host-memory.ts), what the thread does (ahead-thread.ts).

import { Worker } from 'node:worker_threads'

/** What the processor calls large, where a page of 4 KiB is small. */
export const largeBytes = 2 << 20

/** From the beginning of a large page on. */
export interface Ahead {
  readonly buffer: ArrayBufferLike
  readonly from: number
  readonly length: number
}

export class AheadThread {
  #thread: Worker | 'ended' | undefined

  have(ahead: Ahead): void {
    this.#thread ??= this.#start()
    if (this.#thread !== 'ended') this.#thread.postMessage(ahead)
  }

  #start(): Worker {
    const thread = new Worker(new URL('./ahead-thread.ts', import.meta.url))
    const end = () => {
      this.#thread = 'ended'
    }
    thread.on('error', end)
    thread.on('exit', end)
    thread.unref()
    return thread
  }
}
