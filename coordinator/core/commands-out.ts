// The commands that the coordinator gives to agents about a VM, each remembered under its id until
// its result comes. A command that cannot be sent is not queued: the node's next hello says what it
// holds, and reports.ts tells it then.

import type { Fault } from '#proto/faults.ts'
import type { Epoch, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { VmReport } from '#proto/messages.ts'
import type { Migration, Node, PendingCommand, Vm } from './cluster-state.ts'
import { wantSweep } from './disk-sweep.ts'
import { endReplica } from './ha/protection.ts'
import { dropRepeatMs } from './limits.ts'
import { diskToRestore } from './snapshots.ts'
import { nodeOf, openCommand, type Step, sendTo } from './step-context.ts'
import { deployment } from './templates.ts'

export function sendStart(step: Step, vm: Vm, node: Node): void {
  invariant(vm.nodeId === node.id && vm.phase === 'starting', `vm ${vm.id} does not start here`)
  const { id: vmId, epoch, spec, identity, restoreFrom: snapshot } = vm
  const { disk: before } = vm
  // Each try on a layer of its own: on that of an earlier one something may have been written.
  if (snapshot !== undefined) vm.disk = diskToRestore(step, vm)
  const made = deployment(step, vm)
  if (made) vm.disk = made.disk
  // What it wrote since, or at an earlier try, is on layers that nobody needs any more.
  if (before.layers.some((layer) => !vm.disk.layers.includes(layer))) wantSweep(step)
  const template = made ? { template: made.template } : {}
  const { disk } = vm
  const commandId = openCommand(step, about('start', node.id, vmId, epoch))
  const order = { commandId, vmId, epoch, spec, identity, disk, ...template }
  sendTo(step, node, { t: 'start', ...order, ...(snapshot === undefined ? {} : { snapshot }) })
}

/** Stop, pause or resume the VM where it is. False when that node cannot be reached. */
export function sendToOwner(step: Step, vm: Vm, kind: 'stop' | 'pause' | 'resume'): boolean {
  if (vm.nodeId === undefined) return false
  const node = nodeOf(step.state, vm.nodeId)
  if (node.live.linkId === undefined) return false
  // What its guest was told to be on its disk is there before it goes: `stop` follows the answer.
  if (kind === 'stop' && vm.replica) {
    endReplica(step, vm)
    return true
  }
  const commandId = openCommand(step, about(kind, node.id, vm.id, vm.epoch))
  return sendTo(step, node, { t: kind, commandId, vmId: vm.id, epoch: vm.epoch })
}

/** Asks the guest for so many pages. False when its node cannot be reached. */
export function sendBalloon(step: Step, vm: Vm, targetPages: number): boolean {
  if (vm.nodeId === undefined) return false
  const node = nodeOf(step.state, vm.nodeId)
  if (node.live.linkId === undefined) return false
  const commandId = openCommand(step, about('balloon', node.id, vm.id, vm.epoch))
  const { id: vmId, epoch } = vm
  return sendTo(step, node, { t: 'balloon', commandId, vmId, epoch, targetPages })
}

/** The verdict on one end's copy of a migration. False when that end cannot be reached. */
export function sendResolve(
  step: Step,
  migration: Migration,
  nodeId: NodeId,
  verdict: 'run' | 'discard',
  epoch: Epoch,
): boolean {
  const node = nodeOf(step.state, nodeId)
  if (node.live.linkId === undefined) return false
  const { id: migrationId, vmId } = migration
  const commandId = openCommand(step, { ...about('resolve', nodeId, vmId, epoch), migrationId })
  migration.live.asked = { commandId, nodeId, verdict }
  return sendTo(step, node, { t: 'resolve', commandId, vmId, migrationId, verdict, epoch })
}

export function sendCancel(step: Step, migration: Migration, isProbe: boolean): boolean {
  const node = nodeOf(step.state, migration.from)
  if (node.live.linkId === undefined) return false
  const { id: migrationId, vmId, epoch } = migration
  const commandId = openCommand(step, { ...about('cancel', node.id, vmId, epoch), migrationId })
  if (isProbe) migration.live.asked = { commandId, nodeId: node.id, verdict: 'probe' }
  return sendTo(step, node, { t: 'cancel-migration', commandId, migrationId })
}

/** Its pre-copy goes on as post-copy. */
export function sendSwitch(step: Step, migration: Migration): boolean {
  const node = nodeOf(step.state, migration.from)
  if (node.live.linkId === undefined) return false
  const { id: migrationId, vmId, epoch } = migration
  const commandId = openCommand(step, { ...about('switch', node.id, vmId, epoch), migrationId })
  return sendTo(step, node, { t: 'switch-to-post-copy', commandId, migrationId })
}

/** The VM that runs at its destination will never get its last pages. */
export function sendPagesLost(step: Step, migration: Migration, why: Fault): void {
  const { id: migrationId, vmId, nextEpoch, to } = migration
  const node = nodeOf(step.state, to)
  if (node.live.linkId === undefined) return
  const commandId = openCommand(step, { ...about('pages-lost', to, vmId, nextEpoch), migrationId })
  sendTo(step, node, { t: 'pages-lost', commandId, migrationId, fault: why })
}

/** Tells a node that a copy it reports is stale. Repeated at most every dropRepeatMs. */
export function dropCopy(step: Step, node: Node, report: VmReport): void {
  const key = `${report.vmId}/${report.epoch}`
  const askedAtMs = node.live.dropsAskedAtMs.get(key)
  if (askedAtMs !== undefined && step.nowMs - askedAtMs < dropRepeatMs) return
  node.live.dropsAskedAtMs.set(key, step.nowMs)
  const { vmId, epoch, migrationId } = report
  const isLive = ['starting', 'running', 'paused'].includes(report.state)
  const commandId = openCommand(step, about('drop', node.id, vmId, epoch))
  if (isLive || migrationId === undefined) sendTo(step, node, { t: 'stop', commandId, vmId, epoch })
  else sendTo(step, node, { t: 'resolve', commandId, vmId, migrationId, verdict: 'discard', epoch })
}

function about(kind: PendingCommand['kind'], nodeId: NodeId, vmId: VmId, epoch: Epoch) {
  return { kind, nodeId, vmId, epoch, migrationId: undefined as MigrationId | undefined } as const
}
