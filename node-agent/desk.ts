// Where the coordinator's commands, the end of the lease and the fate of guests become decisions
// about the VMs of this node. Pure: step(state, input) → effects; the agent's shell (agent.ts)
// carries them out and reports back.
// Laws: an epoch other than the held one is refused; a command is answered once, and a repeated one
// again with the same answer; a VM that was released runs again only by `resolve` under a newer
// epoch. Not here: how a migration goes (migration/), what an arriving copy needs (admission.ts).

import { type Fault, fault } from '#proto/faults.ts'
import type { CommandId, MigrationId } from '#proto/ids.ts'
import type {
  Balloon,
  CancelMigration,
  Clone,
  EndReplication,
  GoOn,
  MergeLayers,
  Migrate,
  Replicate,
  Resolve,
  SetLease,
  Start,
  SwapLayers,
  SwitchToPostCopy,
  TakeOver,
  TakeSnapshot,
} from '#proto/messages.ts'
import type { SetNetwork } from '#proto/network-messages.ts'
import { answer, event, keepAnswer } from './desk-answers.ts'
import { destroy, fence, lapse, loseGuest, settled } from './desk-ends.ts'
import {
  cancelledFault,
  closingFault,
  incompleteFault,
  noRoom,
  replacedFault,
  staleEpoch,
  stoppedFault,
  unknownSource,
  unknownVm,
  wrongState,
} from './desk-faults.ts'
import type { Command, DeskEffect, DeskInput, DeskState } from './desk-state.ts'
import { type HeldVm, isLive } from './held-vms.ts'
import { clonePlan, migrationPlan } from './migration/plan.ts'

/** Changes `state` and says what is to be done. */
export function stepDesk(state: DeskState, input: DeskInput): DeskEffect[] {
  const effects = dispatch(state, input)
  state.vms.assertInvariants()
  return effects
}

function dispatch(state: DeskState, input: DeskInput): DeskEffect[] {
  switch (input.on) {
    case 'command':
      return take(state, input.command)
    case 'booted':
      return seeBoot(state, input.vm, input.by, input.fault)
    case 'launched':
      return seeLaunch(state, input)
    case 'done':
      return answer(state, input.by, input.fault)
    case 'answered':
      return keepAnswer(state, input.result)
    case 'snapshot-ended':
      input.vm.snapshotting = false
      return keepAnswer(state, input.result)
    case 'migration-ended':
      return endMigration(state, input.migrationId)
    case 'lease-lost':
      return lapse(state)
    case 'closing':
      state.closing = true
      return fence(state, () => true, closingFault)
    case 'guest-stopped':
      return loseGuest(state, input)
  }
}

// ---- commands -----------------------------------------------------------------------------------

function take(state: DeskState, command: Command): DeskEffect[] {
  const { commandId } = command
  const before = state.answers.get(commandId)
  if (before) return [{ do: 'send', message: before }]
  if (state.openCommands.has(commandId)) return []
  state.openCommands.add(commandId)
  if (command.t === 'start') return start(state, command)
  if (command.t === 'cancel-migration' || command.t === 'switch-to-post-copy')
    return tellSource(state, command)
  if (command.t === 'resolve') return resolve(state, command)
  if (command.t === 'take-over') return takeOver(state, command)
  if (command.t === 'pages-lost')
    return [{ do: 'lose-pages', ...command }, ...answer(state, commandId)]
  if (command.t === 'drop-snapshot') return [{ do: 'drop-snapshot', order: command }]
  if (command.t === 'keep-template') return [{ do: 'keep-template', order: command }]
  if (command.t === 'compare-snapshots') return [{ do: 'compare-snapshots', order: command }]
  if (command.t === 'sweep-layers') return [{ do: 'sweep-layers', order: command }]
  if (command.t === 'merge-layers') return mergeLayers(state, command)
  const vm = state.vms.get(command.vmId)
  if (!vm) return answer(state, commandId, unknownVm(state.nodeId, command.vmId))
  if (vm.epoch !== command.epoch) return answer(state, commandId, staleEpoch(vm, command.epoch))
  if (command.t === 'stop') return destroy(state, vm, stoppedFault, commandId)
  if (command.t === 'pause') return pause(state, vm, commandId)
  if (command.t === 'resume') return resume(state, vm, commandId)
  if (command.t === 'go-on') return goOn(state, vm, command)
  if (command.t === 'take-snapshot') return takeSnapshot(state, vm, command)
  if (command.t === 'balloon') return balloon(state, vm, command)
  if (command.t === 'replicate') return replicate(state, vm, command)
  if (command.t === 'end-replication') return endReplication(state, vm, command)
  if (command.t === 'set-lease') return setLease(vm, command)
  if (command.t === 'set-network') return setNetwork(vm, command)
  if (command.t === 'swap-layers') return swapLayers(state, vm, command)
  return beginSource(state, vm, command)
}

function start(state: DeskState, order: Start): DeskEffect[] {
  const refusal = refuseStart(state, order)
  if (refusal) return answer(state, order.commandId, refusal)
  const older = state.vms.get(order.vmId)
  const effects = older ? destroy(state, older, replacedFault) : []
  const vm = state.vms.becomeStarting(order)
  const from = order.snapshot === undefined ? {} : { from: order.snapshot }
  const template = order.template ? { template: order.template } : {}
  return [...effects, { do: 'boot', vm, by: order.commandId, ...from, ...template }]
}

function refuseStart(state: DeskState, order: Start): Fault | undefined {
  if (state.closing) return closingFault
  const held = state.vms.get(order.vmId)
  if (held && held.epoch > order.epoch) return staleEpoch(held, order.epoch)
  if (held && held.epoch === order.epoch) return wrongState(held, 'started again in the same epoch')
  const freed = held?.spec.memoryMib ?? 0
  return state.vms.hasRoomFor(order.spec.memoryMib - freed)
    ? undefined
    : noRoom(state, order.spec.memoryMib)
}

function pause(state: DeskState, vm: HeldVm, by: CommandId): DeskEffect[] {
  if (vm.state === 'paused') return answer(state, by)
  if (vm.state !== 'running' || isTakenUp(vm)) return answer(state, by, wrongState(vm, 'paused'))
  state.vms.becomePaused(vm)
  return [{ do: 'pause', vm, by }]
}

function resume(state: DeskState, vm: HeldVm, by: CommandId): DeskEffect[] {
  if (vm.state === 'running') return answer(state, by)
  if (vm.state !== 'paused' || isTakenUp(vm)) return answer(state, by, wrongState(vm, 'resumed'))
  state.vms.becomeRunning(vm)
  return [{ do: 'resume', vm, by }]
}

/** It was restarted nowhere since the lease ended. */
function goOn(state: DeskState, vm: HeldVm, { commandId: by, nextEpoch }: GoOn): DeskEffect[] {
  if (state.closing) return answer(state, by, closingFault)
  if (vm.state !== 'stranded') return answer(state, by, wrongState(vm, 'run on'))
  if (nextEpoch <= vm.epoch) return answer(state, by, staleEpoch(vm, nextEpoch))
  vm.launching = nextEpoch
  return [{ do: 'launch', vm, epoch: nextEpoch, by }]
}

/** Not of a VM that is on its way: what it was asked for might stay behind. */
function balloon(state: DeskState, vm: HeldVm, command: Balloon): DeskEffect[] {
  const { commandId: by, targetPages } = command
  if (vm.state !== 'running' || isTakenUp(vm))
    return answer(state, by, wrongState(vm, 'asked for memory'))
  return [{ do: 'balloon', vm, targetPages, by }]
}

/** A migration or a snapshot is at work on it. */
const isTakenUp = (vm: HeldVm): boolean => vm.migrationId !== undefined || vm.snapshotting

/** What others have of it would not be what it is. */
const isTakenUpOrKept = (vm: HeldVm): boolean => isTakenUp(vm) || vm.replica !== undefined

function takeSnapshot(state: DeskState, vm: HeldVm, order: TakeSnapshot): DeskEffect[] {
  if (state.closing) return answer(state, order.commandId, closingFault)
  if ((vm.state !== 'running' && vm.state !== 'paused') || isTakenUpOrKept(vm))
    return answer(state, order.commandId, wrongState(vm, 'taken as a snapshot'))
  vm.snapshotting = true
  return [{ do: 'take-snapshot', vm, order }]
}

/** A work of the store's: no VM has to be here for it. */
function mergeLayers(state: DeskState, order: MergeLayers): DeskEffect[] {
  return state.closing
    ? answer(state, order.commandId, closingFault)
    : [{ do: 'merge-layers', order }]
}

/**
 * Not while a migration, a snapshot or a replica of it names its layers: those would name what it
 * does not use any more. A snapshot that is asked for behind this one finds it done.
 */
function swapLayers(state: DeskState, vm: HeldVm, order: SwapLayers): DeskEffect[] {
  const { commandId, disk } = order
  if (state.closing) return answer(state, commandId, closingFault)
  const isAble = (vm.state === 'running' || vm.state === 'paused') && vm.launching === undefined
  const hasTop = disk.layers.at(-1) === vm.disk.layers.at(-1)
  if (!isAble || !hasTop || isTakenUpOrKept(vm))
    return answer(state, commandId, wrongState(vm, 'given other disk layers'))
  vm.swapping = true
  return [{ do: 'swap-layers', vm, order }]
}

function beginSource(state: DeskState, vm: HeldVm, command: Migrate | Clone): DeskEffect[] {
  if (state.closing) return answer(state, command.commandId, closingFault)
  if (vm.state !== 'running' || isTakenUpOrKept(vm) || vm.swapping)
    return answer(state, command.commandId, wrongState(vm, `${command.t}d`))
  if (command.t === 'migrate' && command.destination.nodeId === state.nodeId)
    return answer(
      state,
      command.commandId,
      fault('bad-request', `VM ${vm.vmId} is on node ${state.nodeId} already; name another node`),
    )
  vm.migrationId = command.migrationId
  state.outgoing.add(command.migrationId)
  const plan =
    command.t === 'migrate'
      ? migrationPlan(state.nodeId, vm, command)
      : clonePlan(state.nodeId, vm, command)
  return [{ do: 'begin-source', plan }]
}

function tellSource(
  state: DeskState,
  { t, commandId, migrationId }: CancelMigration | SwitchToPostCopy,
): DeskEffect[] {
  if (!state.outgoing.has(migrationId))
    return answer(state, commandId, unknownSource(state.nodeId, migrationId))
  const cancel = { on: 'cancel', fault: cancelledFault, commandId } as const
  const input = t === 'cancel-migration' ? cancel : ({ on: 'post-copy', commandId } as const)
  return [{ do: 'tell-source', migrationId, input }]
}

function resolve(state: DeskState, verdict: Resolve): DeskEffect[] {
  const vm = state.vms.get(verdict.vmId)
  if (verdict.verdict === 'discard') return resolveDiscard(state, vm, verdict)
  if (!vm) return answer(state, verdict.commandId, unknownVm(state.nodeId, verdict.vmId))
  if (verdict.epoch < vm.epoch)
    return answer(state, verdict.commandId, staleEpoch(vm, verdict.epoch))
  if (vm.state === 'running' && vm.epoch === verdict.epoch && vm.migrationId === undefined)
    return answer(state, verdict.commandId)
  if (vm.state !== 'running' && vm.state !== 'prepared' && vm.state !== 'released')
    return answer(state, verdict.commandId, wrongState(vm, 'run by a verdict'))
  if (vm.state === 'prepared' && vm.pageSource)
    return answer(state, verdict.commandId, incompleteFault(vm))
  const { migrationId } = vm
  vm.launching = verdict.epoch
  vm.needsVerdict = false
  const settle = migrationId === undefined ? [] : settled(state, vm, migrationId, 'runs-here')
  return [...settle, { do: 'launch', vm, epoch: verdict.epoch, by: verdict.commandId }]
}

function resolveDiscard(state: DeskState, vm: HeldVm | undefined, verdict: Resolve): DeskEffect[] {
  const { commandId } = verdict
  // What is not here, or belongs to another migration, has been discarded: the verdict may come
  // twice.
  const hasRun = vm && (isLive(vm) || vm.state === 'stranded')
  if (!vm || (vm.migrationId !== verdict.migrationId && !hasRun)) return answer(state, commandId)
  if (hasRun) {
    if (verdict.epoch <= vm.epoch) return answer(state, commandId, wrongState(vm, 'discarded'))
    return destroy(state, vm, replacedFault, commandId)
  }
  return destroy(state, vm, stoppedFault, commandId)
}

// ---- replicas -----------------------------------------------------------------------------------

/** Answered at once: what comes of it, the reports say. */
function replicate(state: DeskState, vm: HeldVm, order: Replicate): DeskEffect[] {
  const { commandId, replicaId, destination } = order
  if (state.closing) return answer(state, commandId, closingFault)
  const isAble = vm.state === 'running' && !isTakenUpOrKept(vm) && !vm.swapping
  if (!isAble || destination.nodeId === state.nodeId)
    return answer(state, commandId, wrongState(vm, 'replicated'))
  vm.replica = { id: replicaId, state: 'syncing' }
  return [{ do: 'replicate', vm, order }, ...answer(state, commandId)]
}

function endReplication(state: DeskState, vm: HeldVm, order: EndReplication): DeskEffect[] {
  const { commandId: by, replicaId } = order
  if (!isLive(vm) || vm.replica?.id !== replicaId) return answer(state, by)
  return [{ do: 'end-replication', vm, by }]
}

function takeOver(state: DeskState, { commandId, vmId, replicaId, epoch }: TakeOver): DeskEffect[] {
  const vm = state.vms.get(vmId)
  if (!vm) return answer(state, commandId, unknownVm(state.nodeId, vmId))
  if (state.closing) return answer(state, commandId, closingFault)
  if (vm.epoch === epoch && vm.state === 'running') return answer(state, commandId)
  if (epoch <= vm.epoch) return answer(state, commandId, staleEpoch(vm, epoch))
  const isOther = vm.launching !== undefined && vm.launching !== epoch
  if (vm.state !== 'replica' || vm.migrationId !== replicaId || isOther)
    return answer(state, commandId, wrongState(vm, 'taken over'))
  vm.launching = epoch
  return [{ do: 'take-over', vm, epoch, by: commandId }]
}

function setLease(vm: HeldVm, { commandId: by, leased, isolation }: SetLease): DeskEffect[] {
  vm.spec = { ...vm.spec, ha: leased, ...(isolation ? { isolation } : {}) }
  return [{ do: 'set-lease', vm, by }]
}

/** Whether it has a card was settled when it was built: only whom it hears may change. */
function setNetwork(vm: HeldVm, { commandId: by, network }: SetNetwork): DeskEffect[] {
  if (network !== false && vm.spec.network !== false) vm.spec = { ...vm.spec, network }
  return [{ do: 'set-network', vm, by }]
}

// ---- what became of it --------------------------------------------------------------------------

function seeBoot(
  state: DeskState,
  vm: HeldVm,
  by: CommandId,
  refused: Fault | undefined,
): DeskEffect[] {
  if (state.vms.get(vm.vmId) !== vm) return answer(state, by, refused ?? stoppedFault)
  if (refused) return [...destroy(state, vm, refused), ...answer(state, by, refused)]
  state.vms.becomeRunning(vm)
  return [event(vm, 'running'), ...answer(state, by)]
}

function seeLaunch(state: DeskState, launch: Extract<DeskInput, { on: 'launched' }>): DeskEffect[] {
  const { vm, epoch, by } = launch
  const took = launch.tookOver ? { tookOver: launch.tookOver } : {}
  const answered = (value?: Fault) => (by === undefined ? [] : answer(state, by, value, took))
  if (state.vms.get(vm.vmId) !== vm) return answered(launch.fault ?? stoppedFault)
  vm.launching = undefined
  // Nobody runs what is left of it, and it must not begin to run: it goes before that is told.
  if (launch.fault && vm.state === 'replica')
    return [...destroy(state, vm, launch.fault), ...answered(launch.fault)]
  if (launch.fault) return answered(launch.fault)
  if (vm.state === 'running') vm.epoch = epoch
  else state.vms.becomeRunning(vm, epoch)
  return [event(vm, 'running'), ...answered()]
}

/** A VM that stayed here may migrate again; a released one goes on waiting for its verdict. */
function endMigration(state: DeskState, migrationId: MigrationId): DeskEffect[] {
  state.outgoing.delete(migrationId)
  for (const vm of state.vms.all())
    if (vm.migrationId === migrationId && vm.state === 'running') vm.migrationId = undefined
  return []
}
