// The network of this node's VMs: their ports, the switch between them, the trunks to other nodes,
// and the announcements that tell those where a VM is now.
// Not here: where a frame goes (switch.ts), what is answered here (address-answers.ts), links
// (trunks.ts), the guest's device (engine/devices/virtio-net.ts). Times in ms.
//
// A VM has a port from before its first instruction here until it stands still for good: a copy
// that arrives has none, a source has none from its last pause on, so that an address is never at
// two ports. What comes in at once goes out in batches, one for each port, when all of it has been
// looked at.

import type { Cancel, Clock, Log, Random } from '#env/env.ts'
import type { NodeId } from '#proto/ids.ts'
import type { SourceMessage } from '#proto/messages.ts'
import type { Neighbour } from '#proto/network-messages.ts'
import type { MessageLink } from '#proto/wire.ts'
import type { HeldVm } from '../held-vms.ts'
import { answersTo } from './address-answers.ts'
import { announcement } from './ethernet.ts'
import { LearningSwitch } from './switch.ts'
import { newTraffic, pass, type Traffic } from './traffic.ts'
import type { Trunk } from './trunk.ts'
import { Trunks } from './trunks.ts'
import { type Delivery, VmPort } from './vm-port.ts'

export interface NetworkPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly nodeId: NodeId
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  /** Hands frames to a guest; resolves to how many it took, and whether it ever will. */
  deliver: (vm: HeldVm, frames: readonly Uint8Array[]) => Promise<Delivery>
}

/** What a link that has become a trunk tells the network. */
export interface TrunkEnd {
  /** A binary message, kind byte removed. */
  receive(bytes: Uint8Array): void
  closed(reason: string): void
}

type Port = VmPort | Trunk

/**
 * When a VM that has begun to run here is announced, after that: several times, for each may be
 * lost, and with growing gaps, as QEMU does it.
 */
const announceAfterMs = [0, 50, 200, 450, 800]

export class Network {
  readonly traffic: Traffic = newTraffic()
  readonly #ports: NetworkPorts
  readonly #trunks: Trunks
  readonly #switch = new LearningSwitch<Port>()
  readonly #vms = new Map<HeldVm, VmPort>()
  /** What goes out of which port when all that has come in is looked at. */
  readonly #outgoing = new Map<Port, Uint8Array[]>()
  readonly #announcing = new Map<VmPort, Cancel>()
  /** Of guests' frames, to each other node. */
  readonly #trunkBytes = new Map<NodeId, number>()
  #neighbours: readonly Neighbour[] = []

  constructor(ports: NetworkPorts) {
    this.#ports = ports
    this.#trunks = new Trunks({
      ...ports,
      up: (trunk) => this.#addTrunk(trunk),
      down: (trunk) => this.#switch.remove(trunk),
      frames: (trunk, frames, segment) => this.#take(trunk, frames, segment),
    })
  }

  /** The VM begins to run here, or goes on. */
  attach(vm: HeldVm): void {
    if (!vm.spec.network || this.#vms.has(vm)) return
    const port = new VmPort(vm, (frames) => this.#ports.deliver(vm, frames), this.traffic)
    this.#vms.set(vm, port)
    this.#switch.add(port)
    this.#announce(port, 0)
  }

  /** It does not run here any more. */
  detach(vm: HeldVm): void {
    const port = this.#vms.get(vm)
    if (port === undefined) return
    this.#vms.delete(vm)
    this.#switch.remove(port)
    this.#announcing.get(port)?.()
    this.#announcing.delete(port)
  }

  /** It is among others from now on. What is on its way to it was sent when it was not yet. */
  rejoin(vm: HeldVm): void {
    if (!this.#vms.has(vm)) return
    this.detach(vm)
    this.attach(vm)
  }

  /** What a guest has sent, and how many frames its device has lost. */
  hear(vm: HeldVm, frames: readonly Uint8Array[], lost: number): void {
    this.traffic.lost.device += lost
    const port = this.#vms.get(vm)
    port?.wake()
    if (port) this.#take(port, frames, port.segment)
    else this.traffic.lost['no-port'] += frames.length
  }

  /** All nodes of the cluster, this one among them. */
  become(neighbours: readonly Neighbour[]): void {
    this.#neighbours = neighbours.filter(({ nodeId }) => nodeId !== this.#ports.nodeId)
    this.#trunks.become(neighbours)
  }

  /** A link on which another node has asked for a trunk; `version`: the protocol that it speaks. */
  accept(from: NodeId, link: MessageLink, version: number): TrunkEnd {
    const trunk = this.#trunks.accept(from, link, version)
    return {
      receive: (bytes) => this.#trunks.receive(trunk, bytes),
      closed: (reason) => this.#trunks.drop(trunk, reason),
    }
  }

  /** All other nodes. */
  /** Which node is there now; of one that nobody knows, the address itself. */
  nameAt(address: string): string {
    return this.#neighbours.find((each) => each.address === address)?.nodeId ?? address
  }

  get neighbours(): readonly Neighbour[] {
    return this.#neighbours
  }

  /** Whether there is one, and what has gone over those there were. */
  trunkTo(nodeId: NodeId): { readonly isTrunkUp: boolean; readonly trunkBytes: number } {
    const isTrunkUp = this.#trunks.all().some(({ name, isUp }) => name === nodeId && isUp)
    return { isTrunkUp, trunkBytes: this.#trunkBytes.get(nodeId) ?? 0 }
  }

  get trunkCount(): number {
    return this.#trunks.all().length
  }

  /** Addresses of other nodes' VMs that it has heard. */
  get learned(): number {
    return this.#switch.learned
  }

  close(reason: string): void {
    for (const vm of [...this.#vms.keys()]) this.detach(vm)
    this.#trunks.close(reason)
  }

  #addTrunk(trunk: Trunk): void {
    this.#switch.add(trunk)
    // Whoever has lost sight of this node may have the wrong idea of where its VMs are.
    const ports = Map.groupBy(this.#vms.values(), ({ segment }) => segment)
    for (const [segment, here] of ports)
      trunk.send(
        here.map(({ mac }) => announcement(mac)),
        segment,
      )
  }

  /** All of one segment, as what goes out then is. */
  #take(from: Port, frames: readonly Uint8Array[], segment: string): void {
    pass(this.traffic[from.kind].in, frames)
    for (const frame of frames) this.#takeOne(from, frame, segment)
    for (const [port, outgoing] of this.#outgoing) this.#send(port, outgoing, segment)
    this.#outgoing.clear()
  }

  #takeOne(from: Port, frame: Uint8Array, segment: string): void {
    const answers = from.kind === 'vm' ? answersTo(frame, from.owner) : undefined
    if (answers !== undefined) {
      for (const answer of answers) this.#put(from, answer)
      return
    }
    const verdict = this.#switch.forward(from, frame, this.#ports.clock.nowMs(), segment)
    if (typeof verdict === 'string') this.traffic.lost[verdict]++
    else for (const port of verdict) this.#put(port, frame)
  }

  #put(port: Port, frame: Uint8Array): void {
    const outgoing = this.#outgoing.get(port)
    if (outgoing) outgoing.push(frame)
    else this.#outgoing.set(port, [frame])
  }

  #send(port: Port, frames: readonly Uint8Array[], segment: string): void {
    const sent = port.kind === 'trunk' ? port.send(frames, segment) : port.send(frames)
    const passed = sent === frames.length ? frames : frames.slice(0, sent)
    pass(this.traffic[port.kind].out, passed)
    if (port.kind === 'trunk') this.#countOut(port.name, passed)
    this.traffic.lost.backlog += frames.length - sent
  }

  #countOut(nodeId: NodeId, frames: readonly Uint8Array[]): void {
    let bytes = this.#trunkBytes.get(nodeId) ?? 0
    for (const frame of frames) bytes += frame.length
    this.#trunkBytes.set(nodeId, bytes)
  }

  #announce(port: VmPort, nth: number): void {
    const [afterMs, before] = [announceAfterMs[nth], announceAfterMs[nth - 1] ?? 0]
    if (afterMs === undefined) return
    const { clock } = this.#ports
    const announcing = clock.wakeAt(clock.nowMs() + afterMs - before, () => {
      const frame = announcement(port.mac)
      for (const trunk of this.#trunks.all()) trunk.send([frame], port.segment)
      this.#announce(port, nth + 1)
    })
    this.#announcing.set(port, announcing)
  }
}
