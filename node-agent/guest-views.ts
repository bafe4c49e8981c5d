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
  /** The link to the coordinator. */
  readonly link: {
    readonly isUp: boolean
    readonly bufferedBytes: number
    send(message: AgentMessage): void
  }
}

export class GuestViews {
  readonly consoles: Consoles
  readonly #screens: Screens

  constructor({ env, vmm, held, link }: ViewPorts) {
    const toClients = {
      ...{ vmm, held },
      send: (message: AgentMessage) => link.send(message),
      hasRoom: () => link.isUp && link.bufferedBytes < outputBufferedBytesMax,
    }
    this.consoles = new Consoles(toClients)
    this.#screens = new Screens({ ...toClients, ...env })
  }

  hear(message: ViewMessage): void {
    if (isOfConsole(message)) this.consoles.hear(message)
    else {
      if (message.t === 'screen-input' || message.t === 'screen-open')
        this.consoles.hearScreen(message)
      if (message.t !== 'screen-input') this.#screens.hear(message)
    }
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
