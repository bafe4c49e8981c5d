// Runs one step machine: inputs are taken one after the other, never inside another's step, and the
// effects of one are all begun before the next is taken. Keeps the machine's alarms. The only place
// where pure cores meet time. Not here: what an effect does (the run files), what follows from an
// input (the cores).

import type { Cancel, Clock } from '#env/env.ts'

export class StepDriver<Input, Effect> {
  readonly #clock: Clock
  readonly #step: (input: Input & { readonly nowMs: number }) => readonly Effect[]
  readonly #carryOut: (effect: Effect) => void
  readonly #seen: (nowMs: number, effects: readonly Effect[]) => void
  readonly #inbox: Input[] = []
  readonly #alarms = new Set<Cancel>()
  #stepping = false

  /** @param seen after each step, before its effects: for whoever looks on */
  constructor(
    clock: Clock,
    step: (input: Input & { readonly nowMs: number }) => readonly Effect[],
    carryOut: (effect: Effect) => void,
    seen: (nowMs: number, effects: readonly Effect[]) => void = () => undefined,
  ) {
    this.#clock = clock
    this.#step = step
    this.#carryOut = carryOut
    this.#seen = seen
  }

  feed(input: Input): void {
    if (this.#stepping) {
      this.#inbox.push(input)
      return
    }
    this.#stepping = true
    try {
      let next: Input | undefined = input
      do {
        const nowMs = this.#clock.nowMs()
        const effects = this.#step({ ...next, nowMs })
        this.#seen(nowMs, effects)
        this.carryOut(effects)
        next = this.#inbox.length > 0 ? this.#inbox.shift() : undefined
      } while (next !== undefined)
    } finally {
      this.#stepping = false
    }
  }

  carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) this.#carryOut(effect)
  }

  /** Feeds `input` at that time, unless the alarms were silenced before. */
  wakeAt(atMs: number, input: Input): void {
    const cancel = this.#clock.wakeAt(atMs, () => {
      this.#alarms.delete(cancel)
      this.feed(input)
    })
    this.#alarms.add(cancel)
  }

  silence(): void {
    for (const cancel of this.#alarms) cancel()
    this.#alarms.clear()
  }
}
