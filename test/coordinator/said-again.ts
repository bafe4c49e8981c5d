// What an agent in the coordinator's own process says with each heartbeat: the very same list, as
// long as it says the same (see hearReports in coordinator/core/reports.ts). Whatever holds with it
// has to hold when every list is read.

import { isDeepStrictEqual } from 'node:util'
import type { VmReport } from '#proto/messages.ts'

export class SaidAgain {
  #last: VmReport[] = []

  again(reports: VmReport[]): VmReport[] {
    if (!isDeepStrictEqual(reports, this.#last)) this.#last = reports
    return this.#last
  }
}
