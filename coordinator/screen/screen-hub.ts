// The screens that somebody looks at, and who looks. Not here: which are open and who owns their
// VMs (../console/vm-streams.ts), one screen (screen-stream.ts), WebSockets (shell/sockets.ts).

import type { Clock } from '#env/env.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import type { ScreenAccepted, ScreenFrame } from '#proto/messages.ts'
import type { ScreenSize } from '#proto/screen.ts'
import { VmStreams } from '../console/vm-streams.ts'
import type { Coordinator } from '../coordinator.ts'
import { type ScreenClient, ScreenStream } from './screen-stream.ts'

export interface ScreenSession {
  /** What the client says. */
  hear(bytes: Uint8Array): void
  detach(): void
}

export class ScreenHub {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #streams: VmStreams<ScreenStream>
  #watchers = 0

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    this.#streams = new VmStreams(coordinator, clock)
  }

  stop(): void {
    this.#streams.stop()
  }

  attach(vmId: VmId, size: ScreenSize, client: ScreenClient): ScreenSession {
    const stream = this.#streams.get(vmId) ?? this.#open(vmId, size)
    const watcher = stream.attach(client)
    return {
      hear: (bytes) => {
        const why = stream.hear(watcher, bytes)
        if (why === undefined) return
        stream.detach(watcher)
        client.close(why)
      },
      detach: () => stream.detach(watcher),
    }
  }

  /** What an agent says of a screen. Screens that nobody looks at are ignored. */
  hear(nodeId: NodeId, message: ScreenFrame | ScreenAccepted): void {
    const stream = this.#streams.heardFrom(nodeId, message.vmId)
    if (message.t === 'screen-frame') stream?.hearFrame(message)
    else stream?.hearAccepted(message)
  }

  #open(vmId: VmId, size: ScreenSize): ScreenStream {
    const stream = new ScreenStream(vmId, size, {
      nowMs: () => this.#clock.nowMs(),
      send: (owner, message) => this.#coordinator.sendTo(owner.linkId, message),
      nextWatcher: () => ++this.#watchers,
    })
    return this.#streams.open(vmId, stream)
  }
}
