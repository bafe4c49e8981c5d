// A node that is told to shut down and waits for the coordinator's leave: its VMs may be moved away
// first. Nobody is waited for for ever. A coordinator that goes meanwhile may come back, or another
// one lead: then it is asked again. Not here: what is said (membership.ts). Times in ms.

import type { Clock } from '#env/env.ts'

/** For the answer; for VMs that are moved away; for a coordinator that was there a moment ago. */
const answerMsMax = 1000
export const movingMsMax = 120_000
const coordinatorMsMax = 8000

export class Leaving {
  readonly #clock: Clock
  #go: (() => void) | undefined
  #cancel = () => {}
  /** VMs are being moved away. */
  #isEmptying = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Somebody waits for leave to go. */
  get isWanted(): boolean {
    return this.#go !== undefined
  }

  /** Resolves when the node may go. */
  async wait(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#go = resolve
      this.asked()
    })
  }

  /** It was said to the coordinator, for the first time or again. */
  asked(): void {
    this.#goIn(answerMsMax)
  }

  /** @param now its answer: false, its VMs leave first. */
  hear(now: boolean): void {
    this.#isEmptying = !now
    if (now) this.#end()
    else this.#goIn(movingMsMax)
  }

  /** There is no coordinator at the moment. Where it had not answered, all may be shutting down. */
  lost(): void {
    if (this.#isEmptying) this.#goIn(coordinatorMsMax)
    else this.#end()
  }

  #goIn(ms: number): void {
    if (!this.isWanted) return
    this.#cancel()
    this.#cancel = this.#clock.wakeAt(this.#clock.nowMs() + ms, () => this.#end())
  }

  #end(): void {
    this.#cancel()
    const go = this.#go
    this.#go = undefined
    go?.()
  }
}
