// The network of a local cluster: one door before every agent's peer port, and one from every node
// to the coordinator. It knows which nodes are cut from what, so that a cut holds for what is
// connected and what comes. Not here: how bytes pass and stop (tcp-proxy.ts). Clients of the API do
// not pass any door.
//
//   node n1 ──▶ way to the coordinator (of n1) ──▶ coordinator
//   node n1 ──▶ peer door (of n2) ──▶ node n2           the caller: its socket's owner

import type { NodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { CutLinks } from '../world.ts'
import { ownerOfPort } from './socket-owner.ts'
import { Door } from './tcp-proxy.ts'

interface NodeLinks {
  /** From this node to the coordinator. */
  readonly toCoordinator: Door
  /** From any peer to this node. */
  readonly fromPeers: Door
  cut: CutLinks
}

const whole: CutLinks = { coordinator: false, peers: false }

export class LoopbackNetwork {
  readonly #nodes = new Map<NodeId, NodeLinks>()
  /** Between two nodes. */
  readonly #cutLinks = new Set<string>()
  readonly #pids: () => ReadonlyMap<NodeId, number>

  /** `pids`: the agents that run now; asked when a connection comes. */
  constructor(pids: () => ReadonlyMap<NodeId, number>) {
    this.#pids = pids
  }

  /** Opens both doors of a node. */
  async addNode(id: NodeId): Promise<void> {
    invariant(!this.#nodes.has(id), `node ${id} has its doors already`)
    const toCoordinator = await Door.open({
      callerAt: () => id,
      isCut: () => this.#links(id).cut.coordinator,
    })
    const fromPeers = await Door.open({
      callerAt: (port) => this.#callerAt(port),
      isCut: (from) =>
        this.#cutFromPeers(id) ||
        (from !== undefined && (this.#cutFromPeers(from) || this.#cutLinks.has(linkOf(id, from)))),
    })
    this.#nodes.set(id, { toCoordinator, fromPeers, cut: whole })
  }

  /** Where the agent of this node finds the coordinator. */
  coordinatorPort(id: NodeId): number {
    return this.#links(id).toCoordinator.port
  }

  /** Where peers find this node: what the agent advertises. */
  peerPort(id: NodeId): number {
    return this.#links(id).fromPeers.port
  }

  leadToCoordinator(port: number): void {
    for (const links of this.#nodes.values()) links.toCoordinator.leadTo(port)
  }

  leadToNode(id: NodeId, port: number): void {
    this.#links(id).fromPeers.leadTo(port)
  }

  /** Adds to the cuts there are. */
  cut(id: NodeId, links: CutLinks): void {
    const before = this.#links(id).cut
    this.#change(id, {
      coordinator: before.coordinator || links.coordinator,
      peers: before.peers || links.peers,
    })
  }

  /** Undoes every cut of this node, and of its links. */
  heal(id: NodeId): void {
    for (const link of this.#cutLinks) if (namesOf(link).includes(id)) this.#cutLinks.delete(link)
    this.#change(id, whole)
  }

  /** The one link between two nodes. */
  cutLink(one: NodeId, other: NodeId): void {
    invariant(one !== other, `node ${one} has no link to itself`)
    this.#links(one)
    this.#links(other)
    this.#cutLinks.add(linkOf(one, other))
    this.#review()
  }

  healLink(one: NodeId, other: NodeId): void {
    this.#cutLinks.delete(linkOf(one, other))
    this.#review()
  }

  cutOf(id: NodeId): CutLinks {
    return this.#links(id).cut
  }

  /** Those that were cut by themselves. */
  get cutLinks(): { readonly a: string; readonly b: string }[] {
    return [...this.#cutLinks].map((link) => {
      const [a = '', b = ''] = namesOf(link)
      return { a, b }
    })
  }

  async close(): Promise<void> {
    const doors = [...this.#nodes.values()].flatMap((n) => [n.toCoordinator, n.fromPeers])
    this.#nodes.clear()
    await Promise.all(doors.map((door) => door.close()))
  }

  #change(id: NodeId, cut: CutLinks): void {
    this.#links(id).cut = cut
    this.#review()
  }

  #review(): void {
    for (const { toCoordinator, fromPeers } of this.#nodes.values()) {
      toCoordinator.review()
      fromPeers.review()
    }
  }

  #links(id: NodeId): NodeLinks {
    const links = this.#nodes.get(id)
    invariant(links, `the network has no node ${id}`)
    return links
  }

  #cutFromPeers(id: string): boolean {
    return this.#nodes.get(id as NodeId)?.cut.peers ?? false
  }

  #callerAt(port: number): string | undefined {
    const pids = this.#pids()
    const pid = ownerOfPort(port, pids.values())
    return [...pids].find(([, candidate]) => candidate === pid)?.[0]
  }
}

/** No name has a space in it. */
const linkOf = (one: string, other: string): string => [one, other].sort().join(' ')
const namesOf = (link: string): string[] => link.split(' ')
