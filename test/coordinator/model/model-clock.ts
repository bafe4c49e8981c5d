// Virtual time of the model cluster: what is to happen when, in order. What is due at the same
// instant happens in the order in which it was asked for. Virtual ms.

interface Alarm {
  readonly atMs: number
  readonly fn: () => void
}

export class ModelClock {
  nowMs = 1000
  /** Nothing happens that has to be seen at once. */
  isPeace = false
  /** The next one last. */
  readonly #alarms: Alarm[] = []

  at(ms: number, fn: () => void): void {
    const atMs = this.nowMs + ms
    let [low, high] = [0, this.#alarms.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#alarms[middle]?.atMs ?? 0) > atMs) low = middle + 1
      else high = middle
    }
    this.#alarms.splice(low, 0, { atMs, fn })
  }

  /** Until it returns false; not so often in peace. */
  every(ms: number, fn: () => unknown, inPeaceMs = ms): void {
    this.at(this.isPeace ? inPeaceMs : ms, () => {
      if (fn() !== false) this.every(ms, fn, inPeaceMs)
    })
  }

  /** @param after what is done after each thing that happens. */
  advance(byMs: number, after: () => void): void {
    const untilMs = this.nowMs + byMs
    for (;;) {
      const next = this.#alarms.at(-1)
      if (!next || next.atMs > untilMs) break
      this.#alarms.pop()
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.fn()
      after()
    }
    this.nowMs = untilMs
  }
}
