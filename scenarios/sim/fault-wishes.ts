// What a search wishes of guests, migrations, high availability and power while faults go on, how
// it breaks disks, and the law about the first of the rules that are strict from the beginning.
// Not here: when any of it is done (fault-run.ts).

import type { ClusterState, Settings } from '#coordinator/core/cluster-state.ts'
import { nodesOf } from '#coordinator/core/ha/rules.ts'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import type { DiskFaults } from '#env/faulty-disk.ts'
import type { HaRule } from '#proto/ha.ts'
import { asVmId, type VmId } from '#proto/ids.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { isolationResponses, type VmSpecInput } from '#proto/vm-spec.ts'
import type { FaultPlan } from './fault-plan.ts'
import type { SimCoordinator } from './sim-coordinator.ts'

/** Guests that check what they have, with disks and without. */
export const specs: readonly VmSpecInput[] = [
  { args: 'workload=dirty wss=1 rate=300', memoryMib: 4, diskMib: 1, clock: 'instructions' },
  { args: 'workload=check mib=1', memoryMib: 4, clock: 'instructions' },
  { args: 'workload=kv', memoryMib: 4, diskMib: 1, clock: 'instructions' },
  { args: 'workload=dirty wss=1 rate=0 tick=20', memoryMib: 4, clock: 'instructions' },
]
/** The one that is a store. */
export const storeSpec = 2
export const modes: readonly Partial<MigrationParams>[] = [
  {},
  { mode: 'post-copy', downtimeMsMax: 1 },
  { mode: 'stop-and-copy' },
  { whenStuck: 'throttle', downtimeMsMax: 5 },
  { bandwidthBytesPerSecMax: 2_000_000, encoding: 'raw' },
  { whenStuck: 'post-copy', downtimeMsMax: 1, bandwidthBytesPerSecMax: 4_000_000 },
]

export const firstTwoApart = {
  ...{ kind: 'keep-apart', name: 'first-two', vms: ['v1', 'v2'], strict: true },
} as const satisfies HaRule
/** One of them may be kept apart from another at the same time. */
export const twoTogether = {
  ...{ kind: 'keep-together', name: 'one-company', vms: ['v1', 'v3'], strict: true },
} as const satisfies HaRule
export const power = (save: boolean) => ({ save, sleepAfterMs: 500, wakeMs: 500 })
export const policyFor = (vmId: VmId, n: number): ApiCommand => ({
  ...{ do: 'set-policy', vmId },
  change: { restarts: n % 3, relocations: n % 2, failback: n % 5 > 0, priority: n },
})

/** Of the coordinator. */
export const settingsFor = (plan: FaultPlan, seed: number): Partial<Settings> => ({
  rebalance: seed % 3 === 0,
  // What several are meant for: long enough for another one to lead before it is over.
  ...(plan.coordinators > 1 && seed % 2 === 0 ? { leaseMs: 8000 } : {}),
  ...(plan.fenceAfterMs === undefined ? {} : { fenceAfterMs: plan.fenceAfterMs }),
  ...(plan.mergeLayersAbove === undefined ? {} : { mergeLayersAbove: plan.mergeLayersAbove }),
})

const protections = [
  { protection: 'continuous' },
  { protection: 'continuous', checkpointMs: 100 },
  { protection: 'checkpoint', checkpointMs: 1000 },
  { protection: 'restart' },
] as const
export const protectionFor = (vmId: VmId, n: number): ApiCommand => ({
  ...{ do: 'set-policy', vmId },
  change: {
    ...protections[n % protections.length],
    isolation: isolationResponses[Math.floor(n / protections.length) % 2],
  },
})

/** 1: reads fail, 2: writes, 3: both; 0: there is no room. */
export const diskFaults = (how: number): DiskFaults => ({
  ...{ reads: (how & 1) > 0, writes: (how & 2) > 0, isFull: how === 0 },
})

/** One that only wishes: what is strict from the beginning is another's. Or it is dropped. */
export function wishRule(state: ClusterState, home: string, n: number): ApiCommand {
  const vms = [...state.vms.keys()].slice(0, 3)
  const wish = { name: 'wish', vms, strict: false }
  if (n % 4 === 0 || vms.length < 2) return { do: 'drop-rule', name: 'wish' }
  if (n % 4 === 1) return { do: 'set-rule', rule: { kind: 'keep-apart', ...wish } }
  if (n % 4 === 2) return { do: 'set-rule', rule: { kind: 'keep-together', ...wish } }
  const nodes = [{ id: home, priority: 1 }]
  return { do: 'set-rule', rule: { kind: 'node-affinity', ...wish, nodes } }
}

/** By its console, if somebody is there to hear it. */
export function crashGuest({ process, consoles }: SimCoordinator, id: VmId): void {
  if (!process.isAlive || process.isHanging) return
  const deaf = { header: () => undefined, output: () => undefined, close: () => undefined }
  const session = consoles.attach(id, { isReplay: false, bufferedBytes: 0, ...deaf })
  session.input(new TextEncoder().encode('x1 panic\n'))
  session.detach()
}

/** The first two VMs never meet: not where they are, nor where they are going. */
export function brokenRule(state: ClusterState): string[] {
  if (!state.rules.has(firstTwoApart.name)) return []
  const [one, other] = firstTwoApart.vms.map((id) => {
    const vm = state.vms.get(asVmId(id))
    return vm ? nodesOf(state, vm) : []
  })
  const shared = one?.find((nodeId) => other?.includes(nodeId))
  return shared ? [`v1 and v2 are kept apart, and meet on ${shared}`] : []
}
