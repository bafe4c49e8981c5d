// Replicas of VMs: which VM is to have one, on which node, and whether it counts. A replica that
// counts (`ready`) may take its VM over when the VM's node is lost. The one question is asked and
// answered here: does the primary go on alone, or does the replica take over? Whoever is told is
// told after it is remembered, so that never both are. Level-triggered by what both nodes report.
// Not here: checkpoints (node-agent/replication/), VMs without a replica (../recovery.ts). Ms.

import { checkpointMsDefaults, type ProtectionLevel } from '#proto/ha.ts'
import { asMigrationId, type MigrationId, type VmId } from '#proto/ids.ts'
import type { Result, VmReport } from '#proto/messages.ts'
import type { IsolationResponse, VmSpec } from '#proto/vm-spec.ts'
import type { ClusterState, Node, PendingCommand, Vm } from '../cluster-state.ts'
import { sendToOwner } from '../commands-out.ts'
import { isBeingChanged } from '../disk-change.ts'
import { tell } from '../events.ts'
import { ruleRetryMs, ruleRetryMsMax } from '../limits.ts'
import { isDoubtful, isLost } from '../node-doors.ts'
import { frozenTo, isAwaited, isNode } from '../placement.ts'
import {
  isAsked,
  isReachable,
  nodeOf,
  openCommand,
  type Step,
  sendTo,
  takeEpoch,
  takeSerial,
  touch,
} from '../step-context.ts'
import { becomeRecovering, becomeStarting, setReplica } from '../vm-doors.ts'
import { watchedVms } from '../watched-vms.ts'
import {
  chooseReplicaNode,
  companyMayFollow,
  isReplicaWithCompany,
  isWithCompany,
} from './company-replicas.ts'
import { companyOf, forbids, policyOf } from './rules.ts'

/** What an operator wants for it. */
export const protectionOf = (vm: Vm): ProtectionLevel =>
  policyOf(vm).protection ?? (vm.spec.ha ? 'restart' : 'none')

/** What an operator wants a node that is cut off to do with it. */
export const isolationOf = (vm: Vm): IsolationResponse =>
  policyOf(vm).isolation ?? vm.spec.isolation ?? 'stop'

interface Terms {
  readonly level: 'checkpoint' | 'continuous'
  readonly everyMs: number
}

/** What a replica of it would be; undefined: it is to have none. */
function termsOf(vm: Vm): Terms | undefined {
  const level = protectionOf(vm)
  if (level !== 'checkpoint' && level !== 'continuous') return undefined
  return { level, everyMs: policyOf(vm).checkpointMs ?? checkpointMsDefaults[level] }
}

// ---- each tick ----------------------------------------------------------------------------------

export function protect(step: Step): void {
  for (const vm of watchedVms(step.state, 'guarded')) {
    const terms = vm.policy || vm.replica ? termsOf(vm) : undefined
    if (vm.replica) review(step, vm, terms)
    else if (terms) beginReplica(step, vm, terms)
    adjustLease(step, vm)
    if (!terms && !vm.replica && isLeasedAsWanted(vm)) step.state.watched.guarded.delete(vm.id)
  }
}

const isLeasedAsWanted = (vm: Vm): boolean =>
  vm.live.isLeased === undefined ||
  (vm.live.isLeased === (protectionOf(vm) !== 'none') && vm.live.isolation === isolationOf(vm))

/** A replica that is not what is wanted any more, or whose node is to be left alone, ends. */
function review(step: Step, vm: Vm, terms: Terms | undefined): void {
  const { replica } = vm
  if (!replica || replica.phase === 'ending') return
  if (takeOverSilent(step, vm)) return
  const node = step.state.nodes.get(replica.nodeId)
  const isWanted = terms?.level === replica.level && terms.everyMs === replica.everyMs
  const isFit = node && !isLost(node) && !node.maintenance && !node.standby
  const isAllowed = !!node && !forbids(step.state, vm, node.id)
  if (isWanted && isFit && isAllowed && isReplicaWithCompany(step.state, vm)) return
  if (vm.phase === 'running') endReplica(step, vm)
}

/** It runs without a replica, and nothing but the choice of a node is in the way of one. */
function lacksReplica(state: ClusterState, vm: Vm): boolean {
  if (vm.replica || vm.phase !== 'running' || vm.migrationId !== undefined) return false
  // What takes over is what was offered: one that no lease covers would not be ended by one.
  // Its layers change in a moment, and a replica names them.
  if (!vm.spec.ha || vm.live.snapshotDue !== undefined || isBeingChanged(state, vm)) return false
  if (!state.ha.armed || !isWithCompany(state, vm)) return false
  return vm.nodeId !== undefined && isReachable(nodeOf(state, vm.nodeId))
}

/** Those that are to have a replica, and could have one if there were a node for it. */
export const withoutReplica = (state: ClusterState): Vm[] =>
  watchedVms(state, 'guarded').filter((vm) => termsOf(vm) && lacksReplica(state, vm))

function beginReplica(step: Step, vm: Vm, { level, everyMs }: Terms): void {
  const { state, nowMs } = step
  const tries = vm.live.replicaTries
  if (nowMs < tries.nextAtMs || !lacksReplica(state, vm) || vm.nodeId === undefined) return
  const from = nodeOf(state, vm.nodeId)
  const to = chooseReplicaNode(state, vm)
  if (!isNode(to) || isAwaited(state, to, nowMs)) {
    vm.live.replicaTries = { ...tries, nextAtMs: nowMs + ruleRetryMs }
    return
  }
  const waitMs = Math.min(ruleRetryMs * 2 ** tries.count, ruleRetryMsMax)
  vm.live.replicaTries = { count: tries.count + 1, nextAtMs: nowMs + waitMs }
  const id = asMigrationId(`r${takeSerial(step)}`)
  setReplica(step, vm, { id, nodeId: to.id, phase: 'syncing', level, everyMs })
  const { id: vmId, epoch } = vm
  const commandId = openCommand(step, about('replicate', vm, vm.nodeId))
  const destination = { nodeId: to.id, address: to.peerAddress }
  const names = { commandId, vmId, epoch, replicaId: id }
  const continuous = level === 'continuous'
  sendTo(step, from, { t: 'replicate', ...names, destination, everyMs, continuous })
}

/** Whether the node's lease covers it, and what it does when that ends: as it was told last. */
function adjustLease(step: Step, vm: Vm): void {
  if (isLeasedAsWanted(vm) || vm.phase !== 'running' || vm.nodeId === undefined) return
  const { isLeased, isolation: before } = vm.live
  const [leased, isolation] = [protectionOf(vm) !== 'none', isolationOf(vm)]
  const node = nodeOf(step.state, vm.nodeId)
  const kind = isLeased === leased ? 'set-isolation' : 'set-lease'
  if (!isReachable(node) || isAsked(step.state, kind, vm.id)) return
  // From when it may have been told on, no lease ends it. The other way round it has to say so.
  if (!leased) setLeased(step, vm, false)
  const { id: vmId, epoch } = vm
  const commandId = openCommand(step, about(kind, vm, node.id))
  const response = before === isolation ? {} : { isolation }
  sendTo(step, node, { t: 'set-lease', commandId, vmId, epoch, leased, ...response })
}

const about = (kind: PendingCommand['kind'], vm: Vm, nodeId: Node['id']) =>
  ({ kind, nodeId, vmId: vm.id, epoch: vm.epoch, migrationId: undefined }) as const

// ---- the primary goes on alone ------------------------------------------------------------------

/**
 * From now on the replica counts no more; its VM's node is told, and holds nothing back when it has
 * answered. Asked again as long as there is a replica to be ended.
 */
export function endReplica(step: Step, vm: Vm): void {
  const { replica } = vm
  if (!replica || vm.nodeId === undefined) return
  if (replica.phase !== 'ending') setReplica(step, vm, { ...replica, phase: 'ending' })
  askToEnd(step, vm, replica.id)
}

/** Unless it is under way, or the node cannot be told now. */
function askToEnd(step: Step, vm: Vm, replicaId: MigrationId): void {
  if (vm.nodeId === undefined) return
  const node = nodeOf(step.state, vm.nodeId)
  if (node.live.linkId === undefined || isAsked(step.state, 'end-replication', vm.id)) return
  const { id: vmId, epoch } = vm
  const commandId = openCommand(step, about('end-replication', vm, node.id))
  sendTo(step, node, { t: 'end-replication', commandId, vmId, epoch, replicaId })
}

/** What the VM's node says of its replica, in each report. */
export function seePrimary(step: Step, vm: Vm, said: VmReport['replica']): void {
  const { replica } = vm
  // Of a coordinator whose memory we lack.
  if (said && said.id !== replica?.id) askToEnd(step, vm, said.id)
  else if (!replica) return
  else if (!said) seeNone(step, vm)
  else if (said.state === 'lost' || replica.phase === 'ending') seeLost(step, vm)
  else if (said.state === 'kept' && replica.phase === 'syncing') seeKept(step, vm)
}

function seeKept(step: Step, vm: Vm): void {
  const { replica } = vm
  if (!replica) return
  setReplica(step, vm, { ...replica, phase: 'ready' })
  vm.live.replicaTries = { count: 0, nextAtMs: 0 }
  const { nodeId, level, everyMs } = replica
  const text = `${vm.id} has a replica on ${nodeId} (${level}, every ${everyMs} ms)`
  tell(step, 'vm-protected', text, { vmId: vm.id, nodeId })
}

function seeLost(step: Step, vm: Vm): void {
  const { replica } = vm
  if (replica?.phase === 'ready') {
    const text = `the replica of ${vm.id} on ${replica.nodeId} is lost: it goes on without one`
    tell(step, 'vm-unprotected', text, { vmId: vm.id, nodeId: replica.nodeId })
  }
  endReplica(step, vm)
}

/** It has ended there, or the order was lost. */
function seeNone(step: Step, vm: Vm): void {
  if (isAsked(step.state, 'replicate', vm.id)) return
  setReplica(step, vm, undefined)
}

export function seeReplicaResult(step: Step, command: PendingCommand, result: Result): void {
  const vm = step.state.vms.get(command.vmId)
  if (!vm || vm.epoch !== command.epoch || vm.nodeId !== command.nodeId) return
  const isOver = command.kind === 'end-replication' && vm.replica?.phase === 'ending'
  const isRefused = command.kind === 'replicate' && result.fault !== undefined
  if (isOver || isRefused) setReplica(step, vm, undefined)
  if (isOver && vm.phase === 'stopping') sendToOwner(step, vm, 'stop')
}

/**
 * Its node says that the lease covers it, or that it does not. While an order to change that is
 * under way the word may be older than it: then it is not relied upon.
 */
export function seeLease(step: Step, vm: Vm, { ha: leased, isolation }: VmSpec): void {
  vm.live.isLeased = leased
  vm.live.isolation = isolation ?? 'stop'
  if (!isLeasedAsWanted(vm)) step.state.watched.guarded.add(vm.id)
  setLeased(step, vm, leased && !isAsked(step.state, 'set-lease', vm.id))
}

function setLeased(step: Step, vm: Vm, ha: boolean): void {
  if (vm.spec.ha === ha) return
  vm.spec = { ...vm.spec, ha }
  touch(step, 'vm', vm.id)
}

// ---- the replica takes over ---------------------------------------------------------------------

/** A node holds this replica. True: it belongs there. */
export function seeReplica(step: Step, node: Node, report: VmReport): boolean {
  const vm = step.state.vms.get(report.vmId)
  const id = report.migrationId
  if (vm?.takesOver === id && vm?.nodeId === node.id && vm.phase === 'starting') {
    // Without a lease it could not, and the replica would be of no use.
    const mayAsk = isReachable(node) && !isAsked(step.state, 'take-over', vm.id)
    if (mayAsk) sendTakeOver(step, vm, node)
    return true
  }
  if (!vm || vm.replica?.id !== id || vm.replica?.nodeId !== node.id) return false
  vm.live.isPrimarySilent = report.replica?.state === 'silent'
  takeOverSilent(step, vm)
  return true
}

/** Continuous: nobody waits for the node's lease, since the primary's right to run is shorter. */
function shouldTakeOver({ state }: Step, vm: Vm): boolean {
  if (vm.replica?.level !== 'continuous' || !vm.live.isPrimarySilent) return false
  const node = vm.nodeId && state.nodes.get(vm.nodeId)
  return vm.phase === 'recovering' || (vm.phase === 'running' && !!node && isDoubtful(node))
}

/** It, and those that a strict rule keeps with it: all of them at once, or none. */
function takeOverSilent(step: Step, vm: Vm): boolean {
  if (!shouldTakeOver(step, vm)) return false
  const leaving = companyOf(step.state, vm).filter(({ nodeId }) => nodeId === vm.nodeId)
  const along = new Set(leaving.map(({ id }) => id))
  const mayGo = (one: Vm) =>
    one.replica?.nodeId === vm.replica?.nodeId &&
    shouldTakeOver(step, one) &&
    mayTakeOver(step, one, along)
  if (!leaving.every(mayGo)) return false
  for (const one of leaving) goOver(step, one, 'its node does not answer')
  return true
}

/** Whether its replica may run in its place. */
function mayTakeOver({ state }: Step, vm: Vm, along: ReadonlySet<VmId>): boolean {
  const { replica, phase } = vm
  const node = replica && state.nodes.get(replica.nodeId)
  const isAble = phase === 'running' || phase === 'paused' || phase === 'recovering'
  if (!isAble || replica?.phase !== 'ready' || !isReachable(node) || !state.ha.armed) return false
  if (policyOf(vm).locked || frozenTo(state, vm) !== undefined) return false
  if (forbids(state, vm, node.id) !== undefined) return false
  return companyMayFollow(state, vm, node, along)
}

/**
 * True: its replica was told to run. Only when its primary cannot be told to go on alone.
 * @param along those whose copies are lost with its own.
 */
export function takeOver(step: Step, vm: Vm, why: string, along: ReadonlySet<VmId>): boolean {
  if (!mayTakeOver(step, vm, along)) return false
  goOver(step, vm, why)
  return true
}

/** Its replica is told to run, once that is decided. */
function goOver(step: Step, vm: Vm, why: string): void {
  const { replica, bootEpoch } = vm
  if (!replica) return
  const node = nodeOf(step.state, replica.nodeId)
  becomeRecovering(step, vm, step.nowMs, why)
  becomeStarting(step, vm, node.id, takeEpoch(step))
  // What its consoles and clients have seen of it goes on; of an older checkpoint it does not.
  if (replica.level === 'continuous') vm.bootEpoch = bootEpoch
  vm.takesOver = replica.id
  vm.placedBecause = 'its replica was there'
  sendTakeOver(step, vm, node)
}

function sendTakeOver(step: Step, vm: Vm, node: Node): void {
  const { id: vmId, epoch, takesOver: replicaId } = vm
  if (replicaId === undefined) return
  const commandId = openCommand(step, about('take-over', vm, node.id))
  sendTo(step, node, { t: 'take-over', commandId, vmId, replicaId, epoch })
}

/** How it went on, for whoever reads the story. */
export function tellTakeOver(step: Step, vm: Vm, { tookOver }: Result): void {
  if (!tookOver) return
  vm.wentOnFrom = tookOver
  touch(step, 'vm', vm.id)
  const lostMs = Math.round(tookOver.lostMs)
  const text =
    `${vm.id} went on from checkpoint ${tookOver.checkpoint}, ` +
    `taken ${lostMs} ms before its node was silent`
  tell(step, 'vm-took-over', text, { vmId: vm.id, nodeId: vm.nodeId })
}

/** Before it is migrated, cloned or kept, what others have of it is given up. True: wait. */
export function mustEndReplica(step: Step, vm: Vm): boolean {
  if (!vm.replica) return false
  endReplica(step, vm)
  return true
}
