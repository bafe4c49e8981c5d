// Why the desk refuses, or what ended a VM: faults with the sentence that names the mend.
// Not here: when it does (desk.ts).

import { type Fault, fault } from '#proto/faults.ts'
import type { Epoch, MigrationId, VmId } from '#proto/ids.ts'
import type { DeskState } from './desk-state.ts'
import type { HeldVm } from './held-vms.ts'

export const leaseFault = fault(
  'lease-lost',
  'the node could not renew its lease in time and stopped the VM itself; it starts elsewhere',
)
export const closingFault = fault('shutting-down', 'the node is shutting down; choose another one')
export const stoppedFault = fault('cancelled', 'the VM was stopped meanwhile; start it again')
export const replacedFault = fault('stale-epoch', 'the VM was started under a newer epoch')

export const unknownVm = (nodeId: string, vmId: VmId): Fault =>
  fault('unknown-vm', `node ${nodeId} does not hold VM ${vmId}; look where it is now`)

export const staleEpoch = (vm: HeldVm, epoch: Epoch): Fault =>
  fault('stale-epoch', `VM ${vm.vmId} is here under epoch ${vm.epoch}, the order was for ${epoch}`)

export const wrongState = (vm: HeldVm, what: string): Fault =>
  fault(
    'wrong-state',
    `VM ${vm.vmId} is ${vm.state}${vm.migrationId ? ' in a migration' : ''}` +
      `${vm.snapshotting ? ' and being taken as a snapshot' : ''} ` +
      `and cannot be ${what} now`,
  )

/** Of a copy that its source must complete: while that is linked, its `run` may be under way. */
export const incompleteFault = ({ vmId, pageSource }: HeldVm): Fault =>
  pageSource === 'linked'
    ? fault('wrong-state', `VM ${vmId} waits for its source, which has its last pages`)
    : fault('pages-lost', `VM ${vmId} is not complete, and its source cannot be reached`)

/** The fault of a node that is full. */
export const noRoom = (
  { nodeId, vms }: Pick<DeskState, 'nodeId' | 'vms'>,
  memoryMib: number,
): Fault =>
  fault(
    'no-room',
    `${memoryMib} MiB do not fit on node ${nodeId}: ${vms.reservedMib} of ` +
      `${vms.memoryMibMax} MiB are taken. Choose another node or stop something.`,
  )

export const cancelledFault: Fault = fault(
  'cancelled',
  'the migration was cancelled; the VM goes on where it was',
)

export const unknownSource = (nodeId: string, migrationId: MigrationId): Fault =>
  fault('unknown-migration', `no migration ${migrationId} is under way from ${nodeId}`)
