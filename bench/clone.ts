// Claim: a running guest of 256 MiB is cloned on its node within 5 ms, from the command to the
// clone's first instruction; its parent stands still for at most 2 ms; 100 clones take at most
// 300 ms, and at most 5 % of the memory of 100 copies. Measured at a real agent process, by its own
// account (MigrationRecord) and by the resident memory that Linux counts. Medians of several runs;
// the guest writes to 16 MiB all the time, and the rest of its RAM is full. Times in ms.
// Run: node bench/clone.ts [--runs N]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import type { MigrationRecord } from '#proto/messages.ts'
import { startAgent } from '../test/node-agent/agent-process.ts'
import {
  CoordinatorDouble,
  eventually,
  params,
  vmOrder,
} from '../test/node-agent/coordinator-double.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { residentKib } from './rig/resident.ts'
import { median } from './rig/sample.ts'
import { Table, times, verdict } from './rig/table.ts'

const memoryMib = 256
const parentSpec = { args: 'workload=dirty wss=16 rate=2000 fill=230', memoryMib }
const many = 100
const minutes = 60_000
const settleMs = 1000
/** What is measured at the most, and what is allowed. */
const allowed = { oneMs: 5, pausedMs: 2, manyMs: 300, memoryPercent: 5 }

class Parent {
  readonly #coordinator = new CoordinatorDouble()
  #epoch = 1
  #clones: { readonly name: string; readonly epoch: number }[] = []

  async start(folder: string) {
    this.#coordinator.leaseMs = 10 * minutes
    const address = await this.#coordinator.start()
    const agent = await startAgent('a', address, folder, ['--memory', String(64 * 1024)])
    await eventually('the node', () => this.#coordinator.nodes.size === 1)
    await this.#command({ t: 'start', ...vmOrder('parent', 1, parentSpec) })
    this.#coordinator.listen('a', 'parent', 1)
    const isFilled = () => this.#coordinator.consoles.get('parent')?.includes('dirty writes')
    await eventually('the guest at work', isFilled, minutes)
    return agent
  }

  async clone(count: number): Promise<MigrationRecord> {
    const { nodeId, peerAddress } = this.#coordinator.node('a')
    const names = Array.from({ length: count }, () => {
      this.#epoch++
      return { name: `clone-${this.#epoch}`, epoch: this.#epoch }
    })
    this.#clones.push(...names)
    const result = await this.#command({
      t: 'clone',
      ...{ vmId: asVmId('parent'), epoch: asEpoch(1) },
      migrationId: asMigrationId(`m${this.#epoch}`),
      destination: { nodeId, address: peerAddress },
      parentDisk: { sizeBytes: 0, layers: [] },
      clones: names.map(({ name, epoch }) => vmOrder(name, epoch, parentSpec)),
      params: params(),
    })
    if (!result.record) throw new Error('a clone without a record')
    return result.record
  }

  async removeClones(): Promise<void> {
    for (const { name, epoch } of this.#clones.splice(0))
      await this.#command({ t: 'stop', vmId: asVmId(name), epoch: asEpoch(epoch) })
  }

  stop(): Promise<void> {
    return this.#coordinator.stop()
  }

  async #command(message: Parameters<CoordinatorDouble['command']>[1]) {
    const result = await this.#coordinator.command('a', message)
    if (result.fault) throw new Error(`${message.t}: ${result.fault.message}`)
    return result
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, settleMs))

async function measure(parent: Parent, pid: number, runs: number) {
  const [ones, pauses, hundreds, percents]: number[][] = [[], [], [], []]
  for (let run = 0; run < runs; run++) {
    const one = await parent.clone(1)
    ones?.push(one.totalMs)
    pauses?.push(one.downtimeMs)
    await parent.removeClones()
    await settle()
    const before = residentKib(pid)
    const hundred = await parent.clone(many)
    await settle()
    hundreds?.push(hundred.totalMs)
    pauses?.push(hundred.downtimeMs)
    percents?.push((100 * (residentKib(pid) - before)) / (many * memoryMib * 1024))
    await parent.removeClones()
    await settle()
  }
  return { ones, pauses, hundreds, percents }
}

async function main(): Promise<void> {
  const values = readCommandLine({ runs: count(5) })
  const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'))
  const parent = new Parent()
  const agent = await parent.start(folder)
  try {
    const { ones, pauses, hundreds, percents } = await measure(
      parent,
      agent.child.pid ?? 0,
      values.runs,
    )
    console.log(`Node ${process.version}; a guest of ${memoryMib} MiB that writes 8 MB/s`)
    const table = new Table([
      ['what', 34],
      ['median', 8],
      ['worst', 8],
      ['allowed', 8],
      ['ratio', 6],
      ['verdict', 8],
    ])
    const tell = (what: string, sample: readonly number[] | undefined, most: number) => {
      const middle = median(sample ?? [])
      const worst = Math.max(...(sample ?? []))
      // Memory may have shrunk meanwhile: what is below nothing is reached.
      const said = verdict(most / Math.max(middle, 1e-3), 1)
      const figures = [middle, worst].map((value) => value.toFixed(2))
      table.row([what, ...figures, String(most), times(most / middle), said])
      if (said === 'MISSED') process.exitCode = 1
    }
    tell('one clone, ms', ones, allowed.oneMs)
    tell('its parent stands still, ms', pauses, allowed.pausedMs)
    tell(`${many} clones, ms`, hundreds, allowed.manyMs)
    tell('their memory, % of so many copies', percents, allowed.memoryPercent)
  } finally {
    await agent.end()
    await parent.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
