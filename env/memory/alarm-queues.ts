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

interface Queue {
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
  /** The heap, and the lanes behind it. */
  readonly #heap = new Heap()
  readonly #lanes: Lane[] = []
  /** When the first one of each rings, in this order. */
  readonly #firstsMs = [never]
  /** Where firstMs has found it. */
  #firstAt = 0

  add(atMs: number, nowMs: number, alarm: Alarm): void {
    const at = this.#placeFor(atMs, nowMs)
    const queue = this.#queueAt(at)
    queue.push(atMs, alarm)
    this.#firstsMs[at] = queue.firstMs
  }

  /** When the first alarm rings that is not cancelled; Infinity: there is none. */
  firstMs(): number {
    for (;;) {
      const at = this.#earliest()
      if (!this.#queueAt(at).first?.isCancelled) {
        this.#firstAt = at
        return this.#firstsMs[at] as number
      }
      this.#shift(at)
    }
  }

  /** The one of which firstMs told just now. */
  takeFirst(): Alarm | undefined {
    const { first } = this.#queueAt(this.#firstAt)
    if (first) this.#shift(this.#firstAt)
    return first
  }

  #shift(at: number): void {
    const queue = this.#queueAt(at)
    queue.shift()
    this.#firstsMs[at] = queue.firstMs
  }

  #queueAt(at: number): Queue {
    return at === 0 ? this.#heap : (this.#lanes[at - 1] as Lane)
  }

  #earliest(): number {
    const firstsMs = this.#firstsMs
    let best = 0
    for (let at = 1; at < firstsMs.length; at++) {
      const [ms, bestMs] = [firstsMs[at] as number, firstsMs[best] as number]
      if (ms < bestMs || (ms === bestMs && ms !== never && this.#wasSetBefore(at, best))) best = at
    }
    return best
  }

  #wasSetBefore(one: number, other: number): boolean {
    return (this.#queueAt(one).first?.order ?? never) < (this.#queueAt(other).first?.order ?? never)
  }

  #placeFor(atMs: number, nowMs: number): number {
    // A lane that ends late takes nothing until then.
    if (atMs - nowMs > farMs) return 0
    let best = 0
    let bestMs = Number.NEGATIVE_INFINITY
    for (let at = 0; at < this.#lanes.length; at++) {
      const { endMs } = this.#lanes[at] as Lane
      if (endMs > atMs || (best > 0 && endMs <= bestMs)) continue
      best = at + 1
      bestMs = endMs
    }
    if (best > 0 || this.#lanes.length >= lanesMax) return best
    this.#firstsMs.push(never)
    return this.#lanes.push(new Lane())
  }
}
