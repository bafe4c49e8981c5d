// Between the state in memory and the records of a store, both ways. What is loaded is believed as
// far as it can still be true: nodes are `unreachable` until they speak, every lease may be alive
// for a whole lease and margin, and what runs is for the agents to say. The records may be a
// backup, and the cluster have gone on since: before that time a VM that runs nowhere, or not where
// it was, may run where these have never heard of.

import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import {
  type ClusterState,
  emptyCluster,
  isOpen,
  migrationLive,
  type Node,
  nodeLive,
  type Settings,
  vmLive,
} from './cluster-state.ts'
import { backoffMs } from './ha/restarts.ts'
import { specOwnedBy } from './networks.ts'
import { isDoubtful } from './node-doors.ts'
import { plainCopy } from './plain-copy.ts'
import { type RecordKey, recordSchemas, type StoredRecord } from './records.ts'
import { isThere } from './views.ts'

/** The record of a key as it is now, a copy; undefined when there is none any more. */
export function recordOf(state: ClusterState, { kind, id }: RecordKey): unknown {
  if (kind === 'meta') return { ...state.meta }
  if (kind === 'ha') return { ...state.ha }
  if (kind === 'power') return { ...state.power }
  if (kind === 'event') return eventOf(state, Number(id))
  const tables = {
    node: state.nodes,
    vm: state.vms,
    migration: state.migrations,
    tombstone: state.tombstones,
    snapshot: state.snapshots,
    template: state.templates,
    'template-key': state.templateKeys,
    rule: state.rules,
    group: state.groups,
    quota: state.quotas,
  } as const
  const found = (tables[kind] as ReadonlyMap<string, object>).get(id)
  if (!found) return undefined
  return plainCopy(found, 'live')
}

/** They are numbered without holes. */
function eventOf({ events }: ClusterState, seq: number) {
  const event = events[seq - (events[0]?.seq ?? 0)]
  return event?.seq === seq ? event : undefined
}

export interface Identity {
  /** For a store that is empty; a store with a cluster in it keeps that cluster's. */
  readonly clusterId: string
  /** Of this process. */
  readonly runId: string
}

/**
 * The state of a process that starts with these records; or the fault that names the one it can't
 * read.
 */
export function loadState(
  records: readonly StoredRecord[],
  identity: Identity,
  settings: Settings,
  nowMs: number,
): ClusterState | Fault {
  const state = emptyCluster(identity.clusterId, identity.runId, settings, nowMs)
  for (const { kind, id, value } of records) {
    const checked = recordSchemas[kind]?.safeParse(value)
    if (!checked?.success) return unreadable(kind, id, checked?.error?.issues[0]?.message)
  }
  loadMeta(state, records)
  loadNodes(state, records, nowMs)
  loadVms(state, records, nowMs)
  loadMigrations(state, records, nowMs)
  for (const tombstone of ofKind(records, 'tombstone').sort((a, b) => a.epoch - b.epoch))
    state.tombstones.set(tombstone.id, tombstone)
  for (const snapshot of ofKind(records, 'snapshot'))
    state.snapshots.set(snapshot.id, asFound(snapshot))
  for (const template of ofKind(records, 'template'))
    state.templates.set(template.id, templateAsFound(template))
  for (const key of ofKind(records, 'template-key')) state.templateKeys.set(key.name, key)
  for (const quota of ofKind(records, 'quota')) state.quotas.set(quota.id, quota)
  for (const rule of ofKind(records, 'rule')) state.rules.set(rule.name, rule)
  for (const group of ofKind(records, 'group')) state.groups.set(group.name, group)
  state.ha = ofKind(records, 'ha')[0] ?? state.ha
  state.power = ofKind(records, 'power')[0] ?? state.power
  state.events.push(...ofKind(records, 'event').sort((a, b) => a.seq - b.seq))
  return state
}

const unreadable = (kind: string, id: string, why: string | undefined): Fault =>
  fault(
    'incompatible',
    `the store's record ${kind}/${id} cannot be read (${why ?? 'unknown kind'}): ` +
      'was it written by another version? Start with another --data file, or with that version',
  )

type RecordOf<Kind extends keyof typeof recordSchemas> = ReturnType<
  (typeof recordSchemas)[Kind]['parse']
>

function ofKind<Kind extends keyof typeof recordSchemas>(
  records: readonly StoredRecord[],
  kind: Kind,
): RecordOf<Kind>[] {
  return records
    .filter((r) => r.kind === kind)
    .map((r) => structuredClone(r.value) as RecordOf<Kind>)
}

function loadMeta(state: ClusterState, records: readonly StoredRecord[]): void {
  const [meta] = ofKind(records, 'meta')
  if (!meta) return
  Object.assign(state.meta, meta)
  state.meta.leaseMsMax = Math.max(meta.leaseMsMax, state.settings.leaseMs)
}

function loadNodes(state: ClusterState, records: readonly StoredRecord[], nowMs: number): void {
  for (const record of ofKind(records, 'node')) {
    const node: Node = { ...record, live: nodeLive(nowMs) }
    if (node.phase === 'online' || isDoubtful(node)) node.phase = 'unreachable'
    // Its agent may have renewed its lease in the last moment of our predecessor.
    if (node.phase === 'unreachable') node.live.leaseExpiresAtMs = nowMs + state.meta.leaseMsMax
    node.live.displacedUntilMs = nowMs + state.meta.leaseMsMax + state.settings.marginMs
    state.nodes.set(node.id, node)
    state.watchedNodes.add(node.id)
  }
}

function loadVms(state: ClusterState, records: readonly StoredRecord[], nowMs: number): void {
  const fencedAtMs = nowMs + state.meta.leaseMsMax + state.settings.marginMs
  const vms = ofKind(records, 'vm').sort((a, b) => a.serial - b.serial)
  for (const record of vms) {
    // A store from before networks of persons says of a person's VM that it is among all.
    const spec = specOwnedBy(record.spec, record.owner)
    const vm = { ...record, ...(record.owner !== undefined && { spec }), live: vmLive() }
    const waits = vm.phase === 'pending' || (vm.phase === 'recovering' && vm.nodeId === undefined)
    if (waits) {
      state.waiting.add(vm.id)
      vm.live.retryAtMs = nowMs + backoffMs(vm)
    }
    if (vm.nodeId === undefined) vm.live.clearFromMs = fencedAtMs
    // When the fence it waits for was to be reached was known to our predecessor only. An
    // unprotected VM that stops waits for its node's word: no lease ends it.
    const awaitsFence = vm.phase === 'recovering' || (vm.phase === 'stopping' && vm.spec.ha)
    if (vm.nodeId !== undefined && awaitsFence) vm.live.fencedAtMs = fencedAtMs
    // Since when it runs was known to our predecessor only: it counts from now on.
    if (isThere(vm)) vm.live.runsSinceMs = nowMs
    nodeLiveOf(state, vm.nodeId)?.vmIds.add(vm.id)
    nodeLiveOf(state, vm.replica?.nodeId)?.replicaOf.add(vm.id)
    state.watched.lost.add(vm.id)
    state.watched.guarded.add(vm.id)
    state.watched.layered.add(vm.id)
    state.watched.away.add(vm.id)
    // Who wrote it has no command of ours any more: it is begun anew.
    if (vm.merge?.isWhole === false) delete vm.merge
    state.vms.set(vm.id, vm)
  }
}

function loadMigrations(state: ClusterState, records: readonly StoredRecord[], nowMs: number) {
  const migrations = ofKind(records, 'migration').sort((a, b) => a.serial - b.serial)
  for (const record of migrations) {
    const migration = { ...record, live: migrationLive(nowMs) }
    state.migrations.set(migration.id, migration)
    if (!isOpen(migration)) continue
    state.openMigrations.add(migration.id)
    if (migration.sourceReleased) migration.live.releasedAtMs = nowMs
    if (migration.hasMoved) migration.live.movedAtMs = nowMs
    if (migration.purpose === 'migrate') nodeLiveOf(state, migration.to)?.incoming.add(migration.id)
  }
}

/** What a node was told to do with it, it has not answered to us: it can be asked again. */
function asFound(snapshot: RecordOf<'snapshot'>): RecordOf<'snapshot'> {
  if (snapshot.phase === 'ready' || snapshot.phase === 'failed') return snapshot
  // Of one that was being removed nobody knows whether it is there still: it can be removed again.
  const why = fault('link-lost', 'the coordinator was started again before it had ended')
  return { ...snapshot, phase: 'failed', fault: why }
}

function templateAsFound(template: RecordOf<'template'>): RecordOf<'template'> {
  if (template.phase === 'ready' || template.phase === 'failed') return template
  const why = fault('link-lost', 'the coordinator was started again before it had ended')
  return { ...template, phase: 'failed', fault: why }
}

const nodeLiveOf = (state: ClusterState, nodeId: NodeId | undefined) =>
  nodeId === undefined ? undefined : state.nodes.get(nodeId)?.live
