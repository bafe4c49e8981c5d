// A VM at one instant, for a checkpoint: it stands still while its dirty pages are copied and its
// CPU, devices and held disk writes are taken. Not here: when, and what becomes of it (primary.ts).
// Times in ms of this node's clock.

import { unionOf } from '#engine/memory/page-bitmap.ts'
import type { StateSection } from '#proto/messages.ts'
import type { GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import { stateBytes } from '../migration/hash.ts'
import type { Vmm } from '../vmm.ts'
import { FrozenPages } from './frozen-pages.ts'
import type { HeldOutput, OutputMark } from './held-output.ts'
import { takeHeld } from './machine-hold.ts'

export interface Shot {
  readonly pages: FrozenPages
  readonly sections: readonly StateSection[]
  readonly hash: string
  /** Its disk writes since the shot before. */
  readonly batch: Uint8Array
  /** All that it had said by then. */
  readonly mark: OutputMark
  readonly beganAtMs: number
}

export interface ShotPorts {
  readonly vmm: Vmm
  readonly console: GuestConsole
  readonly output: HeldOutput
  /** Which pages are dirty. */
  readonly log: number
  /** Pages that have to be in it besides those. */
  readonly left: Uint8Array
  readonly beganAtMs: number
}

/** Behind it the VM stands still: who asked for it makes it go on. */
export async function shoot(vm: HeldVm, ports: ShotPorts): Promise<Shot> {
  const { vmm, console, output, log, left, beganAtMs } = ports
  const [taken, captured, batch] = await Promise.all([
    vmm.takeLog(vm, log, 'briefly'),
    vmm.capture(vm),
    takeHeld(vmm, vm),
  ])
  const memory = vmm.mustHave(vm)
  const pages = new FrozenPages(memory, unionOf(left, taken.bitmap))
  // All that the guest said came before the answer to the capture.
  const sections = [...captured, console.capture()]
  const hash = memory.hashBytes(stateBytes(memory.trackedHash(), sections))
  return { pages, sections, hash, batch, mark: output.mark(console.mark()), beganAtMs }
}
