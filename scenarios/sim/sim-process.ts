// A process of the simulated world, as its clock: everything that it ever does begins with an alarm
// or a message, and both go through here. So a process that is killed does nothing any more, and
// one that hangs does it all when it goes on. Not here: what it is (sim-node.ts,
// sim-coordinator.ts). Times in virtual ms, each process by a clock of its own.

import type { Cancel, Clock } from '#env/env.ts'
import { Alarm, type VirtualClock } from '#env/memory.ts'

/** How a process reads the world's time. Computers count from when they began, and not evenly. */
export interface Reading {
  /** At the world's beginning. */
  readonly startMs: number
  /** Of its own ms in one of the world's. */
  readonly rate: number
}

export const exactly: Reading = { startMs: 0, rate: 1 }
/** What rounding may take from an alarm: it must not ring before its time. */
const roundingMs = 1e-6

export class SimProcess implements Clock {
  readonly name: string
  readonly #world: VirtualClock
  readonly #isQuiet: boolean
  #reading: Reading
  #hasChanged = false
  readonly #kept: (() => void)[] = []
  #state: 'running' | 'hanging' | 'dead' = 'running'
  #onDeath: (() => void)[] = []
  #onGoOn: (() => void) | undefined

  /** @param isQuiet its alarms leave nothing behind to wait for: see VirtualClock.ringNext */
  constructor(name: string, world: VirtualClock, reading = exactly, isQuiet = false) {
    this.name = name
    this.#world = world
    this.#reading = reading
    this.#isQuiet = isQuiet
  }

  get isAlive(): boolean {
    return this.#state !== 'dead'
  }

  /** What comes, it does now. */
  get isGoing(): boolean {
    return this.#state === 'running'
  }

  get isHanging(): boolean {
    return this.#state === 'hanging'
  }

  nowMs(): number {
    const { startMs, rate } = this.#reading
    return startMs + rate * this.#world.nowMs()
  }

  wallMs(): number {
    return this.#world.wallMs()
  }

  wakeAt(atMs: number, fn: () => void): Cancel {
    return this.#wake(new ProcessAlarm(this, atMs, fn, this.#isQuiet))
  }

  /** For what leaves nothing behind to wait for, whatever this process does otherwise. */
  wakeQuietly(atMs: number, fn: () => void): Cancel {
    return this.#wake(new ProcessAlarm(this, atMs, fn, true))
  }

  #wake(alarm: ProcessAlarm): Cancel {
    this.#world.set(this.#inTheWorld(alarm.atMs), alarm)
    return () => alarm.cancel()
  }

  /** An alarm that it has set is due by the world's clock. */
  ring(alarm: ProcessAlarm): void {
    if (this.#hasChanged && this.nowMs() < alarm.atMs) this.#wake(alarm)
    else if (this.#state === 'running') alarm.fn()
    // Kept while it hangs, it may be cancelled before it goes on.
    else this.do(() => (alarm.isCancelled ? undefined : alarm.fn()))
  }

  /**
   * From now on its clock goes so, without a jump. What was set before never rings before its time;
   * it may ring later than that, when the clock goes faster now.
   */
  changeRate(rate: number): void {
    this.#hasChanged = true
    this.#reading = { startMs: this.nowMs() - rate * this.#world.nowMs(), rate }
  }

  #inTheWorld(atMs: number): number {
    const { startMs, rate } = this.#reading
    const worldMs = (atMs - startMs) / rate
    return startMs + rate * worldMs < atMs ? worldMs + roundingMs : worldMs
  }

  /** Now; when it goes on; or never. */
  do(fn: () => void): void {
    if (this.#state === 'running') fn()
    else if (this.#state === 'hanging') this.#kept.push(fn)
  }

  /** SIGKILL. */
  kill(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#kept.splice(0)
    for (const fn of this.#onDeath.splice(0)) fn()
  }

  onDeath(fn: () => void): void {
    this.#onDeath.push(fn)
  }

  /** It has gone on, and done what it had to do before. */
  onGoOn(fn: () => void): void {
    this.#onGoOn = fn
  }

  /** SIGSTOP. */
  hang(): void {
    if (this.#state === 'running') this.#state = 'hanging'
  }

  /** SIGCONT: what came meanwhile is there, in order; it may be what ends it. */
  goOn(): void {
    if (this.#state !== 'hanging') return
    this.#state = 'running'
    for (const fn of this.#kept.splice(0)) this.do(fn)
    if (this.isGoing) this.#onGoOn?.()
  }
}

class ProcessAlarm extends Alarm {
  readonly #process: SimProcess
  /** By the clock of the process. */
  readonly atMs: number
  readonly fn: () => void

  constructor(process: SimProcess, atMs: number, fn: () => void, isQuiet: boolean) {
    super(isQuiet)
    this.#process = process
    this.atMs = atMs
    this.fn = fn
  }

  ring(): void {
    this.#process.ring(this)
  }
}
