// What an SBI test that is not about the watchdog gives it: one that is off, and time that stands.
// Not here: the watchdog's own test (watchdog.test.ts).

import type { SbiPorts } from '#engine/sbi/call.ts'
import { Watchdog } from '#engine/sbi/watchdog.ts'

export const noWatchdog = (): Pick<SbiPorts, 'watchdog' | 'ticks' | 'lookAgain'> => ({
  watchdog: new Watchdog(),
  ticks: () => 0,
  lookAgain: () => undefined,
})
