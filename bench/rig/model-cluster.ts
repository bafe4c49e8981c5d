// A cluster of modelled VMs for benchmarks: nodes, VMs on them, and time that passes. Most of what
// is measured is the coordinator's, with all its decisions; nothing executes. CPU time of this
// process in ms, virtual time in ms.

import { modelled, type VmModelInput } from '#scenarios/sim/models/vm-model.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { nodeTurns } from '#scenarios/sim/turns.ts'

export interface ClusterSize {
  readonly nodes: number
  readonly vmsPerNode: number
}

/** As many VMs as a coordinator is asked for at once; a moment later the next. */
const askedAtOnce = 500
/** Until all that was asked for has booted, and its demand is known. */
const settleMs = 5000

const model: VmModelInput = {
  load: { is: 'wave', meanPercent: 20, swingPercent: 15, periodMs: 86_400_000 },
  hot: { pages: 4096, perSec: 2000 },
  cold: { pages: 51_200, perSec: 50 },
}
const spec = { ...modelled(model), memoryMib: 1024, cpuExpectedPercent: 20 }

export const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** All nodes joined, all VMs running. Invariants of the whole state are looked at once a minute. */
export async function modelCluster({ nodes, vmsPerNode }: ClusterSize): Promise<SimWorld> {
  const names = Array.from({ length: nodes }, (_, n) => `n${n}`)
  const world = new SimWorld({
    ...{ models: { traces: new Map() }, nodes: names, seed: 1 },
    traits: new Map(names.map((name) => [name, { cores: 8, mips: 1000, memoryMib: 32_768 }])),
    ...{ road: { latencyMs: 0.2, jitterMs: 0, bytesPerMs: 1_250_000 }, checkEveryMs: 60_000 },
    turns: nodeTurns(),
  })
  await world.pass(1000)
  for (let n = 0; n < nodes * vmsPerNode; n++) {
    world.run(`v${n}`, spec, names[n % nodes])
    if (n % askedAtOnce === askedAtOnce - 1) await world.pass(100)
  }
  await world.pass(settleMs)
  mustBeWell(world, nodes * vmsPerNode)
  return world
}

export function mustBeWell(world: SimWorld, vms: number): void {
  const all = [...world.coordinator.coordinator.state.vms.values()]
  const running = all.filter(({ phase }) => phase === 'running').length
  if (running !== vms) throw new Error(`${running} of ${vms} VMs run`)
  const [violation] = world.violations
  if (violation !== undefined) throw new Error(violation)
}
