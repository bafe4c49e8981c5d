// Streams between a VM and whoever looks at it, one a VM: opened when somebody comes, handed on
// from owner to owner by looking at the core's state after each change, closed when nobody looks
// any more. Not here: what flows (console-stream.ts, ../screen/screen-stream.ts).

import type { Cancel, Clock } from '#env/env.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
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
  /** Nodes that have run it while somebody looked: what they say late is still the VM's. */
  readonly #runners = new Map<Stream, Set<NodeId>>()
  #nextTick: Cancel = () => undefined

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    coordinator.observe({ changed: () => this.#followOwners() })
  }

  stop(): void {
    this.#nextTick()
    for (const [vmId, stream] of this.#streams)
      this.#close(vmId, stream, 'the coordinator shuts down')
  }

  get(vmId: VmId): Stream | undefined {
    return this.#streams.get(vmId)
  }

  /** The stream of which this node may speak: no other node says what a VM shows, or takes. */
  heardFrom(nodeId: NodeId, vmId: VmId): Stream | undefined {
    const stream = this.#streams.get(vmId)
    return stream && this.#runners.get(stream)?.has(nodeId) ? stream : undefined
  }

  open(vmId: VmId, stream: Stream): Stream {
    if (this.#streams.size === 0) this.#tick()
    this.#streams.set(vmId, stream)
    this.#runners.set(stream, new Set())
    this.#follow(vmId, stream)
    return stream
  }

  #follow(vmId: VmId, stream: Stream): void {
    const owner = ownerOf(this.#coordinator, vmId)
    if (owner) this.#runners.get(stream)?.add(owner.nodeId)
    stream.setOwner(owner)
  }

  #close(vmId: VmId, stream: Stream, reason: string): void {
    this.#streams.delete(vmId)
    this.#runners.delete(stream)
    stream.close(reason)
  }

  #followOwners(): void {
    for (const [vmId, stream] of this.#streams)
      if (this.#coordinator.state.vms.has(vmId)) this.#follow(vmId, stream)
      else this.#close(vmId, stream, 'the VM is removed')
  }

  /** Only while somebody looks. */
  #tick(): void {
    this.#nextTick()
    this.#nextTick = this.#clock.wakeAt(this.#clock.nowMs() + tickMs, () => {
      for (const [vmId, stream] of this.#streams) {
        stream.tick()
        if (stream.isIdle) this.#close(vmId, stream, 'nobody looks')
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
