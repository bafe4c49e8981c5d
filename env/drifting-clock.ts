// A Clock that goes too fast or too slowly when it is told to, over one that does not: for the
// agents of a laboratory, whose leases must hold by a clock like that. It never jumps, and the wall
// clock stays as it is. Pure. Times in ms.

import type { Clock } from './env.ts'

/** Which of the two ways of going holds, and behind it both. */
const headBytes = 8
/** Of the clock below: since when; what it said here then; of its own ms in one below. */
const numbersPerWay = 3

/** The same for all threads of a process: what one says, all others see at once. */
export class SharedDrift {
  readonly buffer: SharedArrayBuffer
  readonly #which: Int32Array
  readonly #ways: Float64Array

  constructor(buffer?: SharedArrayBuffer) {
    const bytes = headBytes + 2 * numbersPerWay * Float64Array.BYTES_PER_ELEMENT
    this.buffer = buffer ?? new SharedArrayBuffer(bytes)
    this.#which = new Int32Array(this.buffer, 0, 1)
    this.#ways = new Float64Array(this.buffer, headBytes)
    if (!buffer) this.#ways.set([0, 0, 1])
  }

  /** Own ms in one of the clock below. */
  get rate(): number {
    return this.#way()[2]
  }

  /** What it says when the clock below says that. */
  read(belowMs: number): number {
    const [sinceMs, saidMs, rate] = this.#way()
    return saidMs + (belowMs - sinceMs) * rate
  }

  /**
   * From now on it goes so; one thread alone may say that. What others read meanwhile is the way it
   * went before, whole.
   */
  change(rate: number, belowMs: number): void {
    const other = 1 - Atomics.load(this.#which, 0)
    this.#ways.set([belowMs, this.read(belowMs), rate], other * numbersPerWay)
    Atomics.store(this.#which, 0, other)
  }

  #way(): [number, number, number] {
    const at = Atomics.load(this.#which, 0) * numbersPerWay
    const ways = this.#ways
    return [ways[at] as number, ways[at + 1] as number, ways[at + 2] as number]
  }
}

export function driftingClock(clock: Clock, drift: SharedDrift): Clock {
  const nowMs = () => drift.read(clock.nowMs())
  return {
    nowMs,
    wallMs: () => clock.wallMs(),
    wakeAt(atMs, fn) {
      let cancel = () => {}
      const arm = () => {
        const leftMs = (atMs - nowMs()) / drift.rate
        cancel = clock.wakeAt(clock.nowMs() + leftMs, ring)
      }
      // It may go more slowly by now than it did then.
      const ring = () => (nowMs() >= atMs ? fn() : arm())
      arm()
      return () => cancel()
    },
  }
}
