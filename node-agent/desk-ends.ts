// How VMs of this node end, or come to a stand: with the lease, with their guest, by an order.
// Pure. Not here: orders (desk.ts), how a machine is taken apart (vmm.ts).

import { type Fault, fault } from '#proto/faults.ts'
import type { CommandId, MigrationId } from '#proto/ids.ts'
import { event } from './desk-answers.ts'
import { leaseFault, replacedFault } from './desk-faults.ts'
import type { DeskEffect, DeskInput, DeskState } from './desk-state.ts'
import { type HeldVm, isLive } from './held-vms.ts'

/**
 * The lease is over. What runs ends, or stands still until the coordinator says what becomes of it;
 * what was to run by its source's word must not, under the next lease.
 */
export function lapse(state: DeskState): DeskEffect[] {
  for (const vm of state.vms.all()) vm.needsVerdict ||= vm.spec.ha && isCopy(vm)
  const stranded = state.vms.all().filter(canStrand)
  for (const vm of stranded) state.vms.becomeStranded(vm)
  const stand = stranded.map((vm): DeskEffect => ({ do: 'strand', vm }))
  return [...stand, ...fence(state, (vm) => vm.spec.ha, leaseFault)]
}

/** All of it is here, nobody else has a part in it, and it is to. */
const canStrand = (vm: HeldVm): boolean =>
  vm.spec.ha &&
  vm.spec.isolation === 'pause' &&
  vm.state === 'running' &&
  vm.launching === undefined &&
  vm.migrationId === undefined &&
  vm.pageSource === undefined &&
  vm.replica === undefined &&
  !vm.snapshotting

const isCopy = ({ state }: HeldVm): boolean => state === 'incoming' || state === 'prepared'

/** Destroys what could run, at once, and keeps the news until the coordinator can hear it. */
export function fence(state: DeskState, who: (vm: HeldVm) => boolean, why: Fault): DeskEffect[] {
  return state.vms
    .all()
    .filter((vm) => isLive(vm) && who(vm))
    .flatMap((vm) => [...destroy(state, vm, why), event(vm, 'fenced', why)])
}

export function loseGuest(
  state: DeskState,
  { vm, reason, detail }: Extract<DeskInput, { on: 'guest-stopped' }>,
): DeskEffect[] {
  if (state.vms.get(vm.vmId) !== vm || !isLive(vm)) return []
  const why = fault(
    reason === 'disk-failed' || reason === 'pages-lost' ? reason : 'guest-crashed',
    `VM ${vm.vmId}: ${detail || reason}`,
  )
  const effects = destroy(state, vm, why)
  if (reason === 'shut-down') return [...effects, event(vm, 'shut-down')]
  if (reason === 'pages-lost') return [...effects, event(vm, 'fenced', why)]
  return [...effects, event(vm, 'crashed', why)]
}

/** Makes way for a copy that a source offers under a newer epoch. */
export const evict = (state: DeskState, vm: HeldVm): DeskEffect[] =>
  destroy(state, vm, replacedFault)

/** Forgets the VM, ends what it takes part in, and has its machine taken apart. */
export function destroy(state: DeskState, vm: HeldVm, why: Fault, by?: CommandId): DeskEffect[] {
  const { migrationId } = vm
  const ended: DeskEffect[] = []
  if (migrationId !== undefined) {
    if (vm.state === 'running')
      ended.push({ do: 'tell-source', migrationId, input: { on: 'vm-lost', fault: why } })
    else ended.push(...settled(state, vm, migrationId, 'runs-there'))
  }
  state.vms.forget(vm)
  return [...ended, { do: 'destroy', vm, ...(by === undefined ? {} : { by }) }]
}

export function settled(
  state: DeskState,
  vm: HeldVm,
  migrationId: MigrationId,
  verdict: 'runs-here' | 'runs-there',
): DeskEffect[] {
  if (vm.state === 'released' || vm.state === 'serving')
    return [{ do: 'tell-source', migrationId, input: { on: 'settled', verdict } }]
  if (vm.state === 'running' && state.outgoing.has(migrationId)) {
    const why = fault('link-lost', 'the coordinator decided that the VM stays where it is')
    return [{ do: 'tell-source', migrationId, input: { on: 'cancel', fault: why } }]
  }
  return [{ do: 'settle-destination', migrationId }]
}
