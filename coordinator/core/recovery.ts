// What becomes of a VM whose copy is lost: a node was fenced, its process was replaced, or a live
// node does not hold it any more. Protected VMs (`ha`) are started elsewhere once the copy surely
// runs no more; others only when it is certain without a lease. Source:
// docs/decisions/0002-who-may-run-a-vm.md.

import { type Fault, fault } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import type { Node, Vm } from './cluster-state.ts'
import { takeOver } from './ha/protection.ts'
import type { Step } from './step-context.ts'
import { becomeFailed, becomeRecovering, becomeStopped, vmsOn } from './vm-doors.ts'

export interface Loss {
  /**
   * Certain without a lease: the process that held the copy is gone, or says that it does not hold
   * it.
   */
  readonly isCertain: boolean
  /** From when on a protected copy surely runs no more. */
  readonly fencedAtMs: number
  readonly why: string
}

/** Every VM on the node is lost. What a migration or clone is doing with it is doubt.ts's. */
export function loseNode(step: Step, node: Node, loss: Loss): void {
  const lost = vmsOn(step, node.live.vmIds)
  const along = new Set(lost.map(({ id }) => id))
  for (const vm of lost) loseCopy(step, vm, loss, along)
}

/** @param along those whose copies are lost at the same time. */
export function loseCopy(step: Step, vm: Vm, loss: Loss, along: ReadonlySet<VmId> = noOther): void {
  // A VM in migration and a clone that is being made are not lost before both ends were asked.
  if (vm.phase === 'migrating' || (vm.phase === 'starting' && vm.migrationId !== undefined)) return
  const isGone = loss.isCertain || vm.spec.ha
  if (vm.phase === 'stopping') {
    if (!isGone) return
    step.state.watched.lost.add(vm.id)
    if (loss.fencedAtMs > step.nowMs) vm.live.fencedAtMs = loss.fencedAtMs
    else becomeStopped(step, vm, loss.why)
  } else if (isGone && loss.fencedAtMs <= step.nowMs && takeOver(step, vm, loss.why, along)) return
  else if (isGone) becomeRecovering(step, vm, loss.fencedAtMs, loss.why)
  else if (vm.phase !== 'failed') becomeFailed(step, vm, waitsFor(vm), true)
}

const noOther: ReadonlySet<VmId> = new Set()

const waitsFor = (vm: Vm): Fault =>
  fault(
    'link-lost',
    `${vm.nodeId} is lost and may still run it: without ha it waits for ${vm.nodeId} to come back`,
  )

/** Time has passed: what was waiting for a fence may be sure now. */
export function fenceLapsed(step: Step, vm: Vm): void {
  const { fencedAtMs } = vm.live
  if (fencedAtMs === undefined || fencedAtMs > step.nowMs) return
  if (vm.phase === 'stopping') becomeStopped(step, vm, 'its node is fenced')
  else if (vm.phase === 'recovering' && !takeOver(step, vm, 'its node is fenced', noOther))
    becomeRecovering(step, vm, fencedAtMs, 'its node is fenced')
}
