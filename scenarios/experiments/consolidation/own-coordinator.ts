// The same nodes and loads under Godwit's own coordinator: its consolidation and rebalancing, the
// very code that runs clusters, on VMs as models in the simulated world
// (docs/decisions/0011-models-of-vms.md). Every ten seconds of virtual time it is looked at which
// node is on and which VMs are on it; what they ask for is what their traces say, and nodes draw by
// the tables of set-up.ts. A VM that moves loses its downtime, as measured. Not here: the published
// policies (replay.ts). Seconds, MIPS.

import type { ClusterState } from '#coordinator/core/cluster-state.ts'
import { powerStateOf } from '#coordinator/core/power/energy.ts'
import { SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import type { Trace } from '../../sim/models/traces.ts'
import { modelled } from '../../sim/models/vm-model.ts'
import { SimWorld } from '../../sim/sim-world.ts'
import type { Turns } from '../../sim/turns.ts'
import type { Pause, Trial, TrialResult } from '../experiment.ts'
import { measuresOf, NodeAccount } from './account.ts'
import { intervalSec, kindOf, mipsOf, nodeKindOf, type VmKind, wattsAt } from './set-up.ts'
import { shuffled } from './shuffled.ts'

const lookEverySec = 10
/** Half of 1 Gbit/s, as in the paper. */
const road = { latencyMs: 0.2, jitterMs: 0, bytesPerMs: 62_500 }
const pagesPerMib = 256
/** So much that memory never decides, as in the released program. */
const ampleMib = 65_536

interface OwnVm {
  readonly id: string
  readonly kind: VmKind
  readonly trace: Trace
}

export interface OwnSetting {
  readonly keepsMemory: boolean
}

export async function runOwn(
  { keepsMemory }: OwnSetting,
  { day, seed, nodes }: Trial,
  { breathe, turns }: Pause,
): Promise<TrialResult> {
  const traces = seed === 0 ? day.traces : shuffled(day.traces, new SeededRandom(seed))
  const vms = traces.map((trace, i) => ({ id: `vm-${i}`, kind: kindOf(i, traces.length), trace }))
  const world = worldOf(nodes, vms, { keepsMemory, seed, turns })
  await world.pass(2000)
  world.ask({ do: 'set-power', change: { save: true } })
  for (const { id, kind } of vms) world.run(id, specOf(id, kind))
  const watch = new Watch(vms, nodes)
  const lengthSec = Math.max(...traces.map(({ percents }) => percents.length)) * intervalSec
  for (let atSec = 0; atSec < lengthSec; atSec += lookEverySec) {
    await breathe()
    watch.look(world.coordinator.coordinator.state, atSec)
    await world.pass(1000 * lookEverySec)
  }
  return watch.result()
}

interface WorldSetting extends OwnSetting {
  readonly seed: number
  readonly turns: Turns
}

function worldOf(
  count: number,
  vms: readonly OwnVm[],
  { keepsMemory, seed, turns }: WorldSetting,
): SimWorld {
  const nodes = Array.from({ length: count }, (_, i) => `n${i}`)
  const traitsAt = (index: number) => {
    const { cores, coreMips, memoryMib } = nodeKindOf(index)
    return { cores, mips: coreMips, memoryMib: keepsMemory ? memoryMib : ampleMib }
  }
  return new SimWorld({
    models: { traces: new Map(vms.map(({ id, trace }) => [id, trace])) },
    ...{ nodes, seed, turns, road, settings: { rebalance: true } },
    traits: new Map(nodes.map((name, i) => [name, traitsAt(i)])),
    // Its own invariants are what tests look at.
    checkEveryMs: 3_600_000,
  })
}

/** All of its memory is in use, and none of it changes: it is sent once, as in the paper. */
const specOf = (trace: string, { mips, memoryMib }: VmKind) => ({
  ...modelled({
    load: { is: 'trace', trace, fromMs: 0 },
    ...{ mips, idlePages: Math.floor(0.95 * memoryMib * pagesPerMib) },
  }),
  memoryMib,
})

/** What the paper would have measured here. */
class Watch {
  readonly #vms: readonly OwnVm[]
  readonly #nodes: readonly { readonly index: number; readonly account: NodeAccount }[]
  readonly #nodesOn: number[] = []
  /** By id; the coordinator forgets them in time. */
  readonly #migrations = new Map<string, { readonly vmId: string; readonly downtimeMs: number }>()
  #joules = 0
  #asked = 0

  constructor(vms: readonly OwnVm[], nodes: number) {
    this.#vms = vms
    this.#nodes = Array.from({ length: nodes }, (_, index) => ({
      ...{ index, account: new NodeAccount() },
    }))
  }

  look(state: ClusterState, atSec: number): void {
    for (const { id, vmId, record } of state.migrations.values())
      this.#migrations.set(id, { vmId, downtimeMs: record?.downtimeMs ?? 0 })
    const asked = new Map<string, number>()
    for (const vm of this.#vms) {
      const mips = askedAt(vm, atSec)
      this.#asked += mips * lookEverySec
      const nodeId = state.vms.get(asVmId(vm.id))?.nodeId
      if (nodeId !== undefined) asked.set(nodeId, (asked.get(nodeId) ?? 0) + mips)
    }
    let on = 0
    for (const node of state.nodes.values()) {
      const own = this.#nodes[Number(node.id.slice(1))]
      if (!own) continue
      const kind = nodeKindOf(own.index)
      const wanted = asked.get(node.id) ?? 0
      const isOn = !['standby', 'off'].includes(powerStateOf(node))
      const got = Math.min(wanted, mipsOf(kind))
      // A node that is on and idle is on: the account goes by what it is at.
      own.account.note(atSec, isOn ? Math.max(got, Number.MIN_VALUE) : 0, wanted)
      if (!isOn) continue
      on++
      this.#joules += wattsAt(kind, got / mipsOf(kind)) * lookEverySec
    }
    this.#nodesOn.push(on)
  }

  result(): TrialResult {
    const byId = new Map(this.#vms.map((vm) => [vm.id, vm]))
    let lost = 0
    for (const { vmId, downtimeMs } of this.#migrations.values()) {
      const vm = byId.get(vmId)
      if (vm) lost += (meanAsked(vm) * downtimeMs) / 1000
    }
    const vms = [{ account: { asked: this.#asked, lost } }]
    const migrations = this.#migrations.size
    const totals = { joules: this.#joules, migrations, nodesOn: this.#nodesOn }
    const measures = measuresOf({ nodes: this.#nodes, vms }, totals)
    return { measures, nodesOn: this.#nodesOn, lookEverySec }
  }
}

function askedAt({ kind, trace }: OwnVm, atSec: number): number {
  const at = Math.min(Math.floor(atSec / intervalSec), trace.percents.length - 1)
  return ((trace.percents[at] as number) / 100) * kind.mips
}

function meanAsked({ kind, trace: { percents } }: OwnVm): number {
  return (kind.mips * percents.reduce((sum, percent) => sum + percent, 0)) / percents.length / 100
}
