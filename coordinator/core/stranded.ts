// VMs that stand still where their node's lease has ended (isolation `pause`), complete and under
// the epoch that they had. Such a copy never runs by itself again. It goes on where it is, under a
// new epoch, when its node is back and nobody has been given a right to run the VM since; once
// somebody has, it is an old copy like any other. While its node is away, nobody waits for it.
// Not here: what a node that is cut off does (node-agent/desk-ends.ts).
// Source: docs/decisions/0002-who-may-run-a-vm.md.

import type { Epoch } from '#proto/ids.ts'
import type { Result, VmReport } from '#proto/messages.ts'
import type { Node, Vm } from './cluster-state.ts'
import { isAsked, isReachable, openCommand, type Step, sendTo, takeEpoch } from './step-context.ts'
import { becomeRecovering, becomeRunning, becomeStarting, becomeStopped } from './vm-doors.ts'

/** Its owner says that it stands still. */
export function standStill(step: Step, vm: Vm, node: Node): void {
  // It has run, whatever was heard of that.
  if (vm.phase === 'starting') becomeRunning(step, vm)
  becomeRecovering(step, vm, step.nowMs, `${node.id} had lost its lease, and has paused it`)
  vm.live.strandedOn = node.id
}

/** True: what is to become of this copy is known, and it is not its end. */
export function seeStranded(step: Step, vm: Vm, node: Node, report: VmReport): boolean {
  if (report.state !== 'stranded') return false
  if (vm.goesOn && vm.phase === 'starting' && vm.nodeId === node.id && report.epoch < vm.epoch) {
    vm.live.absentSinceMs = undefined
    if (isReachable(node) && !isAsked(step.state, 'go-on', vm.id))
      sendGoOn(step, vm, node, report.epoch)
    return true
  }
  if (vm.phase !== 'recovering' || vm.nodeId !== undefined || vm.epoch !== report.epoch)
    return false
  vm.live.strandedOn = node.id
  return true
}

/** Where it can go on, if it may be there; `waits`: its node is back, and holds no lease yet. */
export function standingOn(step: Step, vm: Vm): Node | 'waits' | undefined {
  const { strandedOn } = vm.live
  const node = strandedOn && step.state.nodes.get(strandedOn)
  if (!node || node.live.linkId === undefined || vm.restoreFrom !== undefined) return undefined
  return isReachable(node) ? node : 'waits'
}

export function goOn(step: Step, vm: Vm, node: Node): void {
  const { epoch, bootEpoch, recoveries } = vm
  becomeStarting(step, vm, node.id, takeEpoch(step))
  // Nothing has begun anew: not its consoles, and it is no restart.
  Object.assign(vm, { bootEpoch, recoveries, goesOn: true })
  vm.placedBecause = 'it stood there, and nobody had run it meanwhile'
  sendGoOn(step, vm, node, epoch)
}

function sendGoOn(step: Step, vm: Vm, node: Node, epoch: Epoch): void {
  const { id: vmId, epoch: nextEpoch } = vm
  const about = { kind: 'go-on', nodeId: node.id, vmId, epoch: nextEpoch } as const
  const commandId = openCommand(step, { ...about, migrationId: undefined })
  sendTo(step, node, { t: 'go-on', commandId, vmId, epoch, nextEpoch })
}

/** It runs; or it does not, and starts like any other. */
export function seeGoOn(step: Step, vm: Vm, { fault: refusal }: Result): void {
  vm.live.isConfirmed ||= !refusal
  if (vm.phase === 'stopping' && refusal) becomeStopped(step, vm, 'it had not gone on')
  else if (vm.phase === 'starting' && !refusal) becomeRunning(step, vm)
  else if (vm.phase === 'starting' && refusal)
    becomeRecovering(step, vm, step.nowMs, `it could not go on: ${refusal.message}`)
}
