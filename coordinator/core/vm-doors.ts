// The only doors into the phases of a VM. Each checks where it may be entered from (the table),
// keeps the indexes true, and marks the record for the store. A VM's nodeId is changed here and
// nowhere else: it is defined exactly while a copy may exist on that node, and a start is possible
// only when it is not.

import type { EventView } from '#proto/api.ts'
import type { Fault } from '#proto/faults.ts'
import type { Epoch, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { VmPhase } from '#proto/state.ts'
import { forgetBurden } from './burdens.ts'
import type { Vm } from './cluster-state.ts'
import { wantSweep } from './disk-sweep.ts'
import { tell } from './events.ts'
import { tombstonesKept } from './limits.ts'
import { hearAgain, nodeOf, type Step, touch } from './step-context.ts'

/** Phase → the phases it may be entered from. */
const doorsFrom: Record<VmPhase, readonly VmPhase[]> = {
  pending: ['starting', 'stopped', 'failed'],
  starting: ['pending', 'recovering'],
  running: ['starting', 'running', 'paused', 'migrating', 'recovering', 'failed'],
  paused: ['starting', 'running', 'paused', 'migrating', 'recovering', 'failed'],
  migrating: ['running'],
  recovering: ['starting', 'running', 'paused', 'migrating', 'failed'],
  stopping: ['starting', 'running', 'paused', 'recovering', 'failed'],
  stopped: [
    'pending',
    'starting',
    'running',
    'paused',
    'migrating',
    'recovering',
    'stopping',
    'failed',
  ],
  // Also again: a VM that failed with its lost node may turn out to have crashed there.
  failed: [
    'pending',
    'starting',
    'running',
    'paused',
    'migrating',
    'recovering',
    'stopping',
    'failed',
  ],
}

function enter(step: Step, vm: Vm, phase: VmPhase): void {
  invariant(
    doorsFrom[phase].includes(vm.phase),
    `vm ${vm.id} may not go from ${vm.phase} to ${phase}`,
  )
  vm.phase = phase
  const waits = phase === 'pending' || (phase === 'recovering' && vm.nodeId === undefined)
  if (waits) vm.live.lookAgainAtMs = step.nowMs
  if (waits) step.state.waiting.add(vm.id)
  else step.state.waiting.delete(vm.id)
  if (!waits && phase !== 'starting') forget(vm, 'refusedBy')
  touch(step, 'vm', vm.id)
}

type Forgettable = {
  [Name in keyof Vm]-?: undefined extends Vm[Name] ? Name : never
}[keyof Vm]

/** To take away what is not there costs much more than to look. */
function forget(vm: Vm, ...names: readonly Forgettable[]): void {
  for (const name of names) if (vm[name] !== undefined) delete vm[name]
}

function assign(step: Step, vm: Vm, nodeId: NodeId | undefined): void {
  for (const id of [vm.nodeId, nodeId]) {
    forgetBurden(step.state, id)
    hearAgain(step.state, id)
  }
  if (vm.nodeId !== undefined) nodeOf(step.state, vm.nodeId).live.vmIds.delete(vm.id)
  // A replica is of the copy that was there.
  if (vm.nodeId !== nodeId) setReplica(step, vm, undefined)
  forget(vm, 'takesOver', 'goesOn')
  if (nodeId === undefined) {
    delete vm.nodeId
    leaveClones(step, vm)
  } else {
    vm.nodeId = nodeId
    nodeOf(step.state, nodeId).live.vmIds.add(vm.id)
  }
  vm.live.isConfirmed = false
  vm.live.isLeased = undefined
  vm.live.isolation = undefined
  vm.live.strandedOn = undefined
  vm.live.absentSinceMs = undefined
  vm.live.fencedAtMs = undefined
  vm.live.isDiskInDoubt = false
  if (nodeId === undefined) vm.live.load = undefined
}

/** No copy is left that clones are made of, or that brings pages: its next life owes nothing. */
function leaveClones(step: Step, vm: Vm): void {
  const migration = vm.migrationId && step.state.migrations.get(vm.migrationId)
  if (migration && migration.purpose === 'clone') setMigration(step, vm, undefined)
}

/** Its replica, as it counts now. */
export function setReplica(step: Step, vm: Vm, replica: Vm['replica']): void {
  if (vm.replica === replica) return
  const { nodes } = step.state
  for (const nodeId of [vm.replica?.nodeId, replica?.nodeId]) forgetBurden(step.state, nodeId)
  if (vm.replica) nodes.get(vm.replica.nodeId)?.live.replicaOf.delete(vm.id)
  if (replica) nodeOf(step.state, replica.nodeId).live.replicaOf.add(vm.id)
  if (replica) vm.replica = replica
  else delete vm.replica
  vm.live.isPrimarySilent = false
  touch(step, 'vm', vm.id)
}

const about = (vm: Vm) => ({ vmId: vm.id, nodeId: vm.nodeId, migrationId: vm.migrationId })

/** A VM that is new to the cluster, in the phase it comes with. */
export function addVm(step: Step, vm: Vm): void {
  invariant(!step.state.vms.has(vm.id), `vm ${vm.id} is there already`)
  step.state.vms.set(vm.id, vm)
  forgetBurden(step.state, vm.nodeId)
  if (vm.nodeId !== undefined) nodeOf(step.state, vm.nodeId).live.vmIds.add(vm.id)
  if (vm.phase === 'pending') step.state.waiting.add(vm.id)
  // A new VM of an old name: until its first start has an epoch above it, the stone stays.
  if (vm.phase !== 'pending') forgetTombstone(step, vm.id)
  touch(step, 'vm', vm.id)
}

function forgetTombstone(step: Step, vmId: VmId): void {
  if (step.state.tombstones.delete(vmId)) touch(step, 'tombstone', vmId)
}

/**
 * @param mayLive a copy may still be on its last node: remembered, so that a late report does not
 * revive it.
 */
export function removeVm(step: Step, vm: Vm, mayLive: boolean): void {
  if (mayLive) {
    forgetTombstone(step, vm.id)
    step.state.tombstones.set(vm.id, { id: vm.id, epoch: vm.epoch })
    touch(step, 'tombstone', vm.id)
    const [oldest] = step.state.tombstones.keys()
    if (step.state.tombstones.size > tombstonesKept && oldest) forgetTombstone(step, oldest)
  }
  assign(step, vm, undefined)
  step.state.waiting.delete(vm.id)
  step.state.vms.delete(vm.id)
  wantSweep(step)
  touch(step, 'vm', vm.id)
  tell(step, 'vm-removed', `${vm.id} is removed`, { vmId: vm.id })
}

/** Nobody runs it; it waits for a node. @param retryAtMs not before. */
export function becomePending(step: Step, vm: Vm, retryAtMs: number): void {
  assign(step, vm, undefined)
  vm.isRecovery = false
  vm.live.retryAtMs = retryAtMs
  enter(step, vm, 'pending')
}

/** The one door by which a VM gets a node to boot on. Its epoch is new. */
export function becomeStarting(step: Step, vm: Vm, nodeId: NodeId, epoch: Epoch): void {
  invariant(vm.nodeId === undefined, `vm ${vm.id} may still be on ${vm.nodeId}: it may not start`)
  invariant(epoch > vm.epoch, `vm ${vm.id}: epoch ${epoch} is not newer than ${vm.epoch}`)
  assign(step, vm, nodeId)
  vm.epoch = epoch
  vm.bootEpoch = epoch
  vm.isRecovery = vm.phase === 'recovering'
  if (vm.isRecovery) vm.recoveries++
  forget(vm, 'fault', 'awayFrom', 'frozenOn', 'relocateTo', 'restartOn', 'wentOnFrom')
  vm.live.runsSinceMs = undefined
  forgetTombstone(step, vm.id)
  enter(step, vm, 'starting')
  tell(step, 'vm-placed', `${vm.id} is placed on ${nodeId} under epoch ${epoch}`, about(vm))
}

/** Its node says that it runs. */
export function becomeRunning(step: Step, vm: Vm): void {
  const before = vm.phase
  if (before === 'running') return
  const { goesOn } = vm
  delete vm.fault
  if (vm.restoreFrom !== undefined) vm.atSnapshot = vm.restoreFrom
  delete vm.restoreFrom
  delete vm.deployFrom
  forget(vm, 'takesOver', 'goesOn')
  if (before === 'starting') vm.live.runsSinceMs = step.nowMs
  enter(step, vm, 'running')
  if (goesOn) {
    vm.isRecovery = false
    tell(step, 'vm-running', `${vm.id} goes on where it stood, on ${vm.nodeId}`, about(vm))
  } else if (before === 'starting' && vm.isRecovery) {
    vm.isRecovery = false
    tell(step, 'vm-recovered', `${vm.id} runs again, on ${vm.nodeId}`, about(vm))
  } else if (before !== 'migrating') {
    tell(step, 'vm-running', `${vm.id} runs on ${vm.nodeId}`, about(vm))
  }
}

export function becomePaused(step: Step, vm: Vm): void {
  if (vm.phase !== 'paused') enter(step, vm, 'paused')
}

export function becomeMigrating(step: Step, vm: Vm, migrationId: MigrationId): void {
  setMigration(step, vm, migrationId)
  enter(step, vm, 'migrating')
}

/** What holds it now: a node that it is on its way to counts it, one that it has left does not. */
export function setMigration(step: Step, vm: Vm, migrationId: MigrationId | undefined): void {
  const { state } = step
  for (const id of [vm.migrationId, migrationId])
    if (id !== undefined) forgetBurden(state, state.migrations.get(id)?.to)
  if (migrationId === undefined) delete vm.migrationId
  else vm.migrationId = migrationId
  touch(step, 'vm', vm.id)
}

/**
 * Its copy is lost. @param fencedAtMs from when on that is certain: until then the VM keeps its
 * node, and is not started anywhere; if that is now, it waits for a new node.
 */
export function becomeRecovering(step: Step, vm: Vm, fencedAtMs: number, why: string): void {
  const lostNodeId = vm.nodeId
  delete vm.fault
  if (fencedAtMs <= step.nowMs) assign(step, vm, undefined)
  else vm.live.fencedAtMs = fencedAtMs
  step.state.watched.lost.add(vm.id)
  if (vm.phase === 'recovering') {
    if (vm.nodeId === undefined) step.state.waiting.add(vm.id)
    touch(step, 'vm', vm.id)
    return
  }
  enter(step, vm, 'recovering')
  tell(step, 'vm-recovering', `${vm.id} must be recovered: ${why}`, {
    vmId: vm.id,
    nodeId: lostNodeId,
  })
}

/** Keeps its node: a copy runs there until it says otherwise. */
export function becomeStopping(step: Step, vm: Vm): void {
  enter(step, vm, 'stopping')
}

/** Surely nobody runs it. One that is to be restored waits for a node at once. */
export function becomeStopped(step: Step, vm: Vm, why: string): void {
  const nodeId = vm.nodeId
  assign(step, vm, undefined)
  // Whoever starts it again says where: it waits for nobody.
  forget(vm, 'fault', 'frozenOn', 'restartOn')
  vm.isRecovery = false
  enter(step, vm, 'stopped')
  tell(step, 'vm-stopped', `${vm.id} is stopped: ${why}`, { vmId: vm.id, nodeId })
  if (vm.restoreFrom !== undefined || vm.relocateTo !== undefined) becomePending(step, vm, 0)
}

/**
 * @param keepsNode a copy may still be there, out of our sight: it may not be started elsewhere.
 */
export function becomeFailed(step: Step, vm: Vm, fault: Fault, keepsNode: boolean): void {
  const nodeId = vm.nodeId
  if (!keepsNode) assign(step, vm, undefined)
  vm.fault = fault
  // Nothing is recovered any more: who waits until nothing is does not wait for an operator.
  vm.isRecovery = false
  forget(vm, 'restoreFrom', 'relocateTo', 'frozenOn')
  enter(step, vm, 'failed')
  const kind: EventView['kind'] = fault.code === 'guest-crashed' ? 'vm-crashed' : 'vm-failed'
  tell(step, kind, `${vm.id} has failed: ${fault.message}`, { vmId: vm.id, nodeId })
}

/** The run permit is on another node or under another epoch: what a finished migration changes. */
export function moveVm(step: Step, vm: Vm, nodeId: NodeId, epoch: Epoch): void {
  invariant(epoch >= vm.epoch, `vm ${vm.id}: epoch ${epoch} is older than ${vm.epoch}`)
  if (vm.nodeId !== nodeId) assign(step, vm, nodeId)
  vm.epoch = epoch
  // The node that it has left may have shut down meanwhile: it does not wait for it.
  forget(vm, 'frozenOn')
  vm.live.lastMovedAtMs = step.nowMs
  touch(step, 'vm', vm.id)
}

/** Sets or clears what the VM's view says is in its way, without another phase. */
export function setVmFault(step: Step, vm: Vm, fault: Fault | undefined): void {
  if (vm.fault?.code === fault?.code && vm.fault?.message === fault?.message) return
  if (fault === undefined) delete vm.fault
  else vm.fault = fault
  touch(step, 'vm', vm.id)
}

export const vmsOn = (step: Step, vmIds: Iterable<VmId>): Vm[] =>
  [...vmIds].map((id) => {
    const vm = step.state.vms.get(id)
    invariant(vm, `vm ${id} is indexed but not there`)
    return vm
  })
