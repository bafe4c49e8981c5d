// What every link does on its own side, whatever carries the bytes: counts what has not left yet,
// keeps what arrives before somebody listens, and tells its end once, also to who asks later.
// Not here: the way the bytes go (real/transport.ts, memory/transport.ts).

import type { Link, LinkClosed } from './env.ts'

interface Waiter {
  readonly belowBytes: number
  readonly resolve: () => void
}

export abstract class BufferedLink implements Link {
  abstract readonly peer: string
  #buffered = 0
  #waiters: Waiter[] = []
  #early: Uint8Array[] = []
  #message: ((bytes: Uint8Array) => void) | undefined
  #close: ((closed: LinkClosed) => void) | undefined
  #closed: LinkClosed | undefined

  abstract send(bytes: Uint8Array, sent?: () => void): void
  abstract close(reason: string): void

  get bufferedBytes(): number {
    return this.#buffered
  }

  drained(belowBytes: number): Promise<void> {
    if (this.#closed || this.#buffered <= belowBytes) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiters.push({ belowBytes, resolve })
    })
  }

  onMessage(fn: (bytes: Uint8Array) => void): void {
    this.#message = fn
    for (const bytes of this.#early.splice(0)) fn(bytes)
  }

  onClose(fn: (closed: LinkClosed) => void): void {
    this.#close = fn
    if (this.#closed) fn(this.#closed)
  }

  protected get isEnded(): boolean {
    return this.#closed !== undefined
  }

  /** So many bytes wait to leave; a negative number: so many have left. */
  protected count(bytes: number): void {
    this.#buffered += bytes
    if (bytes < 0) this.#wake()
  }

  protected deliver(bytes: Uint8Array): void {
    if (this.#message) this.#message(bytes)
    else this.#early.push(bytes)
  }

  /** Only the first end counts. */
  protected end(closed: LinkClosed): void {
    if (this.#closed) return
    this.#closed = closed
    this.#wake()
    this.#close?.(closed)
  }

  #wake(): void {
    const ready = this.#waiters.filter(
      (waiter) => this.isEnded || this.#buffered <= waiter.belowBytes,
    )
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter))
    for (const waiter of ready) waiter.resolve()
  }
}
