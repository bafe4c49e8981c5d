// A clock that goes only when told. Alarms ring in order of time, then of setting. Most alarms of a
// simulated cluster are set a fixed time ahead (a heartbeat, the way of a message): each such kind
// comes in order by itself and waits in a lane of its own, where setting and ringing cost nothing
// that grows; the rest waits in a heap. Not here: who sets alarms. Times in virtual ms.
// Source of the lanes: patience sorting (Mallows 1963): the lane with the latest end that fits.

import type { Cancel, Clock } from '../env.ts'

interface Alarm {
  readonly atMs: number
  readonly order: number
  /** undefined: it was cancelled. */
  fn: (() => void) | undefined
  /** It leaves nothing behind that must be waited for. */
  readonly isQuiet: boolean
}

const lanesMax = 8
const farMs = 10_000
/** So many that have rung may stand at the head of a lane before it is moved together. */
const headMax = 1024

/** First in, first out, in order of time. */
class Lane {
  #alarms: (Alarm | undefined)[] = []
  #head = 0
  /** When its last one rings. */
  endMs = Number.NEGATIVE_INFINITY

  get first(): Alarm | undefined {
    for (;;) {
      const alarm = this.#alarms[this.#head]
      if (alarm === undefined || alarm.fn !== undefined) return alarm
      this.shift()
    }
  }

  push(alarm: Alarm): void {
    this.#alarms.push(alarm)
    this.endMs = alarm.atMs
  }

  shift(): void {
    this.#alarms[this.#head++] = undefined
    if (this.#head === this.#alarms.length) {
      this.#alarms = []
      this.#head = 0
      this.endMs = Number.NEGATIVE_INFINITY
    } else if (this.#head > headMax && this.#head * 2 > this.#alarms.length) {
      this.#alarms = this.#alarms.slice(this.#head)
      this.#head = 0
    }
  }
}

const isBefore = (a: Alarm, b: Alarm): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/** A binary heap; the earliest first. */
class Heap {
  readonly #alarms: Alarm[] = []

  get first(): Alarm | undefined {
    for (;;) {
      const [alarm] = this.#alarms
      if (alarm === undefined || alarm.fn !== undefined) return alarm
      this.shift()
    }
  }

  push(alarm: Alarm): void {
    const heap = this.#alarms
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const other = heap[above] as Alarm
      if (!isBefore(alarm, other)) break
      heap[at] = other
      at = above
    }
    heap[at] = alarm
  }

  shift(): void {
    const heap = this.#alarms
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const right = heap[below + 1]
      if (right !== undefined && isBefore(right, heap[below] as Alarm)) below += 1
      const other = heap[below]
      if (other === undefined || !isBefore(other, last)) break
      heap[at] = other
      at = below
    }
    heap[at] = last
  }
}

export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #lanes: Lane[] = []
  readonly #heap = new Heap()
  #isStirred = false

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs
  }

  wakeAt(atMs: number, fn: () => void): Cancel {
    return this.#set(atMs, fn, false)
  }

  /** The same for what leaves nothing behind to wait for: see ringNext. */
  wakeQuietly(atMs: number, fn: () => void): Cancel {
    return this.#set(atMs, fn, true)
  }

  /** Something is under way that must be waited for, whatever the alarm that began it. */
  stir(): void {
    this.#isStirred = true
  }

  /** The earliest alarm, or undefined when none is set. */
  get nextAlarmMs(): number | undefined {
    return this.#earliest()?.first?.atMs
  }

  /**
   * Goes to the next alarm and rings it alone. undefined: there is none until then. `quiet`: nobody
   * has to be let go on before the next one is rung.
   */
  ringNext(untilMs = Number.POSITIVE_INFINITY): 'quiet' | 'rang' | undefined {
    const queue = this.#earliest()
    const next = queue?.first
    if (!queue || !next || next.atMs > untilMs) return undefined
    queue.shift()
    this.#ring(next)
    const isQuiet = next.isQuiet && !this.#isStirred
    this.#isStirred = false
    return isQuiet ? 'quiet' : 'rang'
  }

  /** Lets `byMs` pass; every alarm on the way rings at its own instant. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const queue = this.#earliest()
      const next = queue?.first
      if (!queue || !next || next.atMs > untilMs) break
      queue.shift()
      this.#ring(next)
    }
    this.#nowMs = untilMs
  }

  #set(atMs: number, fn: () => void, isQuiet: boolean): Cancel {
    const alarm: Alarm = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, fn, isQuiet }
    this.#placeFor(alarm.atMs).push(alarm)
    return () => {
      alarm.fn = undefined
    }
  }

  #placeFor(atMs: number): Lane | Heap {
    // A lane that ends late takes nothing until then.
    if (atMs - this.#nowMs > farMs) return this.#heap
    let best: Lane | undefined
    for (const lane of this.#lanes)
      if (lane.endMs <= atMs && (best === undefined || lane.endMs > best.endMs)) best = lane
    if (best) return best
    if (this.#lanes.length >= lanesMax) return this.#heap
    const lane = new Lane()
    this.#lanes.push(lane)
    return lane
  }

  #ring(alarm: Alarm): void {
    this.#nowMs = alarm.atMs
    const { fn } = alarm
    alarm.fn = undefined
    fn?.()
  }

  #earliest(): Lane | Heap | undefined {
    let first = this.#heap.first
    let queue: Lane | Heap | undefined = first && this.#heap
    for (const lane of this.#lanes) {
      const next = lane.first
      if (next === undefined || (first !== undefined && !isBefore(next, first))) continue
      first = next
      queue = lane
    }
    return queue
  }
}
