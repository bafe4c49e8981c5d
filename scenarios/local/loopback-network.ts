// The network of a local cluster: one door before every agent's peer port, and one from every node
// to the coordinator. It knows which ways are cut, slow or narrow, so that this holds for what is
// connected and what comes. Not here: how bytes pass and stop (tcp-proxy.ts, road.ts). Clients of
// the API do not pass any door.
//
//   node n1 ──▶ way to the coordinator (of n1) ──▶ coordinator
//   node n1 ──▶ peer door (of n2) ──▶ node n2           the caller: its socket's owner

import { realClock, realRandom } from '#env/real.ts'
import type { NodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { LinkShape } from '../link-shape.ts'
import type { CutLinks, Road as RoadEnds, Roads } from '../world.ts'
import { Road } from './road.ts'
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
const coordinatorEnd = 'coordinator'
/** Whoever calls and is no agent of ours: no name is empty. */
const unknownEnd = ''

export class LoopbackNetwork implements Roads {
  readonly #nodes = new Map<NodeId, NodeLinks>()
  /** Between two nodes. */
  readonly #cutLinks = new Set<string>()
  /** One direction each: `from>to`. */
  readonly #cutRoads = new Set<string>()
  readonly #roads = new Map<string, Road>()
  readonly #pids: () => ReadonlyMap<NodeId, number>

  /** `pids`: the agents that run now; asked when a connection comes. */
  constructor(pids: () => ReadonlyMap<NodeId, number>) {
    this.#pids = pids
  }

  /** Opens both doors of a node. */
  async addNode(id: NodeId): Promise<void> {
    invariant(!this.#nodes.has(id), `node ${id} has its doors already`)
    const between = (from: string, to: string) => ({
      there: this.#road(from, to),
      back: this.#road(to, from),
    })
    const toCoordinator = await Door.open(() => between(id, coordinatorEnd))
    const fromPeers = await Door.open((port) => between(this.#callerAt(port) ?? unknownEnd, id))
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
  cutNode(id: NodeId, links: CutLinks): void {
    const before = this.#links(id).cut
    this.#change(id, {
      coordinator: before.coordinator || links.coordinator,
      peers: before.peers || links.peers,
    })
  }

  /** Undoes every cut of this node, and of its links. */
  healNode(id: NodeId): void {
    for (const link of this.#cutLinks) if (namesOf(link).includes(id)) this.#cutLinks.delete(link)
    for (const road of this.#cutRoads) if (road.split('>').includes(id)) this.#cutRoads.delete(road)
    this.#change(id, whole)
  }

  async cut({ from, to }: RoadEnds): Promise<void> {
    this.#cutRoads.add(`${from}>${to}`)
    this.#review()
  }

  async heal({ from, to }: RoadEnds): Promise<void> {
    for (const end of [from, to]) this.#unfold(end as NodeId)
    this.#cutRoads.delete(`${from}>${to}`)
    this.#review()
  }

  async shape({ from, to }: RoadEnds, shape: LinkShape | undefined): Promise<void> {
    this.#road(from, to).reshape(shape)
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
    this.#cutRoads.delete(`${one}>${other}`)
    this.#cutRoads.delete(`${other}>${one}`)
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

  #road(from: string, to: string): Road {
    const name = `${from}>${to}`
    const road =
      this.#roads.get(name) ?? new Road(realClock, realRandom, () => this.#isCut(from, to))
    this.#roads.set(name, road)
    return road
  }

  #isCut(from: string, to: string): boolean {
    const cutOf = (end: string) => this.#nodes.get(end as NodeId)?.cut ?? whole
    const isToCoordinator = [from, to].includes(coordinatorEnd)
    const kind = isToCoordinator ? 'coordinator' : 'peers'
    if (cutOf(from)[kind] || cutOf(to)[kind]) return true
    return this.#cutRoads.has(`${from}>${to}`) || this.#cutLinks.has(linkOf(from, to))
  }

  /** Its cut as a whole becomes one of each of its ways, of which some may then be healed. */
  #unfold(id: NodeId): void {
    const links = this.#nodes.get(id)
    if (!links) return
    const { coordinator, peers } = links.cut
    links.cut = whole
    const others = [...this.#nodes.keys()].filter((other) => other !== id)
    for (const end of [...(coordinator ? [coordinatorEnd] : []), ...(peers ? others : [])])
      this.#cutRoads.add(`${id}>${end}`).add(`${end}>${id}`)
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
