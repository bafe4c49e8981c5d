// Links in memory: messages arrive in order, one per microtask turn, and can be held up or cut
// between two addresses. The same port as the WebSockets of real/transport.ts, without a network.

import { BufferedLink } from '../buffered-link.ts'
import type { Link, Listener, Transport, TransportLimits } from '../env.ts'

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

class MemoryLink extends BufferedLink {
  readonly peer: string
  readonly #limits: TransportLimits
  #other: MemoryLink | undefined

  constructor(peer: string, limits: TransportLimits) {
    super()
    this.peer = peer
    this.#limits = limits
  }

  join(other: MemoryLink): void {
    this.#other = other
  }

  /** Never gives the bytes back: the other end has got the very same. */
  send(bytes: Uint8Array): void {
    if (this.isEnded) return
    this.count(bytes.length)
    queueMicrotask(() => {
      this.#other?.receive(bytes)
      this.count(-bytes.length)
    })
  }

  close(reason: string): void {
    if (this.isEnded) return
    this.end({ by: 'local', reason })
    // Behind what was sent before: a close does not overtake.
    queueMicrotask(() => this.#other?.end({ by: 'peer', reason }))
  }

  /** The link breaks under both ends. */
  fail(reason: string): void {
    this.end({ by: 'error', reason })
    this.#other?.end({ by: 'error', reason })
  }

  receive(bytes: Uint8Array): void {
    if (this.isEnded) return
    if (bytes.length > this.#limits.messageBytesMax) {
      this.end({ by: 'error', reason: 'message-too-large' })
      this.#other?.end({ by: 'peer', reason: 'message-too-large' })
    } else this.deliver(bytes)
  }
}
