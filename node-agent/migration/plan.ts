// What a migrate or clone command of the coordinator means for the source: the offer it makes and
// how it ends. Not here: whether the command is allowed (desk.ts), what follows (source.ts).

import { asNodeId } from '#proto/ids.ts'
import type { Clone, CloneTarget, Migrate } from '#proto/messages.ts'
import { pagesPerMebibyte } from '#proto/units.ts'
import type { HeldVm } from '../held-vms.ts'
import type { SourcePlan } from './source-state.ts'

/** The VM itself, under its next epoch. */
export function migrationPlan(nodeId: string, vm: HeldVm, command: Migrate): SourcePlan {
  const { vmId, spec, identity, disk } = vm
  return plan(nodeId, vm, command, 'migrate', [
    { vmId, epoch: command.nextEpoch, spec, identity, disk },
  ])
}

/** New VMs from one stream; the parent goes on, on new layers. */
export function clonePlan(nodeId: string, vm: HeldVm, command: Clone): SourcePlan {
  const { parentDisk } = command
  return { ...plan(nodeId, vm, command, 'clone', command.clones), parentDisk }
}

function plan(
  nodeId: string,
  vm: HeldVm,
  command: Migrate | Clone,
  purpose: 'migrate' | 'clone',
  vms: readonly CloneTarget[],
): SourcePlan {
  const { commandId, migrationId, destination, params, kin } = command
  return {
    commandId,
    migrationId,
    vmId: vm.vmId,
    epoch: vm.epoch,
    destination,
    params,
    offer: {
      t: 'offer',
      purpose,
      migrationId,
      sourceNodeId: asNodeId(nodeId),
      vms: [...vms],
      pageCount: vm.spec.memoryMib * pagesPerMebibyte,
      verify: params.verify,
      ...(kin && kin.length > 0 ? { kin } : {}),
    },
  }
}
