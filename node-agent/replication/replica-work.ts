// The desk's effects on replicas, carried out: what was asked, and its answer to the desk. Not
// here: decisions (../desk.ts), the two ends (primary.ts, replica.ts).

import { faultOf } from '#proto/faults.ts'
import type { DeskEffect, DeskInput } from '../desk-state.ts'
import type { HeldVm } from '../held-vms.ts'
import type { Vmm } from '../vmm.ts'
import { setLease } from './machine-hold.ts'
import type { Replication } from './replication.ts'

export type ReplicaEffect = Extract<
  DeskEffect,
  { do: 'replicate' | 'end-replication' | 'set-lease' | 'take-over' }
>

export interface ReplicaWorkPorts {
  readonly vmm: Vmm
  readonly replication: Replication
  desk(input: DeskInput): void
  /** It begins to run here. */
  thaw(vm: HeldVm): void
}

export function carryOutReplica(effect: ReplicaEffect, ports: ReplicaWorkPorts): void {
  const { replication, vmm } = ports
  const { vm } = effect
  if (effect.do === 'replicate') replication.begin(vm, effect.order)
  else if (effect.do === 'take-over') takeOver(effect, ports)
  else answer(effect.by, effect.do === 'set-lease' ? setLease(vmm, vm) : replication.end(vm), ports)
}

/** What makes a VM run or stand still: not while a checkpoint of it is taken. */
export function stir(
  effect: Extract<DeskEffect, { do: 'pause' | 'resume' | 'balloon' | 'strand' }>,
  { vmm, replication }: Pick<ReplicaWorkPorts, 'vmm' | 'replication'>,
): Promise<void> {
  const { vm } = effect
  return replication.between(vm, () => {
    if (effect.do === 'balloon') return vmm.balloon(vm, effect.targetPages)
    return effect.do === 'resume' ? vmm.resume(vm) : vmm.pause(vm)
  })
}

function answer(
  by: Extract<DeskInput, { on: 'done' }>['by'],
  work: Promise<void>,
  { desk }: ReplicaWorkPorts,
): void {
  work.then(
    () => desk({ on: 'done', by }),
    (thrown) => desk({ on: 'done', by, fault: faultOf(thrown) }),
  )
}

function takeOver(
  { vm, epoch, by }: Extract<ReplicaEffect, { do: 'take-over' }>,
  { replication, desk, thaw }: ReplicaWorkPorts,
): void {
  replication.takeOver(vm, epoch).then(
    (tookOver) => {
      desk({ on: 'launched', vm, epoch, by, tookOver })
      thaw(vm)
    },
    (thrown) => desk({ on: 'launched', vm, epoch, by, fault: faultOf(thrown) }),
  )
}
