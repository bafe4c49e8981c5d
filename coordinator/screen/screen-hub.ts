// The screens that somebody looks at: one stream a VM, however many clients. Follows the VMs from
// owner to owner by looking at the core's state after each change.
// Not here: one screen (screen-stream.ts), WebSockets (shell/sockets.ts).

import type { Cancel, Clock } from '#env/env.ts'
import type { VmId } from '#proto/ids.ts'
import type { ScreenAccepted, ScreenFrame } from '#proto/messages.ts'
import type { ScreenSize } from '#proto/screen.ts'
import { ownerOf } from '../console/console-hub.ts'
import type { Coordinator } from '../coordinator.ts'
import { type ScreenClient, ScreenStream } from './screen-stream.ts'

const tickMs = 100

export interface ScreenSession {
  /** What the client says. */
  hear(bytes: Uint8Array): void
  detach(): void
}

export class ScreenHub {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #streams = new Map<VmId, ScreenStream>()
  #nextTick: Cancel = () => undefined
  #watchers = 0

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    coordinator.observe({ changed: () => this.#followOwners() })
  }

  stop(): void {
    this.#nextTick()
    for (const stream of this.#streams.values()) stream.close('the coordinator shuts down')
    this.#streams.clear()
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
  hear(message: ScreenFrame | ScreenAccepted): void {
    const stream = this.#streams.get(message.vmId)
    if (message.t === 'screen-frame') stream?.hearFrame(message)
    else stream?.hearAccepted(message)
  }

  #open(vmId: VmId, size: ScreenSize): ScreenStream {
    const stream = new ScreenStream(vmId, size, {
      nowMs: () => this.#clock.nowMs(),
      send: (owner, message) => this.#coordinator.sendTo(owner.linkId, message),
      nextWatcher: () => ++this.#watchers,
    })
    if (this.#streams.size === 0) this.#tick()
    this.#streams.set(vmId, stream)
    stream.setOwner(ownerOf(this.#coordinator, vmId))
    return stream
  }

  #followOwners(): void {
    for (const [vmId, stream] of this.#streams) {
      if (this.#coordinator.state.vms.has(vmId)) stream.setOwner(ownerOf(this.#coordinator, vmId))
      else {
        this.#streams.delete(vmId)
        stream.close('the VM is removed')
      }
    }
  }

  /** Only while somebody looks. */
  #tick(): void {
    this.#nextTick()
    this.#nextTick = this.#clock.wakeAt(this.#clock.nowMs() + tickMs, () => {
      for (const [vmId, stream] of this.#streams) {
        stream.tick()
        if (stream.isIdle) this.#streams.delete(vmId)
      }
      if (this.#streams.size > 0) this.#tick()
    })
  }
}
