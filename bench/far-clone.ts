// Claim: a clone on another node runs its first instruction at least five times sooner when its
// pages come later than when all of them are sent first. A guest of 256 MiB with 230 MiB of content
// that writes to 16 MiB; two real agent processes, one socket; both ways in the same run, in turns.
// From the command to the node's word that the clone runs. Medians; times in ms.
// Run: node bench/far-clone.ts [--runs N]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import { startAgent } from '../test/node-agent/agent-process.ts'
import {
  CoordinatorDouble,
  eventually,
  params,
  vmOrder,
} from '../test/node-agent/coordinator-double.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { median } from './rig/sample.ts'
import { Table, times, verdict } from './rig/table.ts'

const spec = { args: 'workload=dirty wss=16 rate=2000 fill=230', memoryMib: 256 }
const minutes = 60_000
const leastTimes = 5
const lookMs = 1

class Pair {
  readonly coordinator = new CoordinatorDouble()
  #epoch = 1

  async start(folder: string) {
    this.coordinator.leaseMs = 10 * minutes
    const address = await this.coordinator.start()
    const agents = [
      await startAgent('a', address, folder, ['--memory', '4096']),
      await startAgent('b', address, folder, ['--memory', '4096']),
    ]
    await eventually('the nodes', () => this.coordinator.nodes.size === 2)
    await this.coordinator.command('a', { t: 'start', ...vmOrder('parent', 1, spec) })
    this.coordinator.listen('a', 'parent', 1)
    const isFilled = () => this.coordinator.consoles.get('parent')?.includes('dirty writes')
    await eventually('the guest at work', isFilled, minutes)
    return agents
  }

  /** To its first instruction, and until it needs its parent no more. */
  async clone(independent: boolean) {
    const { nodeId, peerAddress } = this.coordinator.node('b')
    const epoch = ++this.#epoch
    const name = `clone-${epoch}`
    const beganMs = performance.now()
    const command = this.coordinator.send('a', {
      t: 'clone',
      ...{ vmId: asVmId('parent'), epoch: asEpoch(1), migrationId: asMigrationId(`m${epoch}`) },
      destination: { nodeId, address: peerAddress },
      parentDisk: { sizeBytes: 0, layers: [] },
      clones: [vmOrder(name, epoch, spec)],
      params: params({ independent }),
    })
    while (!this.#runs(name)) await new Promise((resolve) => setTimeout(resolve, lookMs))
    const runsMs = performance.now() - beganMs
    const done = () => this.coordinator.resultOf(command)
    const result = await eventually('the end', done, minutes)
    const wholeMs = performance.now() - beganMs
    if (result.fault) throw new Error(result.fault.message)
    await this.coordinator.command('b', { t: 'stop', vmId: asVmId(name), epoch: asEpoch(epoch) })
    return { runsMs, wholeMs }
  }

  #runs = (name: string) =>
    this.coordinator.heard.some(
      (news) => news.t === 'vm-event' && news.event === 'running' && news.vmId === name,
    )
}

async function main(): Promise<void> {
  const values = readCommandLine({ runs: count(5) })
  const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'))
  const pair = new Pair()
  const agents = await pair.start(folder)
  const [later, first, whole]: [number[], number[], number[]] = [[], [], []]
  try {
    for (let run = 0; run < values.runs; run++) {
      const { runsMs, wholeMs } = await pair.clone(false)
      later.push(runsMs)
      whole.push(wholeMs)
      first.push((await pair.clone(true)).runsMs)
    }
    tell(later, first, whole)
  } finally {
    for (const agent of agents) await agent.end()
    await pair.coordinator.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function tell(later: number[], first: number[], whole: number[]): void {
  console.log(`Node ${process.version}; a guest of ${spec.memoryMib} MiB that writes 8 MB/s`)
  const table = new Table([
    ['until a clone on another node', 34],
    ['median', 9],
    ['worst', 9],
    ['ratio', 6],
    ['verdict', 8],
  ])
  const ratio = median(first) / median(later)
  const row = (what: string, sample: readonly number[], ...more: string[]) =>
    table.row([what, median(sample).toFixed(1), Math.max(...sample).toFixed(1), ...more])
  const said = verdict(ratio, leastTimes)
  row('runs, all of it sent first, ms', first, '', '')
  row('runs, its pages later, ms', later, times(ratio), said)
  row('has all of its pages, ms', whole, '', '')
  if (said === 'MISSED') process.exitCode = 1
}

await main()
