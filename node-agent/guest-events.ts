// What pCPUs tell of guests without being asked, and where it goes: consoles, the network, the
// desk. What comes of a machine that is gone reaches nobody. Not here: decisions (desk.ts), what is
// held back for a replica (replication/).

import type { PcpuEvent } from '#engine/vm-config.ts'
import type { Log } from '#env/env.ts'
import { faultOf } from '#proto/faults.ts'
import type { Consoles } from './consoles.ts'
import type { DeskInput } from './desk-state.ts'
import type { HeldVm, HeldVms } from './held-vms.ts'
import type { Network } from './network/network.ts'
import type { FrameBatch } from './replication/held-output.ts'
import type { Replication } from './replication/replication.ts'
import type { Vmm } from './vmm.ts'

export interface GuestEventPorts {
  readonly log: Log
  readonly vmm: Vmm
  readonly vms: HeldVms
  readonly consoles: Consoles
  readonly network: Network
  readonly replication: Replication
  desk(input: DeskInput): void
}

type Reason = 'shut-down' | 'crashed' | 'disk-failed'

export class GuestEvents {
  readonly #ports: GuestEventPorts

  constructor(ports: GuestEventPorts) {
    this.#ports = ports
  }

  hear(pcpu: number, event: PcpuEvent): void {
    const { vmm, consoles, replication } = this.#ports
    const vm = vmm.eventVm(pcpu, event)
    if (!vm) return
    if (event.on === 'output') consoles.output(vm, event.offset, event.bytes)
    else if (event.on === 'accepted') consoles.accepted(vm, event.offset)
    else if (event.on === 'frames') this.#hearFrames(vm, event)
    else if (event.on === 'held') replication.hurry(vm)
    else if (event.on === 'absent') this.#bring(vm, event.page)
    else if (event.on === 'reset') void this.#bootAgain(vm)
    else this.lose(vm, event.reason, event.detail)
  }

  /** Its guest has ended. One that has a replica is told of when that counts no more. */
  lose(vm: HeldVm, reason: Reason, detail: string): void {
    const { vms, replication, desk } = this.#ports
    if (vms.get(vm.vmId) !== vm) return
    const tell = () => desk({ on: 'guest-stopped', vm, reason, detail })
    if (!replication.guestEnded(vm, tell)) tell()
  }

  losePcpu(pcpu: number, reason: string): void {
    const { log, vmm, desk } = this.#ports
    log.error('pCPU died', { pcpu, reason })
    for (const vm of vmm.vmsOn(pcpu))
      desk({ on: 'guest-stopped', vm, reason: 'crashed', detail: reason })
  }

  /** What the guest of a VM with a continuous replica sends waits for a checkpoint. */
  #hearFrames(vm: HeldVm, batch: FrameBatch): void {
    const { replication, network } = this.#ports
    if (!replication.holdFrames(vm, batch)) network.hear(vm, batch.frames, batch.lost)
  }

  /** Under the same epoch: the VM never stopped, its guest did. A migration of it goes on. */
  async #bootAgain(vm: HeldVm): Promise<void> {
    try {
      await this.#ports.vmm.bootAgain(vm)
    } catch (thrown) {
      this.lose(vm, 'crashed', `it could not boot again: ${faultOf(thrown).message}`)
    }
  }

  #bring(vm: HeldVm, page: number): void {
    if (this.#ports.vmm.pageTouched(vm, page)) return
    const detail = `Page ${page} of its RAM is absent, and nobody brings it; start it again.`
    this.#ports.desk({ on: 'guest-stopped', vm, reason: 'crashed', detail })
  }
}
