// The machine's monotonic clock, the same in every thread and process of it (CLOCK_MONOTONIC), in
// ms.

import type { Clock } from '../env.ts'

export const realClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  wakeAt(atMs, fn) {
    // A timer of Node fires up to 1 ms early against hrtime: go round again until it is really
    // time.
    let timer: NodeJS.Timeout
    const arm = () => {
      timer = setTimeout(ring, Math.max(0, Math.ceil(atMs - realClock.nowMs())))
    }
    const ring = () => {
      if (realClock.nowMs() >= atMs) fn()
      else arm()
    }
    arm()
    return () => clearTimeout(timer)
  },
}
