// A VM's cap as a token bucket: CPU time flows in at the capped rate and is spent by running. A
// slice may overdraw; then the VM waits until the debt is paid. Units: ms of CPU time, ms of host
// time, percent of one core.

/**
 * What a VM may save up while it is idle: a burst of some slices, so that a cap is also kept over
 * short times.
 */
const savedMsMax = 5

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

  spend(ranMs: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#leftMs -= ranMs
  }

  /** When the VM may run: now, or later if it has overdrawn. A whole core is never overdrawn. */
  mayRunAtMs(nowMs: number): number {
    if (this.#percent >= 100) return nowMs
    this.#refill(nowMs)
    return this.#leftMs > 0 ? nowMs : nowMs + (smallestMs - this.#leftMs) / (this.#percent / 100)
  }

  #refill(nowMs: number): void {
    const gainedMs = ((nowMs - this.#atMs) * this.#percent) / 100
    this.#leftMs = Math.min(savedMsMax, this.#leftMs + gainedMs)
    this.#atMs = nowMs
  }
}

/**
 * A debt is paid when this much is left, so that rounding does not wake a VM that may not run yet.
 */
const smallestMs = 0.001
