// Streams between a VM and whoever looks at it, one a VM: opened when somebody comes, handed on
// from owner to owner by looking at the core's state after each change, closed when nobody looks
// any more. Not here: what flows (console-stream.ts, ../screen/screen-stream.ts).

import type { Cancel, Clock } from '#env/env.ts'
import type { VmId } from '#proto/ids.ts'
import { mayAct, type VmPhase } from '#proto/state.ts'
import type { Coordinator } from '../coordinator.ts'
import type { ConsoleOwner } from './console-stream.ts'

const tickMs = 100

export interface VmStream {
  /** Nobody looks, and nothing is on its way. */
  readonly isIdle: boolean
  setOwner(owner: ConsoleOwner | undefined): void
  tick(): void
  close(reason: string): void
}

export class VmStreams<Stream extends VmStream> {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #streams = new Map<VmId, Stream>()
  #nextTick: Cancel = () => undefined

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

  get(vmId: VmId): Stream | undefined {
    return this.#streams.get(vmId)
  }

  open(vmId: VmId, stream: Stream): Stream {
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
        if (!stream.isIdle) continue
        this.#streams.delete(vmId)
        stream.close('nobody looks')
      }
      if (this.#streams.size > 0) this.#tick()
    })
  }
}

/** Undefined: it runs nowhere that we can reach. */
function ownerOf({ state }: Coordinator, vmId: VmId): ConsoleOwner | undefined {
  const vm = state.vms.get(vmId)
  if (vm?.nodeId === undefined || !hasConsole(vm.phase)) return undefined
  const linkId = state.nodes.get(vm.nodeId)?.live.linkId
  if (linkId === undefined) return undefined
  return { nodeId: vm.nodeId, linkId, epoch: vm.epoch, bootEpoch: vm.bootEpoch }
}

const hasConsole = (phase: VmPhase): boolean => mayAct('console', phase) || phase === 'stopping'
