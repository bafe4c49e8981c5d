// What a machine is made of: the config of a held VM for the engine, and what cannot boot at all.
// Not here: which machines there are (vmm.ts). Sizes in bytes.

import { BootError } from '#engine/boot-error.ts'
import { type BootImage, layOut } from '#engine/boot-layout.ts'
import { ordinaryBytes, refuseTooLarge } from '#engine/screen.ts'
import type { VmConfig } from '#engine/vm-config.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { readScreenSize, type ScreenSize } from '#proto/screen.ts'
import { mebibyte } from '#proto/units.ts'
import type { HeldVm } from './held-vms.ts'
import type { Machine } from './vmm.ts'

const screenOf = ({ screen }: HeldVm['spec']): ScreenSize | undefined =>
  screen === undefined ? undefined : readScreenSize(screen)

/** Before memory is made for it. Throws a FaultError. */
export function refuseWhatCannotBoot({ spec, vmId }: HeldVm, image: BootImage): void {
  try {
    const [ramBytes, screen] = [spec.memoryMib * mebibyte, screenOf(spec)]
    refuseTooLarge(ramBytes, screen)
    layOut(image, ordinaryBytes(ramBytes, screen), spec.boot)
  } catch (thrown) {
    if (!(thrown instanceof BootError)) throw thrown
    throw new FaultError(fault(thrown.code, `VM ${vmId}: ${thrown.message}`))
  }
}

export function configOf({ vm, memory }: Machine): VmConfig {
  const { vmId, spec, identity, epoch, disk } = vm
  const screen = screenOf(spec)
  return {
    vmId,
    memory: memory.memory,
    ramBytes: memory.ramBytes,
    args: spec.args,
    clock: spec.clock,
    boot: spec.boot,
    identity,
    cpuShares: spec.cpuShares,
    cpuCapPercent: spec.cpuCapPercent,
    leased: spec.ha,
    ...(disk.layers.length > 0 ? { disk } : {}),
    ...(spec.heartbeatMs === undefined ? {} : { heartbeatMs: spec.heartbeatMs }),
    epoch,
    network: spec.network !== false,
    ...(screen && { screen }),
  }
}
