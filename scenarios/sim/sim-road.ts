// The roads of the simulated network, below its links: how long a way takes, and the interface by
// which a computer sends, whose speed all its links share, message by message in turn. What is lost
// on a road is sent again by TCP: a link sees it as a delay, and so do we (jitter, and a road that
// is clogged). Not here: links (sim-network.ts). Times in virtual ms, sizes in bytes.

import type { Cancel, Clock } from '#env/env.ts'

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
  #bytesPerMs: number
  /** By link, in the order of their turns. */
  readonly #queues = new Map<object, Waiting[]>()
  /** What is leaving now: when that began, and what ends it. */
  #leaving: { bytes: number; sinceMs: number; gone: () => void; cancel: Cancel } | undefined

  constructor(clock: Clock, bytesPerMs: number) {
    this.#clock = clock
    this.#bytesPerMs = bytesPerMs
  }

  /** `gone` when the last byte has left. */
  send(link: object, bytes: number, gone: () => void): void {
    const isIdle = !this.#leaving && this.#queues.size === 0
    if (this.#bytesPerMs === Number.POSITIVE_INFINITY && isIdle) {
      gone()
      return
    }
    const queue = this.#queues.get(link) ?? []
    this.#queues.set(link, queue)
    queue.push({ bytes, gone })
    if (!this.#leaving) this.#next()
  }

  /** From now on; what is leaving goes on at the new rate, and what waits keeps its turn. */
  changeRate(bytesPerMs: number): void {
    const before = this.#bytesPerMs
    this.#bytesPerMs = bytesPerMs
    if (!this.#leaving) return
    const { bytes, sinceMs, gone, cancel } = this.#leaving
    cancel()
    this.#leave(Math.max(0, bytes - (this.#clock.nowMs() - sinceMs) * before), gone)
  }

  #next(): void {
    const [first] = this.#queues
    if (!first) return
    const [link, queue] = first
    const message = queue.shift()
    // The next turn is another link's.
    this.#queues.delete(link)
    if (queue.length > 0) this.#queues.set(link, queue)
    if (message) this.#leave(message.bytes, message.gone)
  }

  #leave(bytes: number, gone: () => void): void {
    const sinceMs = this.#clock.nowMs()
    const cancel = this.#clock.wakeAt(sinceMs + bytes / this.#bytesPerMs, () => {
      this.#leaving = undefined
      gone()
      if (!this.#leaving) this.#next()
    })
    this.#leaving = { bytes, sinceMs, gone, cancel }
  }
}
