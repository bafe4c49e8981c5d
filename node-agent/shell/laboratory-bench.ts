// Where a launcher that has started a node as part of a laboratory breaks it from inside: its store
// of disks, and its clock. POST /laboratory at the metrics port, with the cluster's token; only an
// agent that was started with `--laboratory yes` has it. Not here: what a broken disk or clock does
// (env/faulty-disk.ts, env/drifting-clock.ts), processes and links, which the launcher breaks from
// outside.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PcpuStart } from '#engine/vm-config.ts'
import { driftingClock, SharedDrift } from '#env/drifting-clock.ts'
import type { Clock, Disk } from '#env/env.ts'
import { faultyDisk, SharedDiskFaults } from '#env/faulty-disk.ts'
import { realClock } from '#env/real/clock.ts'
import { type Fault, fault, faultStatus } from '#proto/faults.ts'
import { jsonOf } from '#proto/json.ts'
import { AgentBreakRequest } from '#proto/laboratory.ts'

/** Longer is no request of ours. */
const requestCharsMax = 1000

export class LaboratoryBench {
  readonly #token: string
  readonly #disk = new SharedDiskFaults()
  readonly #drift = new SharedDrift()

  constructor(token: string) {
    this.#token = token
  }

  /** The same for the threads of pCPUs. */
  get forThreads(): Pick<PcpuStart, 'diskFaults' | 'clockDrift'> {
    return { diskFaults: this.#disk.buffer, clockDrift: this.#drift.buffer }
  }

  /** The one of all that this process does. */
  get clock(): Clock {
    return driftingClock(realClock, this.#drift)
  }

  breakable(disk: Disk): Disk {
    return faultyDisk(disk, () => this.#disk.now)
  }

  /** Answers when it is so. */
  async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = await this.#carryOut(request)
    if (refusal === undefined) response.writeHead(204).end()
    else response.writeHead(faultStatus[refusal.code]).end(JSON.stringify(refusal))
  }

  async #carryOut(request: IncomingMessage): Promise<Fault | undefined> {
    if (request.headers.authorization !== `Bearer ${this.#token}`)
      return fault('bad-token', 'Show the token of the cluster.')
    const checked = AgentBreakRequest.safeParse(jsonOf(await textOf(request)))
    if (!checked.success) return fault('bad-request', 'This is no request to a laboratory.')
    const { disk, clock } = checked.data
    if (disk) this.#disk.change(disk)
    if (clock) this.#drift.change(clock.rate, realClock.nowMs())
    return undefined
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > requestCharsMax) return ''
  }
  return text
}
