// Alarms that wait, in order of time, then of setting. Most alarms of a simulated cluster are set a
// fixed time ahead (a heartbeat, the way of a message): each such kind comes in order by itself and
// waits in a lane of its own, where setting and ringing cost nothing that grows; the rest waits in
// a heap. Their times lie apart from the alarms, so that to find the earliest touches none of them,
// and what has rung is forgotten in its place: a list that is made anew now and then, with the
// rest of the old one in it, keeps the garbage collector from seeing what is dead.
// Not here: what time it is (clock.ts). Times in virtual ms.
// Source of the lanes: patience sorting (Mallows 1963): the lane with the latest end that fits.

/** What is due at a time. A subclass says what happens then. */
export abstract class Alarm {
  /** Of setting. */
  order = 0
  isCancelled = false
  /** It leaves nothing behind that must be waited for. */
  readonly isQuiet: boolean

  constructor(isQuiet: boolean) {
    this.isQuiet = isQuiet
  }

  abstract ring(): void

  cancel(): void {
    this.isCancelled = true
  }
}

export interface Queue {
  /** When its first one rings; Infinity: it is empty. */
  readonly firstMs: number
  readonly first: Alarm | undefined
  push(atMs: number, alarm: Alarm): void
  shift(): void
}

const never = Number.POSITIVE_INFINITY
const lanesMax = 8
const farMs = 10_000
const laneLengthMin = 16

/** First in, first out, in order of time: a ring that grows. */
class Lane implements Queue {
  #timesMs: number[] = new Array(laneLengthMin).fill(never)
  #alarms: (Alarm | undefined)[] = new Array(laneLengthMin).fill(undefined)
  #mask = laneLengthMin - 1
  #head = 0
  #length = 0
  /** When its last one rings. */
  endMs = Number.NEGATIVE_INFINITY

  get firstMs(): number {
    return this.#length === 0 ? never : (this.#timesMs[this.#head] as number)
  }

  get first(): Alarm | undefined {
    return this.#alarms[this.#head]
  }

  push(atMs: number, alarm: Alarm): void {
    if (this.#length > this.#mask) this.#grow()
    const at = (this.#head + this.#length++) & this.#mask
    this.#timesMs[at] = atMs
    this.#alarms[at] = alarm
    this.endMs = atMs
  }

  shift(): void {
    this.#alarms[this.#head] = undefined
    this.#head = (this.#head + 1) & this.#mask
    if (--this.#length === 0) this.endMs = Number.NEGATIVE_INFINITY
  }

  #grow(): void {
    const inOrder = <T>(list: T[], empty: T): T[] => {
      const [before, after] = [list.slice(0, this.#head), list.slice(this.#head)]
      return after.concat(before, list.fill(empty))
    }
    this.#timesMs = inOrder(this.#timesMs, never)
    this.#alarms = inOrder(this.#alarms, undefined)
    this.#mask = this.#alarms.length - 1
    this.#head = 0
  }
}

/** A binary heap; the earliest first. */
class Heap implements Queue {
  readonly #timesMs: number[] = []
  readonly #alarms: Alarm[] = []

  get firstMs(): number {
    return this.#timesMs[0] ?? never
  }

  get first(): Alarm | undefined {
    return this.#alarms[0]
  }

  push(atMs: number, alarm: Alarm): void {
    let at = this.#alarms.length
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!this.#comesBefore(atMs, alarm, above)) break
      this.#put(at, this.#timesMs[above] as number, this.#alarms[above] as Alarm)
      at = above
    }
    this.#put(at, atMs, alarm)
  }

  shift(): void {
    const atMs = this.#timesMs.pop()
    const alarm = this.#alarms.pop()
    const { length } = this.#alarms
    if (atMs === undefined || alarm === undefined || length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= length) break
      if (below + 1 < length && this.#isBefore(below + 1, below)) below += 1
      if (this.#comesBefore(atMs, alarm, below)) break
      this.#put(at, this.#timesMs[below] as number, this.#alarms[below] as Alarm)
      at = below
    }
    this.#put(at, atMs, alarm)
  }

  #put(at: number, atMs: number, alarm: Alarm): void {
    this.#timesMs[at] = atMs
    this.#alarms[at] = alarm
  }

  #isBefore(one: number, other: number): boolean {
    return this.#comesBefore(this.#timesMs[one] as number, this.#alarms[one] as Alarm, other)
  }

  #comesBefore(atMs: number, { order }: Alarm, other: number): boolean {
    const otherMs = this.#timesMs[other] as number
    return atMs < otherMs || (atMs === otherMs && order < (this.#alarms[other] as Alarm).order)
  }
}

export class AlarmQueues {
  readonly #lanes: Lane[] = []
  readonly #heap = new Heap()

  add(atMs: number, nowMs: number, alarm: Alarm): void {
    this.#placeFor(atMs, nowMs).push(atMs, alarm)
  }

  /** In which the earliest alarm is the first, and not cancelled; an empty one: there is none. */
  earliest(): Queue {
    let queue = this.#look()
    while (queue.first?.isCancelled) {
      queue.shift()
      queue = this.#look()
    }
    return queue
  }

  #look(): Queue {
    let best: Queue = this.#heap
    let bestMs = best.firstMs
    for (const lane of this.#lanes) {
      const { firstMs } = lane
      if (firstMs > bestMs || firstMs === never) continue
      if (firstMs === bestMs && orderOf(lane) > orderOf(best)) continue
      best = lane
      bestMs = firstMs
    }
    return best
  }

  #placeFor(atMs: number, nowMs: number): Queue {
    // A lane that ends late takes nothing until then.
    if (atMs - nowMs > farMs) return this.#heap
    let best: Lane | undefined
    for (const lane of this.#lanes)
      if (lane.endMs <= atMs && (best === undefined || lane.endMs > best.endMs)) best = lane
    if (best) return best
    if (this.#lanes.length >= lanesMax) return this.#heap
    const lane = new Lane()
    this.#lanes.push(lane)
    return lane
  }
}

const orderOf = ({ first }: Queue): number => first?.order ?? never
