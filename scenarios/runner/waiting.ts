// Waiting for facts, with deadlines and an end from outside: the runner's only way to let time
// pass. A condition is looked at again whenever somebody says that something changed, and never
// polled by itself. Times in ms of the injected clock.

import type { Cancel, Clock } from '#env/env.ts'
import { FaultError, fault, faultOf } from '#proto/faults.ts'

/** Thrown by every wait once the run is interrupted (Ctrl-C). */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

export class Waiting {
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  readonly #lookers = new Set<() => void>()

  constructor(clock: Clock, signal?: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    signal?.addEventListener('abort', () => this.changed(), { once: true })
  }

  /** Something may be different now: every waiting condition is looked at again. */
  changed(): void {
    for (const look of [...this.#lookers]) look()
  }

  /**
   * Resolves with the first value that `look` returns other than undefined; throws what it throws.
   * Throws the fault `timed-out`, naming `what`, after `withinMs`.
   */
  until<T>(what: string, withinMs: number, look: () => T | undefined): Promise<T> {
    const late = () => fault('timed-out', `Waited ${withinMs} ms in vain for: ${what}.`)
    return this.#wait(this.#clock.nowMs() + withinMs, look, (_, reject) =>
      reject(new FaultError(late())),
    )
  }

  /** Lets so much time pass; less, when `isEnough` says so. */
  async sleep(ms: number, isEnough: () => true | undefined = () => undefined): Promise<void> {
    await this.#wait<true>(this.#clock.nowMs() + ms, isEnough, (resolve) => resolve(true))
  }

  /** Undefined instead of the fault `timed-out`. */
  async unlessLate<T>(wait: Promise<T>): Promise<T | undefined> {
    try {
      return await wait
    } catch (thrown) {
      if (thrown instanceof FaultError && faultOf(thrown).code === 'timed-out') return undefined
      throw thrown
    }
  }

  #wait<T>(
    atMs: number,
    look: () => T | undefined,
    onTime: (resolve: (value: T) => void, reject: (why: unknown) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let cancel: Cancel = () => {}
      const settle = (act: () => void) => {
        this.#lookers.delete(again)
        cancel()
        act()
      }
      const again = () => {
        if (this.#signal?.aborted) return settle(() => reject(new Interrupted()))
        try {
          const value = look()
          if (value !== undefined) settle(() => resolve(value))
        } catch (thrown) {
          settle(() => reject(thrown))
        }
      }
      this.#lookers.add(again)
      cancel = this.#clock.wakeAt(atMs, () => settle(() => onTime(resolve, reject)))
      again()
    })
  }
}
