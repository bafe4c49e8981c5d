// How fast a guest is while its pages are copied, beside what it was before: from the instructions
// that it has retired. Nobody waits for an answer: what was seen last counts when it has stopped.
// Not here: who is told (source-state.ts). Millions of instructions a second, ms.

import type { Clock } from '#env/env.ts'
import type { MigrationRecord } from '#proto/messages.ts'
import type { HeldVm } from '../held-vms.ts'
import type { Vmm } from '../vmm.ts'

export interface GuestSpeedPorts {
  readonly clock: Clock
  readonly vmm: Vmm
  mipsBefore(vm: HeldVm): number | undefined
}

export class GuestSpeed {
  readonly #vm: HeldVm
  readonly #ports: GuestSpeedPorts
  #first: { readonly atMs: number; readonly instructions: number } | undefined
  #seen: MigrationRecord['guestMips']

  constructor(vm: HeldVm, ports: GuestSpeedPorts) {
    this.#vm = vm
    this.#ports = ports
  }

  get guestMips(): MigrationRecord['guestMips'] {
    return this.#seen
  }

  /** The first look is the beginning, each later one the end so far. */
  look(): void {
    this.#look().catch(() => undefined) // The VM is gone, and with it its speed.
  }

  async #look(): Promise<void> {
    const { vmm, clock, mipsBefore } = this.#ports
    const all = await vmm.stats()
    const instructions = all.find(({ vmId }) => vmId === this.#vm.vmId)?.instructions
    if (instructions === undefined) return
    const [atMs, first, before] = [clock.nowMs(), this.#first, mipsBefore(this.#vm)]
    if (!first) this.#first = { atMs, instructions }
    else if (before !== undefined && atMs > first.atMs) {
      const during = (instructions - first.instructions) / (atMs - first.atMs) / 1000
      this.#seen = { before, during }
    }
  }
}
