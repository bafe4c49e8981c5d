// Results of commands and events of VMs: what an agent says between its reports. Each is held
// against the epoch it speaks of; what is older than what we know is ignored, for reports.ts deals
// with copies that should not be there.

import { type Fault, fault } from '#proto/faults.ts'
import type { Result, VmEvent } from '#proto/messages.ts'
import type { Migration, Node, PendingCommand, Vm } from './cluster-state.ts'
import { seeSweepEnd } from './disk-sweep.ts'
import { destinationRuns, seeAnswer, seeDiscarded, settle, sourceRuns } from './doubt.ts'
import { seeReplicaResult, tellTakeOver } from './ha/protection.ts'
import { freezeVm, seeCrash, seeFailedStart } from './ha/restarts.ts'
import { seeMergeResult } from './layer-merges.ts'
import { refusedRetryMs } from './limits.ts'
import { markCertain, markReleased } from './migration-doors.ts'
import { endByFault, openMigrationOf } from './migration-end.ts'
import { migrationOfCommand, seeMigrationResult } from './migrations.ts'
import { loseCopy } from './recovery.ts'
import { isOfThatNode, isPassing } from './refusals.ts'
import { seeSnapshotResult } from './snapshots.ts'
import { type Step, seeEpoch } from './step-context.ts'
import { seeGoOn } from './stranded.ts'
import { tellFileEnd } from './template-files.ts'
import { seeTemplateResult } from './templates.ts'
import {
  becomeFailed,
  becomePaused,
  becomePending,
  becomeRecovering,
  becomeRunning,
  becomeStopped,
  setVmFault,
} from './vm-doors.ts'

export function seeResult(step: Step, node: Node, result: Result): void {
  const command = step.state.commands.get(result.commandId)
  if (!command) {
    const migration = migrationOfCommand(step, result.commandId)
    if (migration?.from === node.id) seeMigrationResult(step, migration, result)
    return
  }
  if (command.nodeId !== node.id) return
  step.state.commands.delete(result.commandId)
  seeSnapshotResult(step, command, result)
  seeTemplateResult(step, command, result)
  tellFileEnd(step, result.commandId, command, result)
  seeSweepEnd(step, command, !result.fault)
  seeMergeResult(step, command, result)
  seeReplicaResult(step, command, result)
  if (command.kind === 'compare-snapshots')
    step.effects.push({ kind: 'answered', commandId: result.commandId, result })
  const migration = command.migrationId && step.state.migrations.get(command.migrationId)
  const vm = step.state.vms.get(command.vmId)
  if (migration) seeAnswer(step, migration, result)
  else if (vm?.nodeId === node.id && vm.epoch === command.epoch)
    seeVmResult(step, vm, command.kind, result)
}

function seeVmResult(step: Step, vm: Vm, kind: PendingCommand['kind'], result: Result): void {
  const refusal = result.fault
  if (isKeptTrying(kind) || kind === 'merge-layers' || kind === 'swap-layers') return
  if (kind === 'take-over') seeTakeOver(step, vm, result)
  else if (kind === 'go-on') seeGoOn(step, vm, result)
  else if (kind === 'start') seeStart(step, vm, refusal)
  else if (kind === 'stop' && (!refusal || refusal.code === 'unknown-vm')) {
    if (vm.phase === 'stopping' && !isInAnothersHands(step, vm)) becomeStopped(step, vm, 'as asked')
  } else if (refusal && kind !== 'take-snapshot') setVmFault(step, vm, refusal)
  else if (kind === 'pause' && vm.phase === 'running') becomePaused(step, vm)
  else if (kind === 'resume' && vm.phase === 'paused') becomeRunning(step, vm)
}

/**
 * Who answers has taken the place of a process that may still run it, until that one's lease is
 * over: the tick then knows (recovery.ts).
 */
const isInAnothersHands = ({ nowMs }: Step, { live }: Vm): boolean =>
  live.fencedAtMs !== undefined && live.fencedAtMs > nowMs

const isKeptTrying = (kind: PendingCommand['kind']): boolean =>
  ['replicate', 'end-replication', 'set-lease', 'set-isolation', 'set-network'].includes(kind)

/** Its replica runs; or it does not, and the VM starts from its disk. */
function seeTakeOver(step: Step, vm: Vm, result: Result): void {
  if (vm.phase === 'starting' && result.fault) {
    becomeRecovering(step, vm, step.nowMs, `its replica could not: ${result.fault.message}`)
    return
  }
  if (vm.phase === 'stopping' && result.fault) {
    becomeStopped(step, vm, 'its replica had not gone on')
    return
  }
  vm.live.isConfirmed = true
  if (vm.phase === 'starting') becomeRunning(step, vm)
  tellTakeOver(step, vm, result)
}

function seeStart(step: Step, vm: Vm, refusal: Fault | undefined): void {
  if (!refusal) {
    vm.live.isConfirmed = true
    if (vm.phase === 'starting') becomeRunning(step, vm)
  } else if (vm.phase === 'stopping') becomeStopped(step, vm, 'it had not started')
  else if (vm.phase !== 'starting') return
  else if (isOfThatNode(refusal)) seeFailedStart(step, vm, refusal)
  else if (!isPassing(refusal)) becomeFailed(step, vm, refusal, false)
  else {
    const isRecovery = vm.isRecovery
    if (isRecovery) becomeRecovering(step, vm, step.nowMs, refusal.message)
    else becomePending(step, vm, 0)
    vm.live.retryAtMs = step.nowMs + refusedRetryMs
  }
}

export function seeVmEvent(step: Step, node: Node, event: VmEvent): void {
  seeEpoch(step, event.epoch)
  // Before its goodbye: nothing that it stops now is to begin there again.
  // A copy may also go because the other end of its migration shuts down.
  if (event.event === 'fenced' && event.fault?.code === 'shutting-down') node.live.isClosing = true
  const vm = step.state.vms.get(event.vmId)
  if (!vm) return
  const migration = openMigrationOf(step, vm)
  if (migration?.purpose === 'migrate') seeMigrationEvent(step, node, migration, event)
  if (vm.nodeId === node.id && vm.epoch === event.epoch) seeOwnersEvent(step, vm, event)
}

/** What the ends of a migration have to say of their copies. */
function seeMigrationEvent(step: Step, node: Node, migration: Migration, event: VmEvent): void {
  const { from, to, epoch, nextEpoch, resolveEpoch, resolveNode } = migration
  const isVerdict = event.epoch === resolveEpoch && node.id === resolveNode
  const isDestination = node.id === to && (event.epoch === nextEpoch || isVerdict)
  if (node.id === from && event.epoch === epoch && event.event === 'released')
    markReleased(step, migration)
  else if (node.id === from && isVerdict && event.event === 'running')
    sourceRuns(step, migration, event.epoch)
  else if (!isDestination) return
  else if (event.event === 'discarded') seeDiscarded(step, migration)
  else if (event.event === 'fenced') markCertain(step, migration, 'destinationLost')
  else if (event.event !== 'released') destinationRuns(step, migration, event.epoch)
  settle(step, migration)
}

function seeOwnersEvent(step: Step, vm: Vm, { event, fault: cause }: VmEvent): void {
  vm.live.absentSinceMs = undefined
  if (event === 'running') {
    vm.live.isConfirmed = true
    if (vm.phase === 'starting') becomeRunning(step, vm)
  } else if (event === 'fenced') seeFenced(step, vm, cause)
  else if (event === 'shut-down') {
    const migration = openMigrationOf(step, vm)
    if (vm.phase === 'stopped') return
    becomeStopped(step, vm, 'its guest shut down')
    endOf(step, vm, migration, fault('cancelled', `the guest of ${vm.id} shut down`))
  } else if (event === 'crashed') {
    const migration = openMigrationOf(step, vm)
    const crash =
      cause ??
      fault(
        'guest-crashed',
        `${vm.id} has crashed: godwit start ${vm.id}, and godwit console ${vm.id} from then on`,
      )
    if (vm.phase === 'stopping') becomeStopped(step, vm, 'it crashed')
    // Its node cannot reach its disk: the same would befall it there again, and not elsewhere.
    else if (vm.spec.ha && isOfThatNode(crash)) seeFailedStart(step, vm, crash)
    else seeCrash(step, vm, crash)
    endOf(step, vm, migration, crash)
  }
}

/**
 * The node stopped it by itself, because its lease was over or it shuts down: nothing has to be
 * waited for.
 */
function seeFenced(step: Step, vm: Vm, cause: Fault | undefined): void {
  const migration = openMigrationOf(step, vm)
  if (vm.phase === 'migrating' && migration) {
    markCertain(step, migration, 'sourceLost')
    settle(step, migration)
    return
  }
  if (cause?.code === 'shutting-down') freezeVm(step, vm)
  const why = cause?.message ?? `${vm.nodeId} stopped it by itself`
  loseCopy(step, vm, { isCertain: true, fencedAtMs: step.nowMs, why })
}

/** A guest that ended in a migration ends it. A clone's parent has its own result for that. */
function endOf(step: Step, vm: Vm, migration: Migration | undefined, cause: Fault): void {
  if (migration?.purpose === 'migrate' && migration.vmId === vm.id && !migration.hasMoved)
    endByFault(step, migration, cause)
}
