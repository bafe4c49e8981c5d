// The laboratory of a cluster in containers: takes what a person at the page, or `godwit chaos`,
// wishes broken, by way of the coordinator, and tells the keepers in the nodes' containers. It
// knows who is cut from whom, and tells it again to a node that comes anew.
// Not here: what a keeper does (keeper.ts), what may be wished (proto/laboratory.ts). Times in ms.

import type { Clock } from '#env/env.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { asNodeId, type NodeId } from '#proto/ids.ts'
import { AgentCopies, type LaboratoryView } from '#proto/laboratory.ts'
import type { Laboratory } from '../local/control.ts'
import type { AgentAnswer, CutLinks } from '../world.ts'
import { enrolEveryMs, type KeeperRequest, KeeperView, type SilentWays } from './keeper-wire.ts'

/** Asks a keeper at an address: `/` with a request, `/` and `/vms` without one. */
export type AskKeeper = (address: string, path: string, request?: KeeperRequest) => Promise<unknown>

interface Kept {
  address: string
  heardAtMs: number
  process: KeeperView['process']
  cut: CutLinks
}

const goneAfterMs = 3 * enrolEveryMs
const whole: CutLinks = { coordinator: false, peers: false }

export class ContainerLaboratory implements Laboratory {
  readonly #ask: AskKeeper
  readonly #clock: Clock
  readonly #nodes = new Map<NodeId, Kept>()
  readonly #cutLinks = new Set<string>()

  constructor(ask: AskKeeper, clock: Clock) {
    this.#ask = ask
    this.#clock = clock
  }

  /** A keeper says that it is there, from this address. */
  async enrol(id: string, address: string): Promise<void> {
    const before = this.#nodes.get(asNodeId(id))
    const isSame = before?.address === address && !this.#isGone(before)
    const heardAtMs = this.#clock.nowMs()
    const cut = before?.cut ?? whole
    const process = isSame ? before.process : 'running'
    this.#nodes.set(asNodeId(id), { address, heardAtMs, process, cut })
    if (!isSame) await this.#silenceAll()
  }

  killNode = (id: NodeId) => this.#tell(id, { do: 'kill' })
  startNode = (id: NodeId) => this.#tell(id, { do: 'revive' })
  hangNode = async (id: NodeId, forMs: number) => {
    await this.#tell(id, { do: 'hang', forMs })
    this.#clock.wakeAt(this.#clock.nowMs() + forMs, () => {
      const node = this.#nodes.get(id)
      if (node?.process === 'hung') node.process = 'running'
    })
  }
  wakeNode = (id: NodeId) => this.#tell(id, { do: 'wake' })

  async cutNode(id: NodeId, links: CutLinks): Promise<void> {
    const node = this.#node(id)
    node.cut = {
      coordinator: node.cut.coordinator || links.coordinator,
      peers: node.cut.peers || links.peers,
    }
    await this.#silenceAll()
  }

  async healNode(id: NodeId): Promise<void> {
    this.#node(id).cut = whole
    for (const link of this.#cutLinks) if (namesOf(link).includes(id)) this.#cutLinks.delete(link)
    await this.#silenceAll()
  }

  async cutLink(one: NodeId, other: NodeId): Promise<void> {
    if (one === other) throw refused('bad-request', `${one} has no link to itself.`)
    this.#node(one)
    this.#node(other)
    this.#cutLinks.add(linkOf(one, other))
    await this.#silenceAll()
  }

  async healLink(one: NodeId, other: NodeId): Promise<void> {
    this.#cutLinks.delete(linkOf(one, other))
    await this.#silenceAll()
  }

  killCoordinator = () => this.#notTheCoordinator()
  restartCoordinator = () => this.#notTheCoordinator()

  standing(): LaboratoryView {
    const nodes = [...this.#nodes].map(([id, node]) => ({
      ...{ id, cut: { ...node.cut } },
      process: this.#isGone(node) ? ('exited' as const) : node.process,
    }))
    const links = [...this.#cutLinks].map((link) => {
      const [a = '', b = ''] = namesOf(link)
      return { a, b }
    })
    return { nodes, links }
  }

  async copies(): Promise<readonly AgentAnswer[]> {
    const answers = await Promise.all(
      [...this.#nodes].map(async ([nodeId, node]) => {
        if (this.#isGone(node) || node.process !== 'running') return []
        const copies = await this.#ask(node.address, '/vms').catch(() => undefined)
        const read = AgentCopies.safeParse(copies).data
        return read ? [{ nodeId, copies: read }] : []
      }),
    )
    return answers.flat()
  }

  async #tell(id: NodeId, request: KeeperRequest): Promise<void> {
    const node = this.#node(id)
    node.process = KeeperView.parse(await this.#ask(node.address, '/', request)).process
  }

  /** Tells every node which of its ways are silent; one that cannot be told will enrol again. */
  async #silenceAll(): Promise<void> {
    const living = [...this.#nodes].filter(([, node]) => !this.#isGone(node))
    await Promise.all(
      living.map(([id, { address }]) =>
        this.#ask(address, '/', { do: 'silence', ways: this.#silentWays(id) }).catch(() => {}),
      ),
    )
  }

  #silentWays(id: NodeId): SilentWays {
    const { coordinator, peers } = this.#node(id).cut
    const others = [...this.#nodes].filter(([other]) => other !== id)
    const from = others.flatMap(([other, { address, cut }]) =>
      cut.peers || this.#cutLinks.has(linkOf(id, other)) ? [address] : [],
    )
    return { coordinator, peers, from }
  }

  #isGone({ heardAtMs }: Kept): boolean {
    return this.#clock.nowMs() - heardAtMs > goneAfterMs
  }

  #node(id: NodeId): Kept {
    const node = this.#nodes.get(id)
    if (node) return node
    const known = [...this.#nodes.keys()].join(', ') || 'none'
    throw refused('unknown-node', `No keeper of ${id} is known; there are: ${known}.`)
  }

  async #notTheCoordinator(): Promise<never> {
    throw refused('wrong-state', 'The coordinator has no keeper: docker kill, docker start.')
  }
}

const refused = (code: 'bad-request' | 'unknown-node' | 'wrong-state', text: string) =>
  new FaultError(fault(code, text))
/** No name has a space in it. */
const linkOf = (one: string, other: string): string => [one, other].sort().join(' ')
const namesOf = (link: string): string[] => link.split(' ')
