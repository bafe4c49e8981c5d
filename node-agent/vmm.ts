// The machines of this node: which pCPU runs which VM, and its RAM as the agent's thread reads and
// writes it. A machine belongs to one HeldVm object: a VM that is stopped and started again is
// another machine, and a late answer or event of the old one reaches nobody.
// Not here: whether a VM may run (desk.ts, lease.ts), what its pages are sent as (migration/).
// Sizes in bytes, ms.

import type { BootImage } from '#engine/boot-layout.ts'
import { longPieces } from '#engine/boot-plan.ts'
import type { PreservedPages } from '#engine/cpu/core-port.ts'
import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import type { PageSource } from '#engine/memory/page-source.ts'
import { Pager } from '#engine/memory/pager.ts'
import type { PcpuAnswers, PcpuCommand, PcpuEvent, VmStats } from '#engine/vm-config.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { Epoch } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { StateSection } from '#proto/messages.ts'
import { mebibyte } from '#proto/units.ts'
import { type DiskRef, ownImage } from '#proto/vm-spec.ts'
import type { HeldVm } from './held-vms.ts'
import { configOf, refuseWhatCannotBoot } from './machine-config.ts'
import type { PcpuHandle } from './pcpu-handle.ts'

export interface VmmPorts {
  readonly pcpus: readonly PcpuHandle[]
  createMemory(ramBytes: number): GuestMemory
  /** Memory that nobody uses any more. */
  recycle(memory: GuestMemory): void
  /** An image that the node has. */
  image(name: string): Promise<BootImage>
}

export interface Machine {
  readonly vm: HeldVm
  readonly pcpu: PcpuHandle
  readonly memory: GuestMemory
}

/** Told which VMs execute instructions here: before the first one, and after the last one. */
export interface MachineWatch {
  begins(vm: HeldVm): void
  ends(vm: HeldVm): void
}

interface Paging {
  readonly pager: Pager
  readonly whole: Promise<void>
}

/** What a VM-bound command needs besides the VM. */
type OnVm<C> = C extends { readonly vmId: string } ? Omit<C, 'vmId'> : never
export type VmCommand = OnVm<PcpuCommand>

export class Vmm {
  readonly #ports: VmmPorts
  readonly #machines = new Map<HeldVm, Machine>()
  readonly #leaving = new Map<string, Promise<void>>()
  /** VMs that were destroyed, perhaps before their machine was built: then it never is. */
  readonly #gone = new WeakSet<HeldVm>()
  /** Of machines whose RAM is not all here yet. */
  readonly #pagers = new Map<HeldVm, Paging>()

  /** Their clones may live on their memory. */
  readonly #forked = new WeakSet<HeldVm>()
  /** Of those that are gone since: as long as a clone does. */
  readonly #outlived = new Map<HeldVm, GuestMemory>()
  #watch: MachineWatch | undefined

  constructor(ports: VmmPorts) {
    this.#ports = ports
  }

  watch(watch: MachineWatch): void {
    this.#watch = watch
  }

  /** A machine with its image loaded, paused before the first instruction. Throws FaultErrors. */
  async boot(vm: HeldVm): Promise<void> {
    const image = await this.#ports.image(vm.spec.image)
    refuseWhatCannotBoot(vm, image)
    await this.#leaving.get(vm.vmId)
    const machine = this.#build(vm)
    // Whole systems fill it; ours, of which there are many, touch some pages.
    if (vm.spec.image !== ownImage) machine.memory.expectWhole()
    await this.#fill(machine, image)
  }

  /** A long image goes in piece by piece: other guests of its pCPU run in between. */
  async #fill(machine: Machine, image: BootImage): Promise<void> {
    const { vm, pcpu } = machine
    const [{ vmId }, config] = [vm, configOf(machine)]
    const pieces = [...longPieces(image, config)]
    if (pieces.length === 0)
      return void (await pcpu.ask({ do: 'attach', config, start: 'boot', image }))
    await pcpu.ask({ do: 'attach', config, start: 'empty' })
    for (const piece of pieces) {
      if (this.#gone.has(vm)) throw stoppedMeanwhile(vm)
      await pcpu.ask({ do: 'load', vmId, piece })
    }
    if (this.#gone.has(vm)) throw stoppedMeanwhile(vm)
    await pcpu.ask({ do: 'boot', vmId, image })
  }

  /** Boots a guest again that has reset itself. */
  async bootAgain(vm: HeldVm): Promise<void> {
    const image = await this.#ports.image(vm.spec.image)
    await this.ask(vm, { do: 'reboot', image })
  }

  /** An empty machine of the VM's shape, for a copy that arrives. */
  async openCopy(vm: HeldVm): Promise<GuestMemory> {
    const { memory, attached } = await this.openAhead(vm)
    await attached
    return memory
  }

  /** The same for who does not wait: what is asked of it next, its pCPU does behind `attached`. */
  async openAhead(
    vm: HeldVm,
  ): Promise<{ readonly memory: GuestMemory; readonly attached: Promise<undefined> }> {
    await this.#leaving.get(vm.vmId)
    const machine = this.#build(vm)
    const { pcpu, memory } = machine
    const attached = pcpu.ask({ do: 'attach', config: configOf(machine), start: 'empty' })
    return { memory, attached }
  }

  /** Resolves when no further instruction of it retires and its disk is closed. */
  async destroy(vm: HeldVm): Promise<void> {
    this.#gone.add(vm)
    const machine = this.#machines.get(vm)
    if (!machine) return
    this.#watch?.ends(vm)
    this.#machines.delete(vm)
    this.#pagers.get(vm)?.pager.stop()
    const { vmId } = vm
    // A pCPU that died or never attached it holds nothing: that is what was wanted.
    const gone = machine.pcpu.ask({ do: 'detach', vmId }).then(
      () => this.#recycle(machine),
      () => undefined,
    )
    this.#leaving.set(vmId, gone)
    await gone
    if (this.#leaving.get(vmId) === gone) this.#leaving.delete(vmId)
  }

  #recycle({ vm, memory }: Machine): void {
    if (this.#forked.has(vm)) this.#outlived.set(vm, memory)
    else this.#ports.recycle(memory)
  }

  async pause(vm: HeldVm): Promise<void> {
    await this.ask(vm, { do: 'pause' })
  }

  /** `elapsedMs`: since its state was captured; its guest finds them passed. */
  async resume(vm: HeldVm, elapsedMs = 0): Promise<void> {
    if (this.#machines.has(vm)) this.#watch?.begins(vm)
    await this.ask(vm, { do: 'resume', elapsedMs })
  }

  /** Asks the guest of a running VM to give up so many pages. */
  async balloon(vm: HeldVm, targetPages: number): Promise<void> {
    await this.ask(vm, { do: 'balloon', targetPages })
  }

  /** At most so much of a core, until told otherwise. */
  async throttle(vm: HeldVm, cpuCapPercent: number): Promise<void> {
    const { cpuShares } = vm.spec
    await this.ask(vm, { do: 'weigh', cpuShares, cpuCapPercent })
  }

  /** Runs a complete copy, or goes on with one that runs, under another epoch. */
  async launch(vm: HeldVm, epoch: Epoch): Promise<void> {
    await this.ask(vm, { do: 'pause' })
    await this.changeDisk(vm, vm.disk, epoch)
    await this.resume(vm)
  }

  /** Of a paused VM. The new layers are opened when it goes on. `isMade`: the top is made now. */
  async changeDisk(vm: HeldVm, disk: DiskRef, epoch: Epoch, isMade = false): Promise<void> {
    if (disk.layers.length > 0)
      await this.ask(vm, { do: 'change-disk', layers: disk.layers, epoch, isMade })
  }

  /** Of one that runs or is paused: other layers below the same top, with the same in them. */
  async swapLayers(vm: HeldVm, { layers }: DiskRef): Promise<void> {
    await this.ask(vm, { do: 'swap-layers', layers })
  }

  async openLog(vm: HeldVm): Promise<number> {
    const { log } = (await this.ask(vm, { do: 'open-log' })) as { log: number }
    return log
  }

  async takeLog(
    vm: HeldVm,
    log: number,
    pause: boolean | 'briefly',
  ): Promise<PcpuAnswers['take-log']> {
    const taken = await this.ask(vm, { do: 'take-log', log, pause: pause !== false })
    // Of a clone's parent too: it begins again in a moment. For a checkpoint it does not end.
    if (pause === true) this.#watch?.ends(vm)
    return taken as never
  }

  async closeLog(vm: HeldVm, log: number): Promise<void> {
    await this.ask(vm, { do: 'close-log', log })
  }

  async capture(vm: HeldVm): Promise<StateSection[]> {
    const { sections } = (await this.ask(vm, { do: 'capture' })) as { sections: StateSection[] }
    return sections
  }

  /** The kinds and versions of what a capture would give; of a VM that runs, too. */
  async describe(vm: HeldVm): Promise<{ readonly kind: string; readonly version: number }[]> {
    const { sections } = (await this.ask(vm, { do: 'describe' })) as never
    return sections
  }

  async restore(vm: HeldVm, sections: readonly StateSection[]): Promise<void> {
    await this.ask(vm, { do: 'restore', sections })
  }

  /**
   * Restores, then captures again: what is in the machine now, and not only what arrived. `tookMs`:
   * of that the capture alone.
   */
  async restoredAs(
    vm: HeldVm,
    sections: readonly StateSection[],
  ): Promise<{ readonly sections: StateSection[]; readonly tookMs: number }> {
    // Posted together: nobody waits for this thread in between.
    const restored = this.restore(vm, sections)
    const [captured] = await Promise.all([this.ask(vm, { do: 'capture' }), restored])
    return captured as never
  }

  /** The VM is the one its identity says, and its guest is told. */
  async rebrand(vm: HeldVm): Promise<void> {
    await this.ask(vm, { do: 'rebrand', identity: vm.identity })
  }

  /** @returns below which offset all input has been taken. */
  async input(vm: HeldVm, offset: number, bytes: Uint8Array, to?: 'screen'): Promise<number> {
    const where = to ? { to } : {}
    const { accepted } = (await this.ask(vm, { do: 'input', ...where, offset, bytes })) as never
    return accepted
  }

  /**
   * Brings the absent pages of this VM, those it waits for first; it may run meanwhile. Resolves
   * when none is absent, or the VM is gone; rejects when the source has lost them.
   */
  async bringPages(
    vm: HeldVm,
    source: PageSource,
    how: 'now' | 'as-touched' = 'now',
  ): Promise<void> {
    const machine = this.#machines.get(vm)
    if (!machine) throw stoppedMeanwhile(vm)
    const present = (pages: Uint32Array) => {
      this.ask(vm, { do: 'present', pages }).catch(() => undefined) // It is gone: nobody waits.
    }
    const pager = new Pager({ memory: machine.memory, source, present, how })
    const whole = pager.run().then(() => undefined)
    this.#pagers.set(vm, { pager, whole })
    await whole.finally(() => this.#pagers.delete(vm))
  }

  /** The VM waits for an absent page. False: nobody brings it pages. */
  pageTouched(vm: HeldVm, page: number): boolean {
    const paging = this.#pagers.get(vm)
    paging?.pager.touched(page)
    if (paging || !this.#machines.get(vm)) return true
    if (this.memoryOf(vm)?.isAbsent(page)) return false
    // The last page came while the news was under way.
    this.ask(vm, { do: 'present', pages: Uint32Array.of(page) }).catch(() => undefined)
    return true
  }

  /** Somebody besides its guest waits for these absent pages. */
  wantPages(vm: HeldVm, pages: readonly number[]): void {
    for (const page of pages) this.#pagers.get(vm)?.pager.touched(page)
  }

  /** Resolves when all of its RAM is here: before that nobody can copy it. */
  async whole(vm: HeldVm): Promise<void> {
    const paging = this.#pagers.get(vm)
    paging?.pager.complete()
    await paging?.whole
  }

  /** Captures it and lets an image share its pages; it goes on, on this disk if one is given. */
  async fork(
    vm: HeldVm,
    image: PreservedPages,
    disk: DiskRef | undefined,
  ): Promise<{ readonly sections: StateSection[]; readonly pausedMs: number }> {
    const { layers } = disk ?? { layers: [] }
    this.#forked.add(vm)
    const onDisk = layers.length > 0 ? { disk: { layers, epoch: vm.epoch } } : {}
    return (await this.ask(vm, { do: 'fork', image, ...onDisk })) as never
  }

  /** No clone lives on its memory any more. */
  async unshare(vm: HeldVm): Promise<void> {
    this.#forked.delete(vm)
    const memory = this.#outlived.get(vm)
    this.#outlived.delete(vm)
    if (memory) this.#ports.recycle(memory)
    else await this.ask(vm, { do: 'unshare' })
  }

  /** Hands Ethernet frames to its guest. */
  async deliver(vm: HeldVm, frames: readonly Uint8Array[]): Promise<PcpuAnswers['frames']> {
    return (await this.ask(vm, { do: 'frames', frames })) as never
  }

  /** Its RAM; throws a FaultError when it has gone. */
  mustHave(vm: HeldVm): GuestMemory {
    const memory = this.memoryOf(vm)
    if (memory) return memory
    throw stoppedMeanwhile(vm)
  }

  memoryOf(vm: HeldVm): GuestMemory | undefined {
    return this.#machines.get(vm)?.memory
  }

  /** The VM that an event of this pCPU is about, unless it is of a machine that is gone. */
  eventVm(pcpu: number, event: PcpuEvent): HeldVm | undefined {
    for (const { vm, pcpu: own } of this.#machines.values())
      if (vm.vmId === event.vmId && own.index === pcpu) return vm
    return undefined
  }

  vmsOn(pcpu: number): HeldVm[] {
    return [...this.#machines.values()].filter((m) => m.pcpu.index === pcpu).map(({ vm }) => vm)
  }

  machines(): Machine[] {
    return [...this.#machines.values()]
  }

  async stats(): Promise<VmStats[]> {
    const alive = this.#ports.pcpus.filter((pcpu) => !pcpu.isDead)
    const answers = await Promise.all(alive.map((pcpu) => pcpu.ask({ do: 'stats' })))
    return answers.flatMap(({ vms }) => vms)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#ports.pcpus.map((pcpu) => pcpu.stop()))
  }

  #build(vm: HeldVm): Machine {
    if (this.#gone.has(vm)) throw stoppedMeanwhile(vm)
    invariant(!this.#machines.has(vm), `VM ${vm.vmId} has a machine already`)
    const memory = this.#createMemory(vm)
    const machine = { vm, pcpu: this.#leastLoaded(), memory }
    this.#machines.set(vm, machine)
    return machine
  }

  #createMemory(vm: HeldVm): GuestMemory {
    try {
      return this.#ports.createMemory(vm.spec.memoryMib * mebibyte)
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown)
      throw new FaultError(
        fault(
          'no-room',
          `the process got no ${vm.spec.memoryMib} MiB: ${why}; use a smaller --memory`,
        ),
      )
    }
  }

  #leastLoaded(): PcpuHandle {
    const alive = this.#ports.pcpus.filter((pcpu) => !pcpu.isDead)
    const load = alive.map((pcpu) =>
      this.vmsOn(pcpu.index).reduce((sum, vm) => sum + 1 + vm.spec.cpuExpectedPercent, 0),
    )
    const pcpu = alive[load.indexOf(Math.min(...load))]
    if (pcpu) return pcpu
    throw new FaultError(fault('no-room', 'all pCPUs of this node have died: restart its process'))
  }

  /** Has its pCPU do it, behind all that was asked before. Rejects with a sentence for a person. */
  async ask(vm: HeldVm, command: VmCommand): Promise<unknown> {
    const machine = this.#machines.get(vm)
    if (!machine) throw stoppedMeanwhile(vm)
    return await machine.pcpu.ask({ ...command, vmId: vm.vmId } as PcpuCommand)
  }
}

const stoppedMeanwhile = (vm: HeldVm): FaultError =>
  new FaultError(fault('unknown-vm', `VM ${vm.vmId} was stopped meanwhile`))
