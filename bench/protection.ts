// Claim: a VM with a continuous replica keeps at least half of its speed (Cully et al., "Remus",
// NSDI 2008, section 5: a kernel build at 20 checkpoints a second took about 1.5 times as long),
// and an answer of its guest is late by no more than two intervals. Processes on this machine; the
// same VM without and with a replica, in turns. Ratio of speed: with / without; of a ping: allowed
// / measured. Not here: how long a take-over takes (failover.ts). Run: node bench/protection.ts
// [--turns N]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkpointMsDefaults } from '#proto/ha.ts'
import { asNodeId } from '#proto/ids.ts'
import { heartbeatMs, leaseMarginMs, leaseMs } from '#proto/units.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { Pinger } from './rig/pinger.ts'
import { Table, times, verdict } from './rig/table.ts'

const lookMs = 1000
const looks = 5
const pings = 20
const required = 0.5

/** What runs, and what of it shows how fast it is: instructions, or writes of its own. */
const guests = {
  'cpu, one core full': 'workload=cpu load=100',
  'dirty, 16 MiB at 500 pages/s': 'workload=dirty wss=16 rate=500',
  'dirty, 16 MiB at 20,000 pages/s': 'workload=dirty wss=16 rate=20000',
  'dirty, 16 MiB, flat out': 'workload=dirty wss=16 rate=0',
} as const

const medianOf = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

interface Measured {
  readonly mips: number
  readonly pingMs: number
}

async function measure(world: LocalWorld): Promise<Measured> {
  const mips: number[] = []
  for (let look = 0; look < looks; look++) {
    await sleep(lookMs)
    mips.push((await world.api.vm('vm')).load?.mips ?? 0)
  }
  const tookMs: number[] = []
  for (let n = 0; n < pings; n++) tookMs.push(await ping(world))
  return { mips: medianOf(mips), pingMs: medianOf(tookMs) }
}

async function ping(world: LocalWorld): Promise<number> {
  const pinger = new Pinger(world)
  await pinger.ping()
  const beganMs = performance.now()
  await pinger.ping()
  const tookMs = performance.now() - beganMs
  pinger.close()
  return tookMs
}

/** Until the VM has a replica that counts, or has none any more. */
async function protect(world: LocalWorld, level: 'restart' | 'continuous'): Promise<void> {
  await world.api.setPolicy('vm', { protection: level })
  const isSo = async () => {
    const { replica } = await world.api.vm('vm')
    return level === 'restart' ? !replica : replica?.phase === 'ready'
  }
  while (!(await isSo())) await sleep(100)
  await sleep(1000)
}

async function turns(args: string, count: number): Promise<Record<'without' | 'with', Measured>> {
  const home = mkdtempSync(join(tmpdir(), 'godwit-protection-'))
  const world = new LocalWorld({ folder: new ClusterFolder(home, 'bench') })
  const seen = { without: [] as Measured[], with: [] as Measured[] }
  try {
    await world.startCluster({
      nodes: ['a', 'b'].map((id) => ({
        ...{ id: asNodeId(id), cores: 1, mipsPerCore: 0, memoryMib: 256 },
      })),
      ...{ leaseMs, heartbeatMs, marginMs: leaseMarginMs, rebalance: false },
    })
    await world.api.run({ id: 'vm', spec: VmSpec.parse({ args, memoryMib: 64 }) })
    while ((await world.api.vm('vm')).phase !== 'running') await sleep(50)
    for (let turn = 0; turn < count; turn++) {
      await protect(world, 'restart')
      seen.without.push(await measure(world))
      await protect(world, 'continuous')
      seen.with.push(await measure(world))
    }
  } finally {
    await world.stop()
    rmSync(home, { recursive: true, force: true })
  }
  return { without: median(seen.without), with: median(seen.with) }
}

const median = (all: readonly Measured[]): Measured => ({
  mips: medianOf(all.map(({ mips }) => mips)),
  pingMs: medianOf(all.map(({ pingMs }) => pingMs)),
})

async function main(): Promise<void> {
  const values = readCommandLine({ turns: count(3) })
  const table = new Table([
    ['guest', 32],
    ['MIPS without', 12],
    ['with', 8],
    ['ratio', 6],
    ['verdict', 8],
    ['ping ms', 8],
    ['with', 8],
    ['allowed', 8],
    ['verdict', 8],
  ])
  for (const [name, args] of Object.entries(guests)) {
    const { without, with: kept } = await turns(args, values.turns)
    const ratio = kept.mips / without.mips
    const allowedMs = without.pingMs + 2 * checkpointMsDefaults.continuous
    const said = [verdict(ratio, required), verdict(allowedMs / kept.pingMs, 1)] as const
    const speed = [without.mips.toFixed(1), kept.mips.toFixed(1), times(ratio), said[0]]
    const late = [without.pingMs, kept.pingMs, allowedMs].map((ms) => ms.toFixed(1))
    table.row([name, ...speed, ...late, said[1]])
    if (said.includes('MISSED')) process.exitCode = 1
  }
}

await main()
