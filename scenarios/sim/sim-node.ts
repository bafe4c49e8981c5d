// A node of the simulated world: the very agent, as a process that can be killed, hung and started
// again. What it shares with the others is the network and the store of disks.
// Not here: its pCPUs (sim-pcpu.ts). Sizes in MiB.

import type { BootImage } from '#engine/boot-layout.ts'
import { WasmCore } from '#engine/cpu/core.ts'
import { openLayeredDisk } from '#engine/devices/layered-disk.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { Digest } from '#engine/snapshots/digest.ts'
import type { Deflate, Disk, Inflate, Log, Random, Tracer, Zstd } from '#env/env.ts'
import { type DiskFaults, faultyDisk } from '#env/faulty-disk.ts'
import { Agent } from '#node-agent/agent.ts'
import type { HeldVm } from '#node-agent/held-vms.ts'
import { PcpuHandle } from '#node-agent/pcpu-handle.ts'
import { SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import { Vmm } from '#node-agent/vmm.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { asNodeId } from '#proto/ids.ts'
import type { VmReport } from '#proto/messages.ts'
import { ownImage } from '#proto/vm-spec.ts'
import { compiledOnce } from './compiled-once.ts'
import { SimDisk } from './sim-disk.ts'
import type { SimNetwork } from './sim-network.ts'
import { SimPcpu } from './sim-pcpu.ts'
import type { SimProcess } from './sim-process.ts'
import type { Turns } from './turns.ts'

/** What the platform gives: the same for all nodes. */
export interface SimPlatform {
  readonly module: WebAssembly.Module
  readonly image: BootImage
  readonly zstd: Zstd
  readonly deflate: Deflate
  /** For who looks at a screen. */
  readonly inflate: Inflate
  readonly digest: Digest
  readonly turns: Turns
}

export interface NodeTraits {
  readonly cores: number
  /** Of every core. */
  readonly mips: number
  readonly memoryMib: number
}

export interface SimNodeOptions extends SimPlatform, NodeTraits {
  readonly network: SimNetwork
  readonly disk: Disk
  readonly snapshots: Disk
  /** How the store of both fails for this node now. */
  diskFaults(): DiskFaults
  readonly random: Random
  readonly log: Log
  readonly tracer?: Tracer | undefined
  /** Addresses. */
  readonly coordinators: readonly string[]
  readonly listen: string
  readonly token: string
  /** How much later an agent hears of what its pCPUs have done. */
  readonly pcpuLagMs?: number | undefined
  /** An instruction of this VM is about to retire here. */
  ran(vm: HeldVm): void
}

export class SimNode {
  readonly process: SimProcess
  readonly vmm: Vmm
  readonly #agent: Agent

  constructor(process: SimProcess, incarnation: string, options: SimNodeOptions) {
    const { network, listen, memoryMib, mips, cores, random, log, module, image } = options
    const runUntilMs = new Float64Array(new SharedArrayBuffer(8))
    const written = new SimDisk(options.disk)
    const kept = new SimDisk(options.snapshots)
    const failing = (disk: Disk) =>
      faultyDisk(disk, options.diskFaults, ({ code, message }) =>
        log.info('disk-error', { node: process.name, code, text: message }),
      )
    const disk = failing(written)
    this.process = process
    process.onDeath(() => {
      const sectors = written.powerLoss(random) + kept.powerLoss(random)
      if (sectors > 0) log.info('power-loss', { node: process.name, sectors })
    })
    this.vmm = new Vmm({
      pcpus: Array.from({ length: cores }, (_, index) =>
        this.#pcpu(index, { ...options, disk }, runUntilMs),
      ),
      createMemory: (ramBytes) => WasmGuestMemory.create(module, ramBytes),
      recycle: (memory) => void memory.surrender(),
      image: async (name) => {
        if (name === ownImage) return image
        const text = `a simulated node has our own guest and no other image (${name} was asked for)`
        throw new FaultError(fault('no-image', text))
      },
    })
    const { name } = process
    this.#agent = new Agent({
      ...{ nodeId: asNodeId(name), incarnation, pid: 1, vmm: this.vmm },
      ...{ token: options.token, coordinators: options.coordinators },
      ...{ listen, advertise: undefined, runUntilMs },
      capacity: { cores, mipsPerCore: mips, memoryMib },
      env: {
        ...{ clock: process, random, log: log.child({ node: name }), zstd: options.zstd },
        ...{ deflate: options.deflate, tracer: options.tracer },
        transport: network.transportOf(process),
      },
      layers: disk,
      snapshots: new SnapshotStore({
        ...{ clock: process, random, digest: options.digest },
        disk: failing(kept),
      }),
      migrationBytesPerSecMax: 0,
      processMemoryMib: () => 1,
      replaced: () => process.kill(),
    })
    process.do(() => void this.#agent.start())
  }

  /** VMs that have a machine here. */
  get machines(): readonly HeldVm[] {
    return this.process.isAlive ? this.vmm.machines().map(({ vm }) => vm) : []
  }

  /** What it says that it holds. */
  get copies(): VmReport[] {
    return this.#agent.copies
  }

  /** SIGTERM. Resolves when it has left in good order. */
  async stop(): Promise<void> {
    await this.#agent.leave()
    this.process.kill()
  }

  /** VMs and migrations that are here. */
  get holdings() {
    return this.#agent.holdings
  }

  #pcpu(
    index: number,
    { module, mips, disk, ran, pcpuLagMs: lagMs }: SimNodeOptions,
    runUntilMs: Float64Array,
  ): PcpuHandle {
    const vmOf = (vmId: string) => this.vmm.machines().find(({ vm }) => vm.vmId === vmId)?.vm
    const thread = new SimPcpu(this.process, {
      makeCore: ({ vmId, memory, ramBytes, clock, boot }, hooks) => {
        const sbi = boot === 'unmodified' ? 'firmware' : 'vmm'
        const options = {
          module,
          memory,
          ramBytes,
          clock,
          sbi,
          hooks,
          compile: compiledOnce,
        } as const
        const core = new WasmCore(options)
        const run = core.run.bind(core)
        core.run = (...budget) => {
          const vm = vmOf(vmId)
          if (vm) ran(vm)
          return run(...budget)
        }
        return core
      },
      openDisk: (wanted) => openLayeredDisk(disk, wanted),
      runUntilMs: () => runUntilMs[0] ?? 0,
      ...{ mips, lagMs },
    })
    const doorbell = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    return new PcpuHandle(index, thread, doorbell, {
      event: (event) => this.#agent.hearPcpu(index, event),
      death: (reason) => this.#agent.losePcpu(index, reason),
    })
  }
}
