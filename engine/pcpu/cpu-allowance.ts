// A VM's cap as a token bucket: CPU time flows in at the capped rate and is spent by running. A
// slice is no longer than what is left, so that in any time a VM has no more than its cap and one
// slice. An instruction that lasts longer may overdraw; then the VM waits until the debt is paid.
// Units: ms of CPU time, ms of host time, percent of one core.

import { sliceMs } from './slice-length.ts'

/** What a VM may save up while it is idle. */
const savedMsMax = sliceMs
/** A slice for less is not worth its beginning. */
const startMsMin = sliceMs / 4
/** So that rounding does not wake a VM that may not run yet. */
const roundingMs = 1e-6

export class CpuAllowance {
  #percent: number
  #leftMs = savedMsMax
  #atMs: number

  constructor(percent: number, nowMs: number) {
    this.#percent = percent
    this.#atMs = nowMs
  }

  setPercent(percent: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#percent = percent
  }

  /** What flowed in meanwhile is not lost because nothing had been spent yet. */
  spend(ranMs: number, nowMs: number): void {
    this.#leftMs -= ranMs
    this.#refill(nowMs)
  }

  /** When the VM may run: now, or later if it has spent all. A whole core is never spent. */
  mayRunAtMs(nowMs: number): number {
    if (this.#percent >= 100) return nowMs
    this.#refill(nowMs)
    const missingMs = startMsMin - this.#leftMs
    return missingMs < roundingMs ? nowMs : nowMs + missingMs / (this.#percent / 100)
  }

  /** For how long it may run now. */
  sliceMs(nowMs: number): number {
    if (this.#percent >= 100) return sliceMs
    this.#refill(nowMs)
    return Math.min(sliceMs, Math.max(startMsMin, this.#leftMs))
  }

  #refill(nowMs: number): void {
    const gainedMs = ((nowMs - this.#atMs) * this.#percent) / 100
    this.#leftMs = Math.min(savedMsMax, this.#leftMs + gainedMs)
    this.#atMs = nowMs
  }
}
