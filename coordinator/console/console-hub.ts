// The consoles that somebody looks at, and who looks. Not here: which are open and who owns their
// VMs (vm-streams.ts), offsets (console-stream.ts), WebSockets (shell/sockets.ts).

import type { Clock } from '#env/env.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import type { ConsoleAccepted, ConsoleOutput } from '#proto/messages.ts'
import type { Coordinator } from '../coordinator.ts'
import { type ConsoleClient, ConsoleStream } from './console-stream.ts'
import { VmStreams } from './vm-streams.ts'

export interface ConsoleSession {
  input(bytes: Uint8Array): void
  detach(): void
}

export class ConsoleHub {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #streams: VmStreams<ConsoleStream>

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    this.#streams = new VmStreams(coordinator, clock)
  }

  stop(): void {
    this.#streams.stop()
  }

  attach(vmId: VmId, client: ConsoleClient): ConsoleSession {
    const stream = this.#streams.get(vmId) ?? this.#open(vmId)
    stream.attach(client)
    return {
      input: (bytes) => {
        if (stream.input(bytes)) return
        stream.detach(client)
        client.close('the guest does not read its console: try again when it does')
      },
      detach: () => stream.detach(client),
    }
  }

  /** What an agent says of a console. Older epochs and consoles nobody looks at are ignored. */
  hear(nodeId: NodeId, message: ConsoleOutput | ConsoleAccepted): void {
    const stream = this.#streams.heardFrom(nodeId, message.vmId)
    if (message.t === 'console-output') stream?.hearOutput(message)
    else stream?.hearAccepted(message)
  }

  #open(vmId: VmId): ConsoleStream {
    const stream = new ConsoleStream(vmId, {
      nowMs: () => this.#clock.nowMs(),
      send: (owner, message) => this.#coordinator.sendTo(owner.linkId, message),
    })
    return this.#streams.open(vmId, stream)
  }
}
