// Tells each agent which nodes there are and where, so that their switches become one network.
// An observer of the coordinator: nothing is decided here, and a list that is lost on its way is
// told again after the agent's next hello.
// Not here: who is a member (core/membership.ts), what agents do with it (node-agent/network/).
//
// A fenced node stays in the list: it may be cut off from the coordinator alone, and what it still
// runs has its network. One that has left in good order does not.

import type { Neighbour } from '#proto/network-messages.ts'
import type { Coordinator, Observer } from './coordinator.ts'
import type { LinkId } from './core/cluster-state.ts'
import type { Input } from './core/step-context.ts'

/** Observes the coordinator for as long as it lives. */
export function tellNeighbours(coordinator: Coordinator): void {
  coordinator.observe(new NeighbourList(coordinator))
}

class NeighbourList implements Observer {
  readonly #coordinator: Coordinator
  /** What all that had a link then were told last, as text. */
  #told = ''

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator
  }

  /** Only a hello or a goodbye can change the list. */
  stepped(input: Input): void {
    if (input.kind !== 'hello' && input.kind !== 'link-closed') return
    const nodes = this.#list()
    const text = JSON.stringify(nodes)
    const isNew = text !== this.#told
    this.#told = text
    for (const linkId of this.#links())
      if (isNew || (input.kind === 'hello' && input.linkId === linkId))
        this.#coordinator.sendTo(linkId, { t: 'neighbours', nodes })
  }

  #list(): Neighbour[] {
    return [...this.#coordinator.state.nodes.values()]
      .filter(({ phase }) => phase !== 'gone')
      .map(({ id: nodeId, peerAddress: address }) => ({ nodeId, address }))
  }

  #links(): LinkId[] {
    const nodes = [...this.#coordinator.state.nodes.values()]
    return nodes.flatMap(({ live }) => (live.linkId === undefined ? [] : [live.linkId]))
  }
}
