// Measures the VMs of this node at a steady pace: pCPU statistics and dirty logs in, VmLoads out.
// Not here: the arithmetic (load.ts), who reads it (heartbeats, metrics). Times in ms.

import type { VmStats } from '#engine/vm-config.ts'
import type { Clock, Log } from '#env/env.ts'
import type { VmLoad } from '#proto/messages.ts'
import { busyPages, DirtyMeter, shortMs } from './dirty-meter.ts'
import { type HeldVm, isLive } from './held-vms.ts'
import { type LoadLook, loadBetween } from './load.ts'
import type { Machine, Vmm } from './vmm.ts'

/**
 * Taking a dirty log costs the guest a TLB miss a page: twice a second is nothing, and quick enough
 * for placement.
 */
export const sampleMs = 500

interface Measured {
  look: LoadLook
  /** Of the dirty log that is open for this purpose. */
  log: number
  load: VmLoad | undefined
  readonly dirty: DirtyMeter
}

export class LoadMeter {
  readonly #clock: Clock
  readonly #log: Log
  readonly #vmm: Vmm
  readonly #measured = new Map<HeldVm, Measured>()

  constructor(clock: Clock, log: Log, vmm: Vmm) {
    this.#clock = clock
    this.#log = log
    this.#vmm = vmm
  }

  loadOf(vm: HeldVm): VmLoad | undefined {
    return this.#measured.get(vm)?.load
  }

  forget(vm: HeldVm): void {
    this.#measured.delete(vm)
  }

  loads(): VmLoad[] {
    return [...this.#measured.values()].flatMap(({ load }) => load ?? [])
  }

  /** One look at every VM that runs. */
  async sample(): Promise<void> {
    const stats = new Map((await this.#vmm.stats()).map((of) => [of.vmId, of]))
    const atMs = this.#clock.nowMs()
    const looks = this.#vmm.machines().flatMap((machine) => {
      const found = stats.get(machine.vm.vmId)
      return found && isLive(machine.vm) ? [this.#look(machine, { atMs, stats: found })] : []
    })
    await Promise.all(looks)
  }

  /** How much of it is written at once: what is left of this look follows. */
  #lookShortly(vm: HeldVm, measured: Measured): void {
    const sinceMs = this.#clock.nowMs()
    this.#clock.wakeAt(sinceMs + shortMs, () => {
      if (this.#measured.get(vm) !== measured || !isLive(vm)) return
      this.#vmm.takeLog(vm, measured.log, false).then(
        ({ bitmap, pages }) =>
          measured.dirty.seeShort(bitmap, { pages, ms: this.#clock.nowMs() - sinceMs }),
        () => undefined, // The next look will tell.
      )
    })
  }

  /** The VM stopped running while its log was opened: it may run again, and has few of them. */
  async #close(vm: HeldVm, log: number): Promise<void> {
    this.#measured.delete(vm)
    await this.#vmm.closeLog(vm, log)
  }

  async #look({ vm, memory }: Machine, look: LoadLook): Promise<void> {
    try {
      const measured = this.#measured.get(vm)
      if (!measured || went(look.stats, measured.look.stats)) {
        const log = measured?.log ?? (await this.#vmm.openLog(vm))
        const dirty = new DirtyMeter()
        if (isLive(vm)) this.#measured.set(vm, { look, log, load: undefined, dirty })
        else await this.#close(vm, log)
        return
      }
      const { dirty, look: before } = measured
      const taken = await this.#vmm.takeLog(vm, measured.log, false)
      const pages = dirty.see(taken.bitmap, taken.pages, Math.max(look.atMs - before.atMs, 1))
      const load = loadBetween(before, look, pages, memory.touchedBytes())
      measured.load = { ...load, dirtyCurve: dirty.curve() }
      measured.look = look
      if (pages >= busyPages) this.#lookShortly(vm, measured)
    } catch (thrown) {
      // The VM left between the question and the answer; anything else shows here.
      this.#log.debug('no load measured', { vmId: vm.vmId, error: String(thrown) })
    }
  }
}

/** Statistics that run backwards are those of another machine of the same name. */
const went = (now: VmStats, before: VmStats): boolean => now.ranMs < before.ranMs
