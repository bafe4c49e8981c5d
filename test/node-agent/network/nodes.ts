// Nodes with nothing but their network: real switches, trunks and greetings over links in memory,
// guests that are lists of frames, and a clock that goes when told. A way between two nodes can be
// cut: then nothing passes it, and no end is told.

import type { Link } from '#env/env.ts'
import { MemoryLog, MemoryTransport, SeededRandom, VirtualClock } from '#env/memory.ts'
import type { HeldVm } from '#node-agent/held-vms.ts'
import { broadcastMac, ethertypes, macOfText, newFrame } from '#node-agent/network/ethernet.ts'
import { Network } from '#node-agent/network/network.ts'
import type { Delivery } from '#node-agent/network/vm-port.ts'
import { PeerSession } from '#node-agent/peer-session.ts'
import { asNodeId, type NodeId } from '#proto/ids.ts'
import type { Hello, Welcome } from '#proto/messages.ts'
import { protocolVersion, segmentVersion } from '#proto/units.ts'
import type { VmSpec } from '#proto/vm-spec.ts'
import { vmOrder } from '../coordinator-double.ts'

const welcome: Welcome = {
  ...{ t: 'welcome', protocolVersion, clusterId: 'test', leaseMs: 1000, heartbeatMs: 100 },
}

/** Its agent is one version older than segments. */
const oldVersion = segmentVersion - 1

/** A guest: what has come to it, and how much it can take. */
export interface Guest {
  readonly vm: HeldVm
  readonly got: Uint8Array[]
  takes: boolean
  hasDriver: boolean
}

export const payloadOf = (frame: Uint8Array): string =>
  new TextDecoder().decode(frame.subarray(14)).replaceAll('\0', '')

export class TestNode {
  readonly nodeId: NodeId
  readonly network: Network
  readonly guests = new Map<HeldVm, Guest>()
  readonly links: Link[] = []
  /** Batches that were handed to guests. */
  deliveries = 0
  readonly log: MemoryLog

  constructor(cluster: TestCluster, name: string) {
    this.nodeId = asNodeId(name)
    this.log = new MemoryLog()
    const { clock, transport } = cluster
    this.network = new Network({
      ...{ clock, log: this.log, nodeId: this.nodeId, random: new SeededRandom(name.length) },
      connect: (address) => transport.connect(address, limits, 1000),
      hello: () => cluster.helloOf(name),
      deliver: (vm, frames) => this.#deliver(vm, frames),
    })
  }

  /** A VM that runs here from now on; the same object may then run elsewhere. */
  run(guest: Guest): Guest {
    this.guests.set(guest.vm, guest)
    this.network.attach(guest.vm)
    return guest
  }

  leave(guest: Guest): void {
    this.network.detach(guest.vm)
    this.guests.delete(guest.vm)
  }

  /** The guest sends a text in a frame, with its own address if no other is named. */
  say(guest: Guest, to: Guest | 'all', text: string, source = guest.vm.identity.mac): void {
    const destination = to === 'all' ? broadcastMac : macOfText(to.vm.identity.mac)
    const frame = newFrame(destination, macOfText(source), ethertypes.ipv4, 100)
    frame.set(new TextEncoder().encode(text), 14)
    this.network.hear(guest.vm, [frame], 0)
  }

  async #deliver(vm: HeldVm, frames: readonly Uint8Array[]): Promise<Delivery> {
    const guest = this.guests.get(vm)
    this.deliveries++
    if (!guest?.takes) return new Promise(() => {})
    if (guest.hasDriver) guest.got.push(...frames)
    return { taken: guest.hasDriver ? frames.length : 0, hasDriver: guest.hasDriver }
  }
}

const limits = { messageBytesMax: 64 * 1024 }

const helloFrom = (name: string, token: string, protocolVersion: number): Hello => ({
  ...{ t: 'hello', protocolVersion, role: 'peer', token, nodeId: asNodeId(name) },
  ...{ incarnation: name, peerAddress: `ws://${name}:1`, pid: 1, vms: [] },
  capacity: { cores: 1, mipsPerCore: 0, memoryMib: 64 },
})

export class TestCluster {
  readonly clock = new VirtualClock(1000)
  readonly nodes: TestNode[]
  /** Tokens that differ from the cluster's. */
  readonly tokens = new Map<string, string>()
  /** Nodes that say they are older than segments. */
  readonly old = new Set<string>()
  readonly #memory = new MemoryTransport()
  /** Both ends of each link, as its node sends on it. */
  readonly #cut = new Set<string>()
  #guests = 0

  constructor(...names: string[]) {
    this.nodes = names.map((name) => new TestNode(this, name))
  }

  /** Links that stop carrying anything while their node is cut. */
  get transport() {
    return {
      connect: async (address: string, _limits: object, timeoutMs: number) =>
        this.#cuttable(
          new URL(address).hostname,
          await this.#memory.connect(address, limits, timeoutMs),
        ),
    }
  }

  helloOf(name: string): Hello {
    return helloFrom(name, this.tokens.get(name) ?? 'secret', this.#versionOf(name))
  }

  #versionOf(name: string): number {
    return this.old.has(name) ? oldVersion : protocolVersion
  }

  node(name: string): TestNode {
    const found = this.nodes.find(({ nodeId }) => nodeId === name)
    if (!found) throw new Error(`no node ${name}`)
    return found
  }

  /** Everybody listens, and hears who is there. */
  async start(): Promise<void> {
    for (const node of this.nodes)
      await this.#memory.listen(`ws://${node.nodeId}:1`, limits, (link) =>
        this.#accept(node, this.#cuttable(node.nodeId, link)),
      )
    this.tellNeighbours(this.nodes.map(({ nodeId }) => nodeId))
    await this.settle()
  }

  tellNeighbours(names: readonly string[]): void {
    const neighbours = names.map((name) => ({ nodeId: asNodeId(name), address: `ws://${name}:1` }))
    for (const { network } of this.nodes) network.become(neighbours)
  }

  guest(network: VmSpec['network'] = true): Guest {
    this.#guests++
    const vm = {
      ...vmOrder(`vm-${this.#guests}`, 1, { network }),
      state: 'running',
      launching: undefined,
    }
    const mac = `02:00:00:00:00:0${this.#guests}`
    const identity = { ...vm.identity, mac }
    const held = { ...vm, identity, migrationId: undefined } as HeldVm
    return { vm: held, got: [], takes: true, hasDriver: true }
  }

  /** Nothing passes between this node and others that connect to it, or that it accepted. */
  cut(name: string): void {
    this.#cut.add(name)
  }

  heal(name: string): void {
    this.#cut.delete(name)
  }

  /** Lets that much time pass, and everything happen that follows from it. */
  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 50) {
      this.clock.advance(Math.min(50, ms - passedMs))
      await this.settle()
    }
  }

  async settle(): Promise<void> {
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve))
  }

  #accept(node: TestNode, link: Link): void {
    node.links.push(link)
    new PeerSession(link, {
      ...{ clock: this.clock, log: node.log, token: 'secret' },
      welcome: () => ({ ...welcome, protocolVersion: this.#versionOf(node.nodeId) }),
      admit: () => {
        throw new Error('nobody migrates here')
      },
      open: () => Promise.reject(new Error('nobody migrates here')),
      reconnect: () => undefined,
      join: () => undefined,
      discard: () => undefined,
      admitReplica: () => {
        throw new Error('no replicas here')
      },
      openReplica: () => {
        throw new Error('no replicas here')
      },
      trunk: (nodeId, trunk, version) => node.network.accept(nodeId, trunk, version),
      closed: () => undefined,
    })
  }

  #cuttable(name: string, link: Link): Link {
    const isCut = () => this.#cut.has(name)
    return {
      peer: link.peer,
      get bufferedBytes() {
        return link.bufferedBytes
      },
      send: (bytes) => {
        if (!isCut()) link.send(bytes)
      },
      drained: (belowBytes) => link.drained(belowBytes),
      onMessage: (fn) =>
        link.onMessage((bytes) => {
          if (!isCut()) fn(bytes)
        }),
      onClose: (fn) => link.onClose(fn),
      close: (reason) => link.close(reason),
    }
  }
}
