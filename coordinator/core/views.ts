// What the API shows of the state: pure functions from records to proto/api.ts. Nothing is computed
// here that the core would not know by itself, and nothing here changes anything. Times in
// monotonic ms.

import type { ClusterView, MigrationView, NodeView, VmView } from '#proto/api.ts'
import type { HaPolicySaid } from '#proto/ha.ts'
import { byId } from '#proto/name-order.ts'
import { burdenOf } from './burdens.ts'
import { type ClusterState, isOpen, type Migration, type Node, type Vm } from './cluster-state.ts'
import { evacuationView } from './evacuation.ts'
import { groupsView, rulesView } from './ha/commands.ts'
import { ownOf } from './ha/groups.ts'
import { endedMigrationsKept, viewEvents } from './limits.ts'
import { isDoubtful, isUnheard } from './node-doors.ts'
import { powerStateOf, powerView } from './power/energy.ts'
import { quotasView } from './quotas.ts'

/** Undefined fields are left out: the API's schemas know `absent`, not `undefined`. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const there: Partial<T> = {}
  for (const name in fields) if (fields[name] !== undefined) there[name] = fields[name]
  return there as { [K in keyof T]: Exclude<T[K], undefined> }
}

export function nodeView(state: ClusterState, node: Node, nowMs: number): NodeView {
  const { id, phase, capacity, peerAddress, pid, live } = node
  const fencedAtMs = live.leaseExpiresAtMs + state.settings.marginMs
  const hasLease = phase === 'online' || isDoubtful(node)
  return {
    ...{ id, phase, capacity, peerAddress, pid },
    cpuDemandPercent: live.cpuDemandPercent,
    cpuGotPercent: live.cpuGotPercent,
    memoryUsedMib: live.memoryUsedMib,
    memoryReservedMib: burdenOf(state, node).reservedMib,
    vmCount: live.vmIds.size,
    power: powerStateOf(node),
    leaseLeftMs: hasLease ? Math.max(0, fencedAtMs - nowMs) : 0,
    ...present({ evacuation: evacuationView(state, node, nowMs) }),
  }
}

/** Its machine is on its node, whether it executes there or stands still. */
export const isThere = ({ phase }: Vm): boolean =>
  phase === 'running' || phase === 'paused' || phase === 'migrating'

/** A node that is not heard of may run its VM or not. */
export function isUnknown(state: ClusterState, vm: Vm): boolean {
  const node = vm.nodeId === undefined ? undefined : state.nodes.get(vm.nodeId)
  return isThere(vm) && node !== undefined && isUnheard(node)
}

export function vmView(state: ClusterState, vm: Vm): VmView {
  const { id, phase, spec, identity, disk, nodeId, epoch, migrationId, clonedFrom } = vm
  const { recoveries, fault, policy, owner, replica, wentOnFrom } = vm
  return {
    ...{ id, phase, spec, identity, disk, epoch, recoveries },
    ...present({
      nodeId,
      migrationId,
      clonedFrom,
      owner,
      fault,
      policy,
      replica,
      wentOnFrom,
      ownPolicy: ownPolicyView(vm),
      load: vm.live.load,
      isUnknown: isUnknown(state, vm) || undefined,
      merging: mergingView(vm),
    }),
  } as VmView
}

function ownPolicyView(vm: Vm): HaPolicySaid | undefined {
  const own = ownOf(vm)
  return Object.keys(own).length > 0 ? own : undefined
}

const mergingView = ({ merge }: Vm) =>
  merge && { layers: merge.layers.length, phase: merge.isWhole ? 'swapping' : 'writing' }

export function migrationView(migration: Migration): MigrationView {
  const { id, purpose, vmId, cloneIds, from, to, phase, cause, why, live } = migration
  const { queuedAtMs, endedAtMs, forecast, record, fault, trace } = migration
  return {
    ...{ id, purpose, vmId, cloneIds, from, to, phase, cause, queuedAtMs },
    round: record?.rounds.at(-1)?.round ?? live.round,
    sentPages: live.sentPages,
    pagesOfRound: live.pagesOfRound,
    bytes: record ? record.bytes + (record.postCopy?.bytes ?? 0) : live.bytes,
    ...present({ expectedDowntimeMs: live.expectedDowntimeMs, endedAtMs, forecast }),
    ...present({ record, fault, why, traceId: trace?.traceId }),
  } as MigrationView
}

export function clusterView(state: ClusterState, nowMs: number, version: string): ClusterView {
  return {
    clusterId: state.meta.clusterId,
    version,
    revision: state.revision,
    ...present({ leader: leaderView(state) }),
    nodes: [...state.nodes.values()].map((node) => nodeView(state, node, nowMs)).sort(byId),
    vms: [...state.vms.values()].map((vm) => vmView(state, vm)).sort(byId),
    migrations: migrationsShown(state).map((migration) => migrationView(migration)),
    events: state.events.slice(-viewEvents),
    ha: state.ha,
    rules: rulesView(state),
    ...(state.groups.size > 0 && { groups: groupsView(state) }),
    ...(state.quotas.size > 0 && { quotas: quotasView(state) }),
    power: powerView(state),
  }
}

function leaderView({ settings: { leaderName: name, term } }: ClusterState) {
  return name === undefined || term === undefined ? undefined : { name, term }
}

function migrationsShown(state: ClusterState): Migration[] {
  const all = [...state.migrations.values()]
  const ended = all.filter((migration) => !isOpen(migration)).slice(-endedMigrationsKept)
  const shown = [...ended, ...all.filter(isOpen)]
  return shown.sort((a, b) => a.serial - b.serial)
}
