// The agents' word, taken: each report of a hello or heartbeat is held against what we believe, and
// what we believe is mended, or the stale copy is told to go. An agent lists everything it holds,
// so what it leaves out is news too. Here is also how a restarted (or new and empty) coordinator
// learns what runs.

import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import type { VmLoad, VmReport } from '#proto/messages.ts'
import { setDemand } from './burdens.ts'
import {
  type ClusterState,
  isActive,
  isOpen,
  type Migration,
  type Node,
  type PendingCommand,
  type Vm,
  vmLive,
} from './cluster-state.ts'
import { dropCopy, sendToOwner } from './commands-out.ts'
import { isBeingChanged } from './disk-change.ts'
import { destinationRuns, settle, sourceRuns, sourceServes } from './doubt.ts'
import { seeLease, seePrimary, seeReplica } from './ha/protection.ts'
import {
  absentGraceMs,
  migrationSilenceMs,
  startAnswerMsMax,
  unconfirmedGraceMs,
} from './limits.ts'
import { credibleDemand } from './load-score.ts'
import { markCertain, markReleased } from './migration-doors.ts'
import { endByFault, openMigrationOf } from './migration-end.ts'
import { seeNetwork } from './networks.ts'
import { clearFromMs } from './node-doors.ts'
import { loseCopy } from './recovery.ts'
import { type Step, seeEpoch, seeSerials, takeSerial, touch } from './step-context.ts'
import { seeStranded, standStill } from './stranded.ts'
import {
  addVm,
  becomePaused,
  becomePending,
  becomeRunning,
  becomeStarting,
  moveVm,
  vmsOn,
} from './vm-doors.ts'

/** Demands nearer to each other than this are the same. */
const demandNoisePercent = 0.01

/** The one copy, of one that runs or could. */
const isLive = ({ state }: VmReport): boolean =>
  state === 'starting' || state === 'running' || state === 'paused' || state === 'stranded'

const namesIn = ({ disk, migrationId }: VmReport): string[] =>
  migrationId === undefined ? disk.layers : [...disk.layers, migrationId]

/**
 * All that a node holds. @param isHello the first word over a link: it holds for everything said
 * before.
 */
export function takeReports(
  step: Step,
  node: Node,
  reports: readonly VmReport[],
  isHello: boolean,
): void {
  for (const report of reports) {
    seeEpoch(step, report.epoch)
    if (isHello) seeSerials(step, namesIn(report))
    if (isLive(report)) takeLive(step, node, report)
    else takeCopy(step, node, report)
  }
  noteAbsent(step, node, reports, isHello)
  for (const id of [...step.state.openMigrations]) {
    const migration = step.state.migrations.get(id)
    if (migration?.from === node.id || migration?.to === node.id) settle(step, migration)
  }
}

/**
 * All that a node holds, as a heartbeat says it. The very same list as before tells nothing new, as
 * long as nothing has changed that it is about: inside one process an agent says so by saying it
 * again.
 */
export function hearReports(step: Step, node: Node, reports: readonly VmReport[]): void {
  const { state } = step
  const { heard } = node.live
  if (heard?.reports === reports && heard.changes === state.changes) return
  takeReports(step, node, reports, false)
  const isOld = isAsKnown(state, node, reports)
  node.live.heard = isOld ? { reports, changes: state.changes } : undefined
}

/** All of it runs as it should, as it did, and nothing else is under way with it. */
function isAsKnown(state: ClusterState, node: Node, reports: readonly VmReport[]): boolean {
  if (reports.length !== node.live.vmIds.size || isAtWork(state, node.id)) return false
  return reports.every(({ vmId, epoch, state: is, migrationId, replica, load, spec }) => {
    const vm = state.vms.get(vmId)
    if (vm?.nodeId !== node.id || vm.epoch !== epoch || is !== 'running') return false
    if (vm.phase !== 'running' || vm.migrationId !== undefined || migrationId || replica)
      return false
    if (vm.spec.network !== spec.network) return false
    return load === undefined || vm.live.demandPercent === measuredDemand(load)
  })
}

/** Something is under way there that its reports may speak of. */
function isAtWork({ commands, openMigrations, migrations }: ClusterState, id: NodeId): boolean {
  for (const { nodeId } of commands.values()) if (nodeId === id) return true
  for (const migrationId of openMigrations) {
    const migration = migrations.get(migrationId)
    if (migration?.from === id || migration?.to === id) return true
  }
  return false
}

// ---- copies that run ----------------------------------------------------------------------------

function takeLive(step: Step, node: Node, report: VmReport): void {
  const vm = step.state.vms.get(report.vmId)
  if (!vm) takeUnknown(step, node, report)
  else if (vm.nodeId === node.id && vm.epoch === report.epoch) takeOwner(step, node, vm, report)
  else if (takeMigrated(step, node, vm, report)) {
    if (report.state === 'stranded' && vm.phase === 'running') standStill(step, vm, node)
  } else if (!seeStranded(step, vm, node, report)) {
    if (report.epoch > vm.epoch && isSame(vm, report)) believe(step, node, vm, report)
    else dropCopy(step, node, report)
  }
}

/**
 * Of one that nobody runs another one may have the name, and have come before it (a VM that was
 * removed while its node was away): the identity tells.
 */
const isSame = (vm: Vm, { identity }: VmReport): boolean =>
  !isNowhere(vm) || vm.identity.instanceId === identity.instanceId

/** Nobody runs it, as far as we know. */
const isNowhere = (vm: Vm): boolean => vm.phase === 'pending' || vm.phase === 'stopped'

/** It runs where and as we think. */
function takeOwner(step: Step, node: Node, vm: Vm, report: VmReport): void {
  vm.live.isConfirmed = true
  vm.live.absentSinceMs = undefined
  vm.live.fencedAtMs = undefined
  takeLoad(step, vm, report)
  takeDisk(step, vm, report)
  seeLease(step, vm, report.spec)
  seeNetwork(step, node, vm, report.spec)
  seePrimary(step, vm, report.replica)
  const migration = openMigrationOf(step, vm)
  if (migration && migration.from === vm.nodeId) migration.live.source = 'holds'
  if (vm.phase === 'stopping') resendStop(step, vm)
  if (vm.phase === 'stopping' || vm.phase === 'migrating' || report.state === 'starting') return
  if (report.state === 'stranded') standStill(step, vm, node)
  else if (report.state === 'paused') becomePaused(step, vm)
  else becomeRunning(step, vm)
}

/** The stop was lost with a link, or its answer was. */
function resendStop(step: Step, vm: Vm): void {
  for (const command of step.state.commands.values())
    if (command.kind === 'stop' && command.vmId === vm.id && command.epoch === vm.epoch) return
  sendToOwner(step, vm, 'stop')
}

function takeLoad({ state }: Step, vm: Vm, report: VmReport): void {
  if (!report.load) return
  vm.live.load = report.load
  const { demandPercent } = vm.live
  const measured = measuredDemand(report.load)
  // A fifth of each new value: at four heartbeats a second that is a memory of about one second.
  const smoothed =
    demandPercent === undefined ? measured : demandPercent + (measured - demandPercent) / 5
  const next = Math.abs(measured - smoothed) < demandNoisePercent ? measured : smoothed
  if (next !== demandPercent) setDemand(state, vm, next)
}

const measuredDemand = ({ cpuDemandPercent, cpuGotPercent }: VmLoad): number =>
  credibleDemand(cpuDemandPercent, cpuGotPercent)

/**
 * While a clone or a snapshot is under way the new layers are ours to know; before it and after it
 * the agent's word counts, also while further clones of it are queued.
 */
function takeDisk(step: Step, vm: Vm, report: VmReport): void {
  const isSame = vm.disk.layers.join() === report.disk.layers.join()
  if ((isSame && !vm.live.isDiskInDoubt) || isBeingChanged(step.state, vm)) return
  vm.live.isDiskInDoubt = false
  if (isSame) return
  seeSerials(step, report.disk.layers)
  vm.disk = report.disk
  touch(step, 'vm', vm.id)
}

/** An end of its migration says that it runs there now. */
function takeMigrated(step: Step, node: Node, vm: Vm, report: VmReport): boolean {
  const migration = openMigrationOf(step, vm)
  if (migration?.purpose !== 'migrate') return false
  const isVerdict = report.epoch === migration.resolveEpoch && node.id === migration.resolveNode
  if (node.id === migration.to && (report.epoch === migration.nextEpoch || isVerdict))
    destinationRuns(step, migration, report.epoch)
  else if (node.id === migration.from && isVerdict) sourceRuns(step, migration, report.epoch)
  else return false
  vm.live.isConfirmed = true
  return true
}

/**
 * An epoch newer than ours that no migration of ours explains: given by a coordinator whose memory
 * we lack.
 */
function believe(step: Step, node: Node, vm: Vm, report: VmReport): void {
  const migration = openMigrationOf(step, vm)
  const refusal = migration && refusedFor(step, migration, node, report)
  if (migration && !refusal) return
  if (vm.phase === 'stopped') becomePending(step, vm, step.nowMs)
  if (vm.phase === 'pending') becomeStarting(step, vm, node.id, report.epoch)
  else moveVm(step, vm, node.id, report.epoch)
  if (migration && refusal) endByFault(step, migration, refusal)
  takeOwner(step, node, vm, report)
}

/**
 * Our order named an older epoch than the source has: a verdict of the migration before was on its
 * way while that ended by itself. Such an order is refused, and nothing has begun.
 */
function refusedFor(
  step: Step,
  migration: Migration,
  node: Node,
  { migrationId, epoch }: VmReport,
): Fault | undefined {
  const { purpose, from, live, nextEpoch, resolveEpoch = nextEpoch } = migration
  // No verdict of ours has such a one: the store was older than the cluster.
  if (purpose === 'migrate' && epoch > Math.max(nextEpoch, resolveEpoch))
    return fault('link-lost', `it had ended before, and ${node.id} was given a newer order since`)
  if (purpose !== 'migrate' || from !== node.id || migrationId !== undefined) return undefined
  if (live.resultFault || step.nowMs - live.newsAtMs <= migrationSilenceMs) return live.resultFault
  return fault('link-lost', `${from} had a newer order; its answer was lost: migrate again`)
}

function takeUnknown(step: Step, node: Node, report: VmReport): void {
  const tombstone = step.state.tombstones.get(report.vmId)
  if (tombstone && report.epoch <= tombstone.epoch) dropCopy(step, node, report)
  else adopt(step, node, report)
}

/** What runs and nobody remembers: the agent's word is all there is. */
function adopt(step: Step, node: Node, report: VmReport): void {
  const { vmId: id, epoch, spec, identity, disk } = report
  seeSerials(step, namesIn(report))
  const vm: Vm = {
    ...{ id, epoch, spec, identity, disk },
    serial: takeSerial(step),
    phase: 'starting',
    nodeId: node.id,
    bootEpoch: epoch,
    recoveries: 0,
    isRecovery: false,
    live: vmLive(),
  }
  addVm(step, vm)
  takeOwner(step, node, vm, report)
}

// ---- copies that do not run ---------------------------------------------------------------------

/** incoming, prepared or released: a word in a migration, or a left-over of one. */
function takeCopy(step: Step, node: Node, report: VmReport): void {
  const { migrationId, state } = report
  if (state === 'replica') {
    const vm = step.state.vms.get(report.vmId)
    // It may be about to run: only a verdict under the epoch that it is to have ends that.
    if (vm && isLaunching(vm, report) && vm.phase === 'stopping')
      dropCopy(step, node, { ...report, epoch: vm.epoch })
    else if (!seeReplica(step, node, report)) dropCopy(step, node, report)
    return
  }
  const named = migrationId === undefined ? undefined : step.state.migrations.get(migrationId)
  // A number of another coordinator's may be one of ours: the VM tells whose it is.
  const isOurs = named && [named.vmId, ...named.cloneIds].includes(report.vmId)
  const migration = isOurs ? named : undefined
  if (!migration || !isActive(migration)) dropLeftOver(step, node, report, migration)
  else if (state === 'released' && node.id === migration.from) {
    migration.live.source = 'released'
    migration.live.isComplete = !report.owesPages
    if (!migration.hasMoved) markReleased(step, migration)
    const vm = step.state.vms.get(report.vmId)
    if (vm?.nodeId === node.id) vm.live.absentSinceMs = undefined
  } else if (state === 'serving' && node.id === migration.from) sourceServes(step, migration)
  else if (state !== 'released' && node.id === migration.to) {
    migration.live.destination = state === 'prepared' ? 'prepared' : 'incoming'
  }
}

/**
 * Of a migration that has ended or that we never knew. A coordinator with an empty memory leaves
 * them alone: one may be the only complete copy, and a person may want it.
 */
function dropLeftOver(
  step: Step,
  node: Node,
  report: VmReport,
  migration: Migration | undefined,
): void {
  const vm = step.state.vms.get(report.vmId)
  const hasEnded = migration !== undefined && !isOpen(migration)
  if (!vm && !hasEnded && !step.state.tombstones.has(report.vmId)) return
  const isOwners = vm?.nodeId === node.id && vm.epoch === report.epoch
  if (!isOwners) dropCopy(step, node, report)
}

// ---- what is not reported -----------------------------------------------------------------------

function noteAbsent(step: Step, node: Node, reports: readonly VmReport[], isHello: boolean): void {
  const held = new Set(
    reports.filter((r) => isLive(r) || r.state === 'released').map((r) => r.vmId),
  )
  for (const vm of vmsOn(step, node.live.vmIds)) {
    if (held.has(vm.id)) continue
    if (reports.some((report) => isLaunching(vm, report))) {
      vm.live.absentSinceMs = undefined
      continue
    }
    if (isHello) vm.live.isConfirmed = true
    if (awaitsStart(step, vm)) continue
    vm.live.absentSinceMs ??= step.nowMs
    step.state.watched.lost.add(vm.id)
  }
  for (const id of step.state.openMigrations) {
    const migration = step.state.migrations.get(id)
    if (!migration || reports.some((report) => report.migrationId === id)) continue
    if (migration.to === node.id) migration.live.destination = 'nothing'
    // Of a process that has taken the source's place this proves nothing.
    else if (migration.hasMoved && migration.fromIncarnation === node.incarnation)
      migration.live.source = 'nothing'
  }
}

/** A replica that was told to run, and does not yet: how long that takes is for its node to say. */
const isLaunching = (vm: Vm, { vmId, state, migrationId }: VmReport): boolean =>
  state === 'replica' && vmId === vm.id && migrationId !== undefined && migrationId === vm.takesOver

function sourceAbsent(step: Step, vm: Vm, node: Node): void {
  const migration = openMigrationOf(step, vm)
  // The process that held it was replaced: membership.ts knows when that one is surely fenced.
  if (!migration || migration.fromIncarnation !== node.incarnation) return
  markCertain(step, migration, 'sourceLost')
  settle(step, migration)
}

function awaitsStart(step: Step, vm: Vm): boolean {
  if (vm.phase !== 'starting') return false
  if (vm.migrationId !== undefined) return true
  for (const command of step.state.commands.values())
    if (isStart(command) && command.vmId === vm.id && command.epoch === vm.epoch)
      return step.nowMs - command.sentAtMs < startAnswerMsMax
  return false
}

const isStart = ({ kind }: PendingCommand) =>
  kind === 'start' || kind === 'take-over' || kind === 'go-on'

/** Its live node has not reported it for long enough: the copy is gone. Called each tick. */
export function absenceLapsed(step: Step, vm: Vm): void {
  const { absentSinceMs, isConfirmed, fencedAtMs } = vm.live
  if (absentSinceMs === undefined || vm.nodeId === undefined || fencedAtMs !== undefined) return
  const node = step.state.nodes.get(vm.nodeId)
  if (node?.phase !== 'online') return
  const graceMs = isConfirmed ? absentGraceMs : unconfirmedGraceMs
  if (step.nowMs - absentSinceMs < graceMs) return
  const clearMs = clearFromMs(step, node)
  if (vm.phase === 'migrating' && clearMs > step.nowMs) return
  vm.live.absentSinceMs = undefined
  if (vm.phase === 'migrating') sourceAbsent(step, vm, node)
  else if (vm.phase === 'starting' && !vm.isRecovery && vm.migrationId === undefined) {
    becomePending(step, vm, step.nowMs)
    vm.live.clearFromMs = clearMs
  } else {
    const why = `${vm.nodeId} does not hold it any more`
    loseCopy(step, vm, { isCertain: true, fencedAtMs: clearMs, why })
  }
}
