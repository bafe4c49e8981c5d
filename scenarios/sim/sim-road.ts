// The roads of the simulated network, below its links: how long a way takes, and the interface by
// which a computer sends, whose speed all its links share, message by message in turn. What is lost
// on a road is sent again by TCP: a link sees it as a delay, and so do we (jitter, and a road that
// is clogged). Not here: links (sim-network.ts). Times in virtual ms, sizes in bytes.

import type { Clock } from '#env/env.ts'

export interface RoadTraits {
  readonly latencyMs: number
  /** Each message takes up to that much longer, by chance. */
  readonly jitterMs: number
  /** Of each computer's interface, for what it sends. */
  readonly bytesPerMs: number
}

/** A switch in the same rack, without limits. */
export const nearRoad: RoadTraits = {
  latencyMs: 0.2,
  jitterMs: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
}

interface Waiting {
  readonly bytes: number
  readonly gone: () => void
}

export class SimInterface {
  readonly #clock: Clock
  readonly #bytesPerMs: number
  /** By link, in the order of their turns. */
  readonly #queues = new Map<object, Waiting[]>()
  #isBusy = false

  constructor(clock: Clock, bytesPerMs: number) {
    this.#clock = clock
    this.#bytesPerMs = bytesPerMs
  }

  /** `gone` when the last byte has left. */
  send(link: object, bytes: number, gone: () => void): void {
    if (this.#bytesPerMs === Number.POSITIVE_INFINITY) {
      gone()
      return
    }
    const queue = this.#queues.get(link) ?? []
    this.#queues.set(link, queue)
    queue.push({ bytes, gone })
    if (!this.#isBusy) this.#next()
  }

  #next(): void {
    const [first] = this.#queues
    if (!first) return
    const [link, queue] = first
    const message = queue.shift()
    // The next turn is another link's.
    this.#queues.delete(link)
    if (queue.length > 0) this.#queues.set(link, queue)
    if (!message) return
    this.#isBusy = true
    this.#clock.wakeAt(this.#clock.nowMs() + message.bytes / this.#bytesPerMs, () => {
      this.#isBusy = false
      message.gone()
      if (!this.#isBusy) this.#next()
    })
  }
}
