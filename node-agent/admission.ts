// Whether an arriving copy may stay, and run: pure. Every refusal is a named fault; the VM goes on
// at its source. A copy that is here already under an older epoch and does not run is stale,
// because the source proves by its offer that the VM went on elsewhere: it makes way. Not here:
// what happens after (migration/destination.ts). Sizes in MiB and pages of 4,096 bytes.

import { type Fault, fault } from '#proto/faults.ts'
import type { CloneTarget, Offer, ReplicaOffer } from '#proto/messages.ts'
import { pagesPerMebibyte } from '#proto/units.ts'
import { evict } from './desk-ends.ts'
import { closingFault, noRoom, staleEpoch } from './desk-faults.ts'
import type { DeskEffect, DeskState } from './desk-state.ts'
import { type HeldVm, isLive } from './held-vms.ts'

export type Admission =
  | { readonly admitted: readonly HeldVm[]; readonly effects: readonly DeskEffect[] }
  | { readonly fault: Fault }

/** Takes the offered VMs in as `incoming`, or refuses and changes nothing. */
export function admit(state: DeskState, offer: Offer, hasLease: boolean): Admission {
  const refusal = refuse(state, offer, hasLease)
  if (refusal) return { fault: refusal }
  const stale = offer.vms.flatMap((vm) => state.vms.get(vm.vmId) ?? [])
  const effects = stale.flatMap((vm) => evict(state, vm))
  const admitted = offer.vms.map((vm) => state.vms.becomeIncoming(vm, offer.migrationId))
  state.vms.assertInvariants()
  return { admitted, effects }
}

/** Takes the replica of a VM that runs elsewhere in, or refuses and changes nothing. */
export function admitReplica(
  state: DeskState,
  { vm: order, migrationId, pageCount }: ReplicaOffer,
): { readonly vm: HeldVm; readonly effects: readonly DeskEffect[] } | { readonly fault: Fault } {
  if (state.closing) return { fault: closingFault }
  if (pageCount !== order.spec.memoryMib * pagesPerMebibyte)
    return { fault: fault('incompatible', `${pageCount} pages are not its memory`) }
  const held = state.vms.get(order.vmId)
  // One that was left over of an earlier replica makes way; nothing else does.
  if (held && (held.state !== 'replica' || held.launching !== undefined))
    return { fault: fault('wrong-state', `VM ${order.vmId} is ${held.state} here`) }
  if (held && held.epoch > order.epoch) return { fault: staleEpoch(held, order.epoch) }
  const { memoryMib } = order.spec
  if (!state.vms.hasRoomFor(memoryMib - (held?.spec.memoryMib ?? 0)))
    return { fault: noRoom(state, memoryMib) }
  const effects = held ? evict(state, held) : []
  return { vm: state.vms.becomeReplica(order, migrationId), effects }
}

/** Whether a complete copy may begin to run here, by the word of its source. */
export function mayLaunch(
  { nodeId }: Pick<DeskState, 'nodeId'>,
  vm: HeldVm,
  hasLease: boolean,
): Fault | undefined {
  if (!vm.spec.ha) return undefined
  if (!hasLease)
    return fault('lease-lost', `node ${nodeId} holds no lease now, so it may not run ${vm.vmId}`)
  if (!vm.needsVerdict) return undefined
  const why = 'lost its lease meanwhile: only the coordinator may have it run'
  return fault('lease-lost', `node ${nodeId}, which was to run ${vm.vmId}, ${why}`)
}

function refuse(state: DeskState, offer: Offer, hasLease: boolean): Fault | undefined {
  if (state.closing) return fault('shutting-down', `node ${state.nodeId} is shutting down`)
  const [first] = offer.vms
  if (!first) return fault('bad-message', 'an offer of no VM')
  const odd = offer.vms.find((vm) => !isLike(vm, first))
  if (odd || (offer.purpose === 'migrate' && offer.vms.length > 1))
    return fault('incompatible', 'one stream makes one VM, or clones of one size and clock')
  if (new Set(offer.vms.map((vm) => vm.vmId)).size !== offer.vms.length)
    return fault('incompatible', 'two VMs of this offer have the same name')
  if (offer.pageCount !== first.spec.memoryMib * pagesPerMebibyte)
    return fault(
      'incompatible',
      `${offer.pageCount} pages are offered for ${first.spec.memoryMib} MiB`,
    )
  if (first.spec.ha && !hasLease)
    return fault('lease-lost', `node ${state.nodeId} holds no lease now; try again in a moment`)
  return refuseHeld(state, offer) ?? refuseSize(state, offer, first)
}

function refuseHeld(state: DeskState, offer: Offer): Fault | undefined {
  for (const { vmId, epoch } of offer.vms) {
    const held = state.vms.get(vmId)
    if (!held) continue
    if (held.epoch >= epoch)
      return fault(
        'stale-epoch',
        `VM ${vmId} is here under epoch ${held.epoch}, offered under ${epoch}`,
      )
    // The VM lives on the pages of a copy that serves: nothing may take their place.
    if (isLive(held) || held.state === 'serving')
      return fault('wrong-state', `VM ${vmId} is ${held.state} on node ${state.nodeId}`)
  }
  return undefined
}

function refuseSize(state: DeskState, offer: Offer, first: CloneTarget): Fault | undefined {
  const freed = offer.vms.reduce(
    (sum, vm) => sum + (state.vms.get(vm.vmId)?.spec.memoryMib ?? 0),
    0,
  )
  const wanted = first.spec.memoryMib * offer.vms.length
  return state.vms.hasRoomFor(wanted - freed) ? undefined : noRoom(state, wanted)
}

const isLike = (vm: CloneTarget, other: CloneTarget): boolean =>
  vm.spec.memoryMib === other.spec.memoryMib && vm.spec.clock === other.spec.clock
