// The right to be the one coordinator that decides: from an election until it is over, and never
// again after. It ends by our own monotonic clock, before etcd can have given it to another; or
// sooner, when a write is refused or somebody knows better.
// Its `term` is the revision at which etcd made the leader's key: it grows with every election, and
// every write is guarded by it. Not here: how one is elected (election.ts). Monotonic ms.
// Source: docs/decisions/0010-several-coordinators.md.

import type { Clock } from '#env/env.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { LeadershipHold } from '../coordinator.ts'

const notRenewed = fault('not-leader', 'etcd did not renew it in time')

export class Leadership implements LeadershipHold {
  readonly term: number
  readonly #clock: Clock
  readonly #ended = Promise.withResolvers<Fault>()
  #untilMs: number
  #isOver = false
  #isDoubted = false

  constructor(clock: Clock, term: number, untilMs: number) {
    this.#clock = clock
    this.term = term
    this.#untilMs = untilMs
  }

  get untilMs(): number {
    return this.#untilMs
  }

  /** Now; a moment later it may not. */
  get holds(): boolean {
    if (!this.#isOver && this.#clock.nowMs() >= this.#untilMs) this.end(notRenewed)
    return !this.#isOver
  }

  /** Why it is over, when it is. */
  get ended(): Promise<Fault> {
    return this.#ended.promise
  }

  /** One that has run out does not come back, even if etcd has not noticed. */
  extend(untilMs: number): void {
    if (this.holds) this.#untilMs = Math.max(this.#untilMs, untilMs)
  }

  /** Somebody says that another leads: etcd is asked at once, which knows. */
  doubt(): void {
    this.#isDoubted = true
  }

  get isDoubted(): boolean {
    return this.#isDoubted
  }

  /** It is being asked. */
  settleDoubt(): void {
    this.#isDoubted = false
  }

  end(why: Fault): void {
    this.#isOver = true
    this.#ended.resolve(why)
  }
}
