// A node in this thread: one real pCPU with real guests, a store of snapshots on a disk in memory,
// and nothing of a cluster. The pCPU gets its turns from the event loop.

import { WasmCore } from '#engine/cpu/core.ts'
import { openLayeredDisk } from '#engine/devices/layered-disk.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { Pcpu } from '#engine/pcpu.ts'
import type { PcpuEvent, PcpuMessage, PcpuRequest } from '#engine/vm-config.ts'
import { MemoryDisk, SeededRandom } from '#env/memory.ts'
import { realClock, sha256 } from '#env/real.ts'
import { Consoles } from '#node-agent/consoles.ts'
import { type HeldVm, HeldVms } from '#node-agent/held-vms.ts'
import { PcpuHandle } from '#node-agent/pcpu-handle.ts'
import { SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import { Snapshots } from '#node-agent/snapshots/snapshots.ts'
import { Vmm } from '#node-agent/vmm.ts'
import { asMigrationId, asVmId } from '#proto/ids.ts'
import { coreModule, guestImage } from '../../engine/machine-rig.ts'
import { eventually, vmOrder } from '../coordinator-double.ts'

const memoryMib = 8

/** RAM and sections of a VM that stands still. */
export interface State {
  readonly ram: string
  readonly sections: readonly string[]
}

export class OneNode {
  readonly disk: MemoryDisk
  readonly layers: MemoryDisk
  readonly store: SnapshotStore
  readonly vmm: Vmm
  readonly snapshots: Snapshots
  readonly consoles: Consoles
  readonly failures: unknown[] = []
  /** The state at the instant of each snapshot, by its name: what is to be restored. */
  readonly states = new Map<string, State>()
  readonly #vms = new HeldVms(1024)
  #heard: (message: PcpuMessage) => void = () => undefined
  #epoch = 1
  #stopped = false

  /** `disk` and `layers` are shared by the nodes of a cluster. */
  constructor(disk = new MemoryDisk(), layers = new MemoryDisk(), seed = 1) {
    this.disk = disk
    this.layers = layers
    const random = new SeededRandom(seed)
    this.store = new SnapshotStore({ disk, clock: realClock, random, digest: sha256 })
    this.vmm = new Vmm({
      pcpus: [this.#pcpu()],
      createMemory: (ramBytes) => WasmGuestMemory.create(coreModule, ramBytes),
      recycle: () => undefined,
      image: async () => ({ kernel: guestImage }),
    })
    this.consoles = new Consoles({
      vmm: this.vmm,
      held: (vmId) => this.#vms.get(vmId),
      send: () => undefined,
      hasRoom: () => true,
    })
    this.snapshots = new Snapshots({
      store: this.store,
      vmm: this.vmm,
      consoles: this.consoles,
      goOn: async (vm, goesOn) => {
        if (this.#next !== undefined) this.states.set(this.#next, await this.stateOf(vm))
        vm.disk = goesOn
        await this.vmm.changeDisk(vm, goesOn, vm.epoch)
        await this.vmm.resume(vm)
        this.consoles.thaw(vm)
      },
    })
  }

  #next: string | undefined

  /** The VM boots, and runs. */
  async boot(args: string, diskMib = 0): Promise<HeldVm> {
    const vm = this.#hold(args, diskMib, [`vm.${this.#epoch}`])
    await this.vmm.boot(vm)
    await this.vmm.resume(vm)
    return vm
  }

  /** Takes a snapshot, and remembers what state it has. */
  async take(vm: HeldVm, name: string) {
    this.#next = name
    const { sizeBytes, layers } = vm.disk
    const top = sizeBytes === 0 ? [] : [...layers, `vm.${name}`]
    return await this.snapshots.take(vm, { name, disk: { sizeBytes, layers: top } })
  }

  /** Another VM object under the next epoch, as the snapshot has it; it stands still. */
  async restore(of: HeldVm, name: string) {
    const { sizeBytes, layers } = this.#diskOf(of, name)
    const top = sizeBytes === 0 ? [] : [...layers, `vm.${name}.${this.#epoch + 1}`]
    const vm = this.#hold(of.spec.args, of.spec.diskMib, top)
    const { whole } = await this.snapshots.restore(vm, { vmId: vm.vmId, name })
    whole.catch((thrown) => this.failures.push(thrown))
    return { vm, whole }
  }

  /** Pages that have not come yet are waited for: they are part of it. */
  async stateOf(vm: HeldVm): Promise<State> {
    await this.vmm.whole(vm)
    const sections = [...(await this.vmm.capture(vm)), this.consoles.of(vm).capture()]
    return {
      ram: this.vmm.memoryOf(vm)?.fullHash() ?? '',
      sections: sections.map(({ kind, version, bytes }) =>
        [kind, version, Buffer.from(bytes).toString('hex')].join(' '),
      ),
    }
  }

  /** All it has said, once that is in it. */
  async untilSaid(vm: HeldVm, text: string): Promise<string> {
    const said = () => new TextDecoder().decode(this.consoles.of(vm).since(0).bytes)
    return eventually(text, () => (said().includes(text) ? said() : undefined))
  }

  async run(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms))
  }

  stop(): void {
    this.#stopped = true
  }

  #diskOf(vm: HeldVm, name: string) {
    const snapshot = this.store.read(vm.vmId, name)
    return 'fault' in snapshot ? vm.disk : snapshot.record.disk
  }

  #hold(args: string, diskMib: number, layers: readonly string[]): HeldVm {
    const held = this.#vms.get(asVmId('vm1'))
    if (held) {
      void this.vmm.destroy(held)
      this.#vms.forget(held)
    }
    const order = vmOrder('vm1', this.#epoch++, { memoryMib, args, diskMib, ha: false })
    const disk = { sizeBytes: diskMib << 20, layers: diskMib === 0 ? [] : [...layers] }
    return this.#vms.becomeIncoming({ ...order, disk }, asMigrationId('m1'))
  }

  #pcpu(): PcpuHandle {
    const pcpu = new Pcpu({
      host: realClock,
      makeCore: ({ memory, ramBytes, clock }, hooks) =>
        new WasmCore({ module: coreModule, memory, ramBytes, clock, sbi: 'vmm', hooks }),
      openDisk: (disk) => openLayeredDisk(this.layers, disk),
      runUntilMs: () => Infinity,
      mips: 0,
      emit: (event) => this.#heard(event),
    })
    const turn = () => {
      if (this.#stopped) return
      pcpu.run()
      setImmediate(turn)
    }
    setImmediate(turn)
    const thread = {
      post: (requests: readonly PcpuRequest[]) => {
        for (const { id, command } of requests) {
          const answer = pcpu.handle(structuredClone(command))
          const message =
            answer instanceof Error ? { id, error: answer.message } : { id, value: answer }
          queueMicrotask(() => this.#heard(message))
        }
      },
      onMessage: (fn: (message: PcpuMessage) => void) => {
        this.#heard = fn
      },
      onDeath: () => undefined,
      stop: async () => undefined,
    }
    const event = (what: PcpuEvent) => this.#hear(what)
    const handlers = { event, death: () => undefined }
    return new PcpuHandle(0, thread, new SharedArrayBuffer(4), handlers)
  }

  #hear(event: PcpuEvent): void {
    const vm = this.vmm.eventVm(0, event)
    if (!vm) return
    if (event.on === 'output') this.consoles.output(vm, event.offset, event.bytes)
    else if (event.on === 'absent' && !this.vmm.pageTouched(vm, event.page))
      this.failures.push(`page ${event.page} is brought by nobody`)
    else if (event.on === 'stopped') this.failures.push(event.detail)
  }
}
