// One question at a time over a link, and its answer, or why none came. What nobody waits for, or
// what ends the link between two questions, goes to whoever owns it. Ms. Not here: links, what is
// asked (primary.ts).

import type { Clock } from '#env/env.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'

interface Waiting<M> {
  readonly t: string
  resolve(message: M): void
  reject(why: FaultError): void
}

export class Answers<M extends { readonly t: string }> {
  readonly #clock: Clock
  readonly #failed: (why: Fault) => void
  #waiting: Waiting<M> | undefined

  /** @param failed between two questions. */
  constructor(clock: Clock, failed: (why: Fault) => void) {
    this.#clock = clock
    this.#failed = failed
  }

  /** To be called before the question is sent. Rejects with a FaultError. */
  next(t: M['t'], withinMs: number): Promise<M> {
    const answer = new Promise<M>((resolve, reject) => {
      const late = fault('timed-out', `no ${t} came within ${withinMs} ms; is the link cut?`)
      const cancel = this.#clock.wakeAt(this.#clock.nowMs() + withinMs, () => this.fail(late))
      this.#waiting = {
        t,
        resolve: (message) => {
          cancel()
          resolve(message)
        },
        reject: (why) => {
          cancel()
          reject(why)
        },
      }
    })
    answer.catch(() => undefined) // Whoever asked hears of it, perhaps a little later.
    return answer
  }

  hear(message: M): void {
    const waiting = this.#waiting
    if (waiting?.t !== message.t) {
      this.fail(fault('bad-message', `${message.t} came, and nobody had asked for it`))
      return
    }
    this.#waiting = undefined
    waiting.resolve(message)
  }

  fail(why: Fault): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting) waiting.reject(new FaultError(why))
    else this.#failed(why)
  }
}
