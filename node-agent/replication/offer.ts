// What the primary of a VM offers to the node of its replica. Not here: what that says to it
// (../admission.ts, replica.ts), rights and waits (protocol.ts). Ms.

import { asNodeId } from '#proto/ids.ts'
import type { MachineKind, ReplicaOffer, Replicate } from '#proto/messages.ts'
import { pagesPerMebibyte } from '#proto/units.ts'
import type { HeldVm } from '../held-vms.ts'
import { replicaLeaseMs } from './protocol.ts'

/** The primary's right to run after each checkpoint; 0: as long as its node's lease. */
export const leaseOf = ({ continuous, everyMs }: Replicate): number =>
  continuous ? replicaLeaseMs(everyMs) : 0

export function offerOf(
  { vmId, epoch, spec, identity, disk }: HeldVm,
  order: Replicate,
  nodeId: string,
  machine: MachineKind,
): ReplicaOffer {
  return {
    t: 'replica-offer',
    migrationId: order.replicaId,
    sourceNodeId: asNodeId(nodeId),
    vm: { vmId, epoch, spec, identity, disk },
    pageCount: spec.memoryMib * pagesPerMebibyte,
    machine,
    everyMs: order.everyMs,
    leaseMs: leaseOf(order),
  }
}
