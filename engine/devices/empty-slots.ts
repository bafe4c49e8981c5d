// The virtio-mmio slots in which this VM has no device: registers that say so, and take nothing.
// A guest that looks at every slot of the map, instead of into the device tree, finds that there is
// nothing, as on QEMU's `virt`, instead of getting an access fault.
// Not here: slots with a device (virtio-mmio.ts). No state, and no section.
// Source: Virtual I/O Device (VIRTIO) 1.2, section 4.2.3.1.1: a device ID of 0 stands for a place
// without a device, of which the driver must touch no other register.

import { virtioRegion, virtioSlots } from './memory-map.ts'
import type { MmioDevice } from './mmio.ts'
import { registers, virtioMagic, virtioMmioVersion, virtioVendorId } from './virtio-registers.ts'

/** All slots of the map but those that are taken. */
export function emptySlots(
  taken: readonly (readonly [slot: number, device: unknown])[],
): MmioDevice[] {
  const isFree = (slot: number) => taken.every(([other]) => other !== slot)
  return Array.from({ length: virtioSlots }, (_, slot) => slot)
    .filter(isFree)
    .map(emptySlot)
}

const emptySlot = (slot: number): MmioDevice => ({
  region: virtioRegion(slot),
  read: (offset, size) => (size === 4 ? registerOf(offset) : undefined),
  write: (_offset, size) => size === 4,
})

function registerOf(offset: number): number {
  if (offset === registers.magic) return virtioMagic
  if (offset === registers.vendorId) return virtioVendorId
  return offset === registers.version ? virtioMmioVersion : 0
}
