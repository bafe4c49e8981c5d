// The consoles that somebody looks at: one stream a VM, however many clients. Follows the VMs from
// owner to owner by looking at the core's state after each change. Not here: offsets
// (console-stream.ts), WebSockets (shell/sockets.ts).

import type { Cancel, Clock } from '#env/env.ts'
import type { VmId } from '#proto/ids.ts'
import type { ConsoleAccepted, ConsoleOutput } from '#proto/messages.ts'
import { mayAct, type VmPhase } from '#proto/state.ts'
import type { Coordinator } from '../coordinator.ts'
import { type ConsoleClient, type ConsoleOwner, ConsoleStream } from './console-stream.ts'

const tickMs = 100

export interface ConsoleSession {
  input(bytes: Uint8Array): void
  detach(): void
}

export class ConsoleHub {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #streams = new Map<VmId, ConsoleStream>()
  #nextTick: Cancel = () => undefined

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    coordinator.observe({ changed: () => this.#followOwners() })
    this.#tick()
  }

  stop(): void {
    this.#nextTick()
    for (const stream of this.#streams.values()) stream.close('the coordinator shuts down')
    this.#streams.clear()
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
  hear(message: ConsoleOutput | ConsoleAccepted): void {
    const stream = this.#streams.get(message.vmId)
    if (message.t === 'console-output') stream?.hearOutput(message)
    else stream?.hearAccepted(message)
  }

  #open(vmId: VmId): ConsoleStream {
    const stream = new ConsoleStream(vmId, {
      nowMs: () => this.#clock.nowMs(),
      send: (owner, message) => this.#coordinator.sendTo(owner.linkId, message),
    })
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

  #tick(): void {
    this.#nextTick = this.#clock.wakeAt(this.#clock.nowMs() + tickMs, () => {
      for (const [vmId, stream] of this.#streams) {
        stream.tick()
        if (!stream.isIdle) continue
        this.#streams.delete(vmId)
        stream.close('nobody looks')
      }
      this.#tick()
    })
  }
}

/** Undefined: it runs nowhere that we can reach. */
export function ownerOf({ state }: Coordinator, vmId: VmId): ConsoleOwner | undefined {
  const vm = state.vms.get(vmId)
  if (vm?.nodeId === undefined || !hasConsole(vm.phase)) return undefined
  const linkId = state.nodes.get(vm.nodeId)?.live.linkId
  if (linkId === undefined) return undefined
  return { nodeId: vm.nodeId, linkId, epoch: vm.epoch, bootEpoch: vm.bootEpoch }
}

const hasConsole = (phase: VmPhase): boolean => mayAct('console', phase) || phase === 'stopping'
