// Migrations from the request to the end, as long as nothing is in doubt (then: doubt.ts). The run
// permit goes from source to destination without us; we give the next epoch beforehand, and follow
// what both ends say. Not here: the copies that a clone makes (clones.ts), limits a node (the
// shell's queue).

import type { z } from 'zod'
import { type Fault, fault } from '#proto/faults.ts'
import { asMigrationId, type CommandId, type MigrationId, type NodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { MigrationParams, type MigrationProgress, type Result } from '#proto/messages.ts'
import type { PageLog } from '#proto/page-log.ts'
import { beginClone, kinAt, paramsFor, tooManyLayers } from './clones.ts'
import { isOpen, type Migration, migrationLive, type Node, type Vm } from './cluster-state.ts'
import { isDiskChanging } from './disk-change.ts'
import { destinationRuns, settle, sourceServes } from './doubt.ts'
import { forecastOf } from './forecasts.ts'
import { mustEndReplica } from './ha/protection.ts'
import { forbids } from './ha/rules.ts'
import { pageLogsKept } from './limits.ts'
import {
  addRecord,
  becomeCopying,
  becomePaging,
  becomeResolving,
  becomeSwitching,
} from './migration-doors.ts'
import { endMigration } from './migration-end.ts'
import { isLost } from './node-doors.ts'
import {
  isAsked,
  isReachable,
  nodeOf,
  type Step,
  sendTo,
  takeCommandId,
  takeEpoch,
  takeSerial,
} from './step-context.ts'

/** What a new migration or clone is made of. */
export interface MigrationPlan {
  readonly purpose: 'migrate' | 'clone'
  readonly vm: Vm
  readonly to: NodeId
  readonly params: z.input<typeof MigrationParams> | undefined
  readonly cause: string
  readonly why?: string
}

/** A migration that is ready to be queued (addMigration). It gets its epoch when it begins. */
export function planMigration(step: Step, plan: MigrationPlan): Migration {
  const { vm, to, purpose, cause, why } = plan
  invariant(vm.nodeId !== undefined, `vm ${vm.id} is nowhere: it cannot be copied`)
  const serial = takeSerial(step)
  const forecast = purpose === 'migrate' ? forecastOf(step.state, vm, to, plan.params) : undefined
  return {
    id: asMigrationId(`m${serial}`),
    ...{ serial, purpose, to, cause },
    ...(why === undefined ? {} : { why }),
    ...(step.newTrace && { trace: step.newTrace() }),
    vmId: vm.id,
    cloneIds: [],
    from: vm.nodeId,
    phase: 'queued',
    params: paramsOf(step, plan),
    epoch: vm.epoch,
    nextEpoch: vm.epoch,
    fromIncarnation: '',
    toIncarnation: '',
    sourceReleased: false,
    sourceLost: false,
    destinationLost: false,
    destinationDiscarded: false,
    hasMoved: false,
    isCancelRequested: false,
    queuedAtMs: step.nowMs,
    ...(forecast ? { forecast } : {}),
    live: migrationLive(step.nowMs),
  }
}

function paramsOf({ state }: Step, { params = {}, purpose }: MigrationPlan): MigrationParams {
  const isWritten = purpose === 'migrate' && state.settings.pageLogs
  return MigrationParams.parse(isWritten ? { ...params, pageLog: true } : params)
}

/** The queue has a place for it at both ends. */
export function admitMigration(step: Step, id: MigrationId): void {
  const migration = step.state.migrations.get(id)
  if (migration?.phase !== 'queued') return
  migration.live.isAdmitted = true
  beginAdmitted(step, migration)
}

/**
 * Begins what the queue has admitted, unless the world has changed meanwhile; stays queued as long
 * as something must be known first. Called each tick.
 */
export function beginAdmitted(step: Step, migration: Migration): void {
  if (migration.phase !== 'queued' || !migration.live.isAdmitted) return
  const from = nodeOf(step.state, migration.from)
  const to = nodeOf(step.state, migration.to)
  const obstacle = obstacleTo(step, migration)
  if (obstacle) {
    endMigration(step, migration, { phase: 'failed', fault: obstacle })
    return
  }
  if (mustWait(step, migration)) return
  migration.fromIncarnation = from.incarnation
  migration.toIncarnation = to.incarnation
  if (migration.purpose === 'clone') beginClone(step, migration, from, to)
  else beginMigration(step, migration, from, to)
}

function obstacleTo(step: Step, { vmId, from, to, epoch, purpose }: Migration): Fault | undefined {
  const missing = [from, to].find((id) => isLost(nodeOf(step.state, id)))
  if (missing) return fault('no-node', `${missing} is lost: try again when it is back`)
  const { maintenance, live } = nodeOf(step.state, to)
  if (maintenance) return fault('no-node', `${to} is in maintenance`)
  if (live.isClosing) return fault('no-node', `${to} shuts down`)
  const vm = step.state.vms.get(vmId)
  const phase = purpose === 'clone' ? 'running' : 'migrating'
  if (vm?.phase !== phase || vm.nodeId !== from || vm.epoch !== epoch)
    return fault('wrong-state', `${vmId} no longer runs as it did: try again`)
  if (purpose === 'clone') return tooManyLayers(vm)
  // Whom the rule is about is not for the owner of the VM to know, who sees this.
  if (forbids(step.state, vm, to) === undefined) return undefined
  return fault('against-rule', `a strict rule forbids ${to} to it by now: \`godwit why ${vmId}\``)
}

/**
 * For an end that is only silent: back, or fenced, in a lease's time (after a restart of the
 * coordinator all are). For another change of the parent's disk, and, after one that failed, for
 * the word of its node: which layers are there.
 */
function mustWait(step: Step, { vmId, from, to, purpose }: Migration): boolean {
  if (![from, to].every((id) => isReachable(nodeOf(step.state, id)))) return true
  const vm = step.state.vms.get(vmId)
  if (vm && mustEndReplica(step, vm)) return true
  // A moment: its node is giving its disk merged layers, and a copy would name those before.
  if (vm && isAsked(step.state, 'swap-layers', vm.id)) return true
  return purpose === 'clone' && vm !== undefined && isDiskChanging(step.state, vm)
}

function beginMigration(step: Step, migration: Migration, from: Node, to: Node): void {
  const { id: migrationId, vmId, epoch, params } = migration
  const commandId = takeCommandId(step)
  const nextEpoch = takeEpoch(step)
  Object.assign(migration, { commandId, nextEpoch })
  becomeCopying(step, migration)
  const destination = { nodeId: to.id, address: to.peerAddress }
  const names = { commandId, vmId, epoch, nextEpoch, migrationId }
  const vm = step.state.vms.get(vmId)
  const kin = vm ? kinAt(step.state, vm, from, to) : {}
  const order = { ...names, destination, ...kin, params: paramsFor(from, params) }
  sendTo(step, from, { t: 'migrate', ...order })
}

export function seeProgress(step: Step, node: Node, message: MigrationProgress): void {
  const migration = step.state.migrations.get(message.migrationId)
  if (!migration || !isOpen(migration) || migration.phase === 'queued') return
  if (migration.from !== node.id) return
  const { live } = migration
  live.newsAtMs = step.nowMs
  // It tells of a round when that has ended: from then on the next one is under way.
  if (message.round) live.round = message.round.round + 1
  live.sentPages = message.sentPages
  live.pagesOfRound = message.pagesOfRound
  live.bytes = message.bytes
  live.expectedDowntimeMs = message.expectedDowntimeMs ?? live.expectedDowntimeMs
  step.state.revision++
  if (message.phase === 'switching') becomeSwitching(step, migration)
  if (message.phase === 'paging' && migration.purpose === 'clone') becomePaging(step, migration)
  else if (message.phase === 'paging') sourceServes(step, migration)
  if (message.phase !== 'resolving' || migration.purpose === 'clone') return
  live.isUrgent = true
  if (!migration.hasMoved) becomeResolving(step, migration)
  settle(step, migration)
}

/**
 * The migration whose migrate or clone command this was, also if another coordinator process gave
 * it.
 */
export function migrationOfCommand(step: Step, commandId: CommandId): Migration | undefined {
  for (const migration of step.state.migrations.values())
    if (migration.commandId === commandId) return migration
  return undefined
}

/** The newest are kept; a restart forgets them all. */
function keepPageLog({ state }: Step, migration: Migration, log: PageLog): void {
  migration.live.pageLog = log
  const kept = [...state.migrations.values()].filter(({ live }) => live.pageLog)
  for (const { live } of kept.slice(0, -pageLogsKept)) live.pageLog = undefined
}

/** The source has answered the migrate or clone command: it has ended there, well or badly. */
export function seeMigrationResult(step: Step, migration: Migration, result: Result): void {
  if (result.pageLog) keepPageLog(step, migration, result.pageLog)
  if (!isOpen(migration)) {
    if (result.record) addRecord(step, migration, result.record)
    return
  }
  if (result.record) addRecord(step, migration, result.record)
  migration.live.newsAtMs = step.nowMs
  if (!result.fault) {
    if (migration.purpose === 'migrate' && !migration.hasMoved)
      destinationRuns(step, migration, migration.nextEpoch)
    endMigration(step, migration, { phase: 'done' })
    return
  }
  migration.live.resultFault = result.fault
  // What the source holds now, its next report says: it may have released the VM before it gave up.
  migration.live.source = 'unknown'
  settle(step, migration)
}
