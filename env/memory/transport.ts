// Links in memory: messages arrive in order, one per microtask turn, and can be held up or cut
// between two addresses. The same port as the WebSockets of real/transport.ts, without a network.

import type { Link, LinkClosed, Listener, Transport, TransportLimits } from '../env.ts'

interface Accepting {
  readonly limits: TransportLimits
  readonly onLink: (link: Link) => void
  readonly links: Set<MemoryLink>
}

/** One network: every transport of a test that should reach the others uses the same instance. */
export class MemoryTransport implements Transport {
  #accepting = new Map<string, Accepting>()
  #nextPort = 1

  async listen(
    address: string,
    limits: TransportLimits,
    onLink: (link: Link) => void,
  ): Promise<Listener> {
    const url = new URL(address)
    const port = Number(url.port) || 40_000 + this.#nextPort++
    const bound = `ws://${url.hostname}:${port}`
    if (this.#accepting.has(bound)) throw new Error(`${bound} is in use`)
    const accepting: Accepting = { limits, onLink, links: new Set() }
    this.#accepting.set(bound, accepting)
    return {
      address: bound,
      close: async () => {
        this.#accepting.delete(bound)
        for (const link of accepting.links) link.fail('the listener was closed')
      },
    }
  }

  async connect(address: string, limits: TransportLimits, _timeoutMs: number): Promise<Link> {
    const url = new URL(address)
    const accepting = this.#accepting.get(`ws://${url.host}`)
    if (!accepting) throw new Error(`nobody listens at ${address}`)
    const here = new MemoryLink(address, limits)
    const there = new MemoryLink('memory', accepting.limits)
    here.join(there)
    there.join(here)
    accepting.links.add(there)
    accepting.onLink(there)
    return here
  }
}

class MemoryLink implements Link {
  readonly peer: string
  #limits: TransportLimits
  #other: MemoryLink | undefined
  #buffered = 0
  #early: Uint8Array[] = []
  #message: ((bytes: Uint8Array) => void) | undefined
  #close: ((closed: LinkClosed) => void) | undefined
  #closed: LinkClosed | undefined
  #waiters: { belowBytes: number; resolve: () => void }[] = []

  constructor(peer: string, limits: TransportLimits) {
    this.peer = peer
    this.#limits = limits
  }

  join(other: MemoryLink): void {
    this.#other = other
  }

  get bufferedBytes(): number {
    return this.#buffered
  }

  send(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#buffered += bytes.length
    queueMicrotask(() => {
      this.#buffered -= bytes.length
      this.#other?.receive(bytes)
      this.#wake()
    })
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

  close(reason: string): void {
    if (this.#closed) return
    const other = this.#other
    this.#end({ by: 'local', reason })
    // Behind what was sent before: a close does not overtake.
    queueMicrotask(() => other?.ended({ by: 'peer', reason }))
  }

  /** The link breaks under both ends. */
  fail(reason: string): void {
    this.ended({ by: 'error', reason })
    this.#other?.ended({ by: 'error', reason })
  }

  receive(bytes: Uint8Array): void {
    if (this.#closed) return
    if (bytes.length > this.#limits.messageBytesMax) {
      this.ended({ by: 'error', reason: 'message-too-large' })
      this.#other?.ended({ by: 'peer', reason: 'message-too-large' })
    } else if (this.#message) this.#message(bytes)
    else this.#early.push(bytes)
  }

  ended(closed: LinkClosed): void {
    if (!this.#closed) this.#end(closed)
  }

  #end(closed: LinkClosed): void {
    this.#closed = closed
    this.#wake()
    this.#close?.(closed)
  }

  #wake(): void {
    const all = this.#closed !== undefined
    const ready = this.#waiters.filter((waiter) => all || this.#buffered <= waiter.belowBytes)
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter))
    for (const waiter of ready) waiter.resolve()
  }
}
