// Guest time of a VM whose clock is `real`: it runs with the host's monotonic clock while the VM
// runs, and stands still while the VM is paused, so that a guest which was moved finds no hole in
// its time (unless it is told of it).
// Not here: instruction-count time, which the core keeps. Units: ticks of 10 MHz; host times in ms.

import { ticksPerMs } from './devices/memory-map.ts'

/** What the engine needs of the host's clocks; env's Clock has it. */
export interface HostClock {
  /** Monotonic, fractional ms. */
  nowMs(): number
  /** Wall clock, ms since 1970. */
  wallMs(): number
}

export class GuestClock {
  readonly #host: HostClock
  /** The guest's time when the clock was last started or stopped. */
  #baseTicks = 0
  /** The host's time then; undefined while stopped. */
  #startedMs: number | undefined
  /** Time must never be seen to go back, whatever the host's clock does. */
  #lastTicks = 0

  /** Begins stopped, at 0. */
  constructor(host: HostClock) {
    this.#host = host
  }

  ticks(): number {
    if (this.#startedMs !== undefined) {
      const passedMs = this.#host.nowMs() - this.#startedMs
      this.#lastTicks = Math.max(
        this.#lastTicks,
        this.#baseTicks + Math.floor(passedMs * ticksPerMs),
      )
    }
    return this.#lastTicks
  }

  start(): void {
    if (this.#startedMs !== undefined) return
    this.#baseTicks = this.#lastTicks
    this.#startedMs = this.#host.nowMs()
  }

  stop(): void {
    this.ticks()
    this.#startedMs = undefined
  }

  /** A stopped clock goes on from there when it is started. */
  set(ticks: number): void {
    this.#startedMs = undefined
    this.#baseTicks = ticks
    this.#lastTicks = ticks
  }
}
