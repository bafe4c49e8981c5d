// Gives a VM's disk other layers below the same top, with the same in them: between two slices, so
// that no request is half done. The VM need not stand still. Whatever fails, its disk is as it was.
// Not here: the layers (devices/layered-disk.ts), another top (pcpu.ts).
// A refusal is an Error with a message for a person.

import type { BlockBackend } from '../devices/block-backend.ts'
import type { DiskToOpen } from '../pcpu.ts'
import type { ScheduledVm } from './scheduled-vm.ts'

/** @param openDisk for one that is not open: it is seen that it can be. */
export function swapLayers(
  vm: ScheduledVm,
  layers: readonly string[],
  openDisk: (disk: DiskToOpen) => BlockBackend,
): undefined {
  const { disk, vmId, epoch } = vm.config
  if (disk === undefined) throw new Error(`VM ${vmId} has no disk to change.`)
  if (layers.at(-1) !== disk.layers.at(-1))
    throw new Error(`VM ${vmId} writes to another layer by now: ${disk.layers.at(-1)}.`)
  const swapped = { ...disk, layers }
  if (vm.disk.isOpen) vm.disk.swapSealed(layers.slice(0, -1))
  else if (vm.state.is !== 'stopped') openDisk({ ...swapped, epoch }).close()
  vm.config = { ...vm.config, disk: swapped }
}
