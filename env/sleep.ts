// A while by a clock of the ports, as a promise. Not here: an alarm that can be cancelled
// (Clock.wakeAt in env.ts). Times in ms.

import type { Clock } from './env.ts'

export const sleep = (clock: Clock, ms: number): Promise<void> =>
  new Promise((go) => void clock.wakeAt(clock.nowMs() + ms, go))
