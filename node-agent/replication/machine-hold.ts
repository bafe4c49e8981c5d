// What a pCPU is asked to hold back of a VM, and to let go: its run, its lease, its disk writes.
// Not here: when (primary.ts, replica.ts), how (engine/devices/held-disk.ts, engine/pcpu/).

import type { HeldVm } from '../held-vms.ts'
import type { Vmm } from '../vmm.ts'

/** It executes only before that time of this node's clock, in ms. */
export async function allow(vmm: Vmm, vm: HeldVm, untilMs: number): Promise<void> {
  vm.mayRunUntilMs = untilMs
  await vmm.ask(vm, { do: 'allow', untilMs })
}

/** It executes only while the node's lease runs, or also without it, as its spec says. */
export async function setLease(vmm: Vmm, vm: HeldVm): Promise<void> {
  await vmm.ask(vm, { do: 'set-lease', leased: vm.spec.ha })
}

/** From now on what its guest writes to its disk is held. */
export async function holdDisk(vmm: Vmm, vm: HeldVm): Promise<void> {
  await vmm.ask(vm, { do: 'hold-disk' })
}

/** What it wrote since it was asked last. */
export async function takeHeld(vmm: Vmm, vm: HeldVm): Promise<Uint8Array> {
  const { batch } = (await vmm.ask(vm, { do: 'take-held' })) as { batch: Uint8Array }
  return batch
}

/** What was taken is written to the disk, and durable. */
export async function writeHeld(vmm: Vmm, vm: HeldVm): Promise<void> {
  await vmm.ask(vm, { do: 'write-held' })
}

/** All of it is written, and nothing is held from now on. */
export async function releaseDisk(vmm: Vmm, vm: HeldVm): Promise<void> {
  await vmm.ask(vm, { do: 'release-disk' })
}

/** What its primary held, to the disk of a copy that has not run. */
export async function applyBatch(vmm: Vmm, vm: HeldVm, batch: Uint8Array): Promise<void> {
  await vmm.ask(vm, { do: 'apply-batch', batch })
}
