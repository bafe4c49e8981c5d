// The consoles of all VMs of this node, between the pCPUs and the coordinator: who listens, and
// input on its way. A slow coordinator costs no memory: output that does not fit on the link stays
// in the ring and follows later. Not here: one console (console.ts), the sessions and their clients
// (coordinator/).

import type { VmId } from '#proto/ids.ts'
import type {
  AgentMessage,
  ConsoleClose,
  ConsoleInput,
  ConsoleOpen,
  ScreenInput,
  ScreenOpen,
} from '#proto/messages.ts'
import { GuestConsole, type InputTo } from './console.ts'
import { type HeldVm, isLive } from './held-vms.ts'
import type { Vmm } from './vmm.ts'

export interface ConsolePorts {
  readonly vmm: Vmm
  held(vmId: VmId): HeldVm | undefined
  send(message: AgentMessage): void
  /** The link to the coordinator has room for output. */
  hasRoom(): boolean
}

export class Consoles {
  readonly #ports: ConsolePorts
  readonly #consoles = new Map<HeldVm, GuestConsole>()

  constructor(ports: ConsolePorts) {
    this.#ports = ports
  }

  of(vm: HeldVm): GuestConsole {
    const console = this.#consoles.get(vm) ?? new GuestConsole()
    this.#consoles.set(vm, console)
    return console
  }

  forget(vm: HeldVm): void {
    this.#consoles.delete(vm)
  }

  /** A new link to the coordinator: whoever listened before must say so again. */
  forgetListeners(): void {
    for (const console of this.#consoles.values()) console.sendFrom = undefined
  }

  hear(message: ConsoleOpen | ConsoleInput | ConsoleClose): void {
    const vm = this.#ports.held(message.vmId)
    if (!vm) return // It has moved or gone: the coordinator learns that from the reports.
    if (message.t === 'console-close') this.of(vm).sendFrom = undefined
    else if (message.epoch !== vm.epoch) return
    else if (message.t === 'console-open') this.#open(vm, message.fromOffset)
    else this.#input(vm, message.offset, message.bytes)
  }

  /** What is done at a screen; whoever opens one is told how far the VM has come with it. */
  hearScreen(message: ScreenInput | ScreenOpen): void {
    const vm = this.#ports.held(message.vmId)
    if (!vm || message.epoch !== vm.epoch || vm.spec.screen === undefined) return
    if (message.t === 'screen-input') this.#input(vm, message.offset, message.bytes, 'screen')
    else this.#input(vm, 0, new Uint8Array(0), 'screen')
  }

  output(vm: HeldVm, offset: number, bytes: Uint8Array): void {
    const console = this.of(vm)
    console.push(offset, bytes)
    this.#pump(vm, console)
  }

  /** Sends what a full link had to wait with. */
  pump(): void {
    for (const [vm, console] of this.#consoles) this.#pump(vm, console)
  }

  accepted(vm: HeldVm, offset: number): void {
    const console = this.of(vm)
    console.accepted = Math.max(console.accepted, offset)
    this.#tellAccepted(vm, console)
  }

  /** More of what it said may be told. */
  released(vm: HeldVm): void {
    const console = this.of(vm)
    this.#pump(vm, console)
    this.#tellAccepted(vm, console)
    if (vm.spec.screen !== undefined) this.#tellScreenAccepted(vm, console)
  }

  /** The VM goes on here after all: what was typed meanwhile is for it. */
  thaw(vm: HeldVm): void {
    for (const { offset, bytes, to } of this.of(vm).thaw()) this.#feed(vm, offset, bytes, to)
  }

  #tellAccepted(vm: HeldVm, { acceptedForGood: offset, sendFrom }: GuestConsole): void {
    const { vmId, epoch } = vm
    if (sendFrom !== undefined) this.#ports.send({ t: 'console-accepted', vmId, epoch, offset })
  }

  #screenAccepted(vm: HeldVm, offset: number): void {
    const console = this.of(vm)
    console.screenAccepted = Math.max(console.screenAccepted, offset)
    this.#tellScreenAccepted(vm, console)
  }

  #tellScreenAccepted({ vmId, epoch }: HeldVm, { screenAcceptedForGood: offset }: GuestConsole) {
    this.#ports.send({ t: 'screen-accepted', vmId, epoch, offset })
  }

  #open(vm: HeldVm, fromOffset: number): void {
    const console = this.of(vm)
    console.sendFrom = fromOffset
    this.#pump(vm, console)
    // An empty input asks the machine how far it has come. A copy that does not run is not asked.
    if (isLive(vm)) this.#input(vm, 0, new Uint8Array(0))
    else this.accepted(vm, console.accepted)
  }

  #input(vm: HeldVm, offset: number, bytes: Uint8Array<ArrayBuffer>, to?: InputTo): void {
    const now = isLive(vm) ? this.of(vm).admit(offset, bytes, to) : undefined
    if (now) this.#feed(vm, now.offset, now.bytes, to)
  }

  #feed(vm: HeldVm, offset: number, bytes: Uint8Array, to: InputTo): void {
    this.#ports.vmm.input(vm, offset, bytes, to).then(
      (accepted) => {
        if (this.#ports.held(vm.vmId) !== vm) return
        if (to === 'screen') this.#screenAccepted(vm, accepted)
        else this.accepted(vm, accepted)
      },
      // Not taken, and not acknowledged: it will be sent again to whoever runs the VM then.
      () => undefined,
    )
  }

  #pump(vm: HeldVm, console: GuestConsole): void {
    if (!this.#ports.hasRoom()) return
    const chunk = console.next()
    const { vmId, epoch } = vm
    if (chunk) this.#ports.send({ t: 'console-output', vmId, epoch, ...chunk })
  }
}
