// The last step of every copy that begins to run on this node, moved or cloned: its state, if it
// has not got it, the time that has passed, and its first instruction. Not here: whether it may run
// (migration/destination-run.ts, cloning/local-clone.ts). Times in ms.

import { type Fault, faultOf } from '#proto/faults.ts'
import type { StateSection } from '#proto/messages.ts'
import type { HeldVm } from './held-vms.ts'
import type { Vmm } from './vmm.ts'

export interface LaunchPorts {
  readonly vmm: Vmm
  launched(vm: HeldVm, fault: Fault | undefined): void
}

export interface Launch {
  /** Unless it has them. */
  readonly sections?: readonly StateSection[]
  /** Real time since it stood still, which the guest finds passed. */
  readonly elapsedMs: number
  /** It finds itself somebody else. */
  readonly isClone: boolean
}

export async function launch(
  vm: HeldVm,
  { sections, elapsedMs, isClone }: Launch,
  { vmm, launched }: LaunchPorts,
): Promise<void> {
  vm.launching = vm.epoch
  try {
    // Posted together: the pCPU does them in this order.
    await Promise.all([
      sections && vmm.restore(vm, sections),
      isClone ? vmm.rebrand(vm) : undefined,
      vmm.resume(vm, elapsedMs),
    ])
  } catch (thrown) {
    launched(vm, faultOf(thrown))
    throw thrown
  }
  launched(vm, undefined)
}
