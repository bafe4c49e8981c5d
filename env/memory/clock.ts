// A clock that goes only when told. Alarms ring in order of time, then of setting. Not here: how
// they wait (alarm-queues.ts), who sets them. Times in virtual ms.

import type { Cancel, Clock } from '../env.ts'
import { Alarm, AlarmQueues } from './alarm-queues.ts'

export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #queues = new AlarmQueues()
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
    const call = new Call(fn)
    this.set(atMs, call)
    return () => call.cancel()
  }

  /** The same for who has an alarm of their own; it is set once, or again when it has rung. */
  set(atMs: number, alarm: Alarm): void {
    alarm.order = this.#order++
    this.#queues.add(Math.max(atMs, this.#nowMs), this.#nowMs, alarm)
  }

  /** Something is under way that must be waited for, whatever the alarm that began it. */
  stir(): void {
    this.#isStirred = true
  }

  /** The earliest alarm, or undefined when none is set. */
  get nextAlarmMs(): number | undefined {
    const firstMs = this.#queues.firstMs()
    return firstMs === Number.POSITIVE_INFINITY ? undefined : firstMs
  }

  /**
   * Goes to the next alarm and rings it alone. undefined: there is none until then. `quiet`: nobody
   * has to be let go on before the next one is rung.
   */
  ringNext(untilMs = Number.POSITIVE_INFINITY): 'quiet' | 'rang' | undefined {
    const firstMs = this.#queues.firstMs()
    if (firstMs > untilMs) return undefined
    const alarm = this.#queues.takeFirst()
    if (!alarm) return undefined
    this.#nowMs = firstMs
    alarm.ring()
    const isQuiet = alarm.isQuiet && !this.#isStirred
    this.#isStirred = false
    return isQuiet ? 'quiet' : 'rang'
  }

  /** Lets `byMs` pass; every alarm on the way rings at its own instant. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    while (this.ringNext(untilMs));
    this.#nowMs = untilMs
  }
}

/** The alarm of who has none of their own. */
class Call extends Alarm {
  readonly #fn: () => void

  constructor(fn: () => void) {
    super(false)
    this.#fn = fn
  }

  ring(): void {
    this.#fn()
  }
}
