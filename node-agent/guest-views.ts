// What people see of this node's guests: their consoles and their screens, behind one door for what
// the coordinator says of them.
// Not here: consoles (consoles.ts), screens (screens.ts), the people (coordinator/).

import type { Env } from '#env/env.ts'
import type { VmId } from '#proto/ids.ts'
import type {
  AgentMessage,
  ConsoleClose,
  ConsoleInput,
  ConsoleOpen,
  CoordinatorMessage,
  ScreenClose,
  ScreenFrame,
  ScreenInput,
  ScreenOpen,
  ScreenShown,
} from '#proto/messages.ts'
import { outputBufferedBytesMax } from './agent-limits.ts'
import { Consoles } from './consoles.ts'
import type { HeldVm } from './held-vms.ts'
import { Screens } from './screens.ts'
import type { Vmm } from './vmm.ts'

export type ViewMessage =
  | ConsoleOpen
  | ConsoleInput
  | ConsoleClose
  | ScreenOpen
  | ScreenShown
  | ScreenInput
  | ScreenClose

export const isViewMessage = (message: CoordinatorMessage): message is ViewMessage =>
  message.t.startsWith('console-') || message.t.startsWith('screen-')

const isOfConsole = (message: ViewMessage): message is ConsoleOpen | ConsoleInput | ConsoleClose =>
  message.t.startsWith('console-')

export interface ViewPorts {
  readonly env: Env
  readonly vmm: Vmm
  held(vmId: VmId): HeldVm | undefined
  /** True: what the VM shows is sent later. */
  holds(vm: HeldVm, send: () => void): boolean
  /** The link to the coordinator. */
  readonly link: {
    readonly isUp: boolean
    readonly bufferedBytes: number
    send(message: AgentMessage): void
  }
}

export class GuestViews {
  readonly consoles: Consoles
  readonly #ports: ViewPorts
  readonly #screens: Screens

  constructor(ports: ViewPorts) {
    const { env, vmm, held, link } = ports
    this.#ports = ports
    const toClients = {
      ...{ vmm, held },
      send: (message: AgentMessage) => link.send(message),
      hasRoom: () => link.isUp && link.bufferedBytes < outputBufferedBytesMax,
    }
    this.consoles = new Consoles(toClients)
    this.#screens = new Screens({ ...toClients, ...env, send: (frame) => this.#sendFrame(frame) })
  }

  hear(message: ViewMessage): void {
    if (isOfConsole(message)) this.consoles.hear(message)
    else {
      if (message.t === 'screen-input' || message.t === 'screen-open')
        this.consoles.hearScreen(message)
      if (message.t !== 'screen-input') this.#screens.hear(message)
    }
  }

  /** Of a VM that must not be seen before its replica knows what is seen, a picture waits. */
  #sendFrame(frame: ScreenFrame): void {
    const { held, link, holds } = this.#ports
    const vm = held(frame.vmId)
    const send = () => link.send(frame)
    if (!vm || !holds(vm, send)) send()
  }

  forget(vm: HeldVm): void {
    this.consoles.forget(vm)
    this.#screens.forget(vm)
  }

  /** A new link to the coordinator: whoever looked before must say so again. */
  forgetViewers(): void {
    this.consoles.forgetListeners()
    this.#screens.forgetWatchers()
  }
}
