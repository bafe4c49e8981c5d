// What somebody looks at, at the page: asks the agents that can see it, for as long as anybody
// does, and hands on what they tell. A VM is followed from node to node. Nothing is decided here,
// and the core does not see it, as with consoles. Not here: what an agent tells
// (node-agent/sights.ts), WebSockets (shell/). Times in ms.

import type { Cancel, Clock } from '#env/env.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import type { Look, Sight, SightView } from '#proto/sights.ts'
import type { Coordinator } from '../coordinator.ts'
import { LinkRates } from './link-rates.ts'

/** What one client wants to see. */
export interface Wish {
  readonly links: boolean
  readonly vmId: VmId | undefined
}

export interface SightClient {
  readonly wish: Wish
  /** What it has not read yet: one that does not keep up misses sights, and gets the next ones. */
  readonly bufferedBytes: number
  see(view: SightView): void
}

const tickMs = 250
/** Asked again after so long; an agent forgets it after this. */
const askEveryMs = 1000
const askForMs = 2500
const clientBytesMax = 1 << 20
/** Agents before it do not know what is asked. */
const looksVersion = 2

export class SightHub {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #clients = new Set<SightClient>()
  readonly #rates = new LinkRates()
  /** What each node was asked last, and when. */
  readonly #asked = new Map<NodeId, { readonly look: string; readonly atMs: number }>()
  #nextTick: Cancel | undefined

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
  }

  /** @returns what ends it */
  attach(client: SightClient): () => void {
    this.#clients.add(client)
    this.#nextTick?.()
    this.#tick()
    return () => this.#clients.delete(client)
  }

  stop(): void {
    this.#nextTick?.()
    this.#nextTick = undefined
    this.#clients.clear()
  }

  /** What a node tells, over its own link. */
  hear(nodeId: NodeId, { atMs, links, pages }: Sight): void {
    if (links) this.#rates.see(nodeId, atMs, this.#clock.nowMs(), links)
    for (const map of pages ?? []) {
      if (this.#coordinator.state.vms.get(map.vmId)?.nodeId !== nodeId) continue
      for (const client of this.#clients)
        if (client.wish.vmId === map.vmId) show(client, { pages: map })
    }
  }

  #tick(): void {
    this.#nextTick = undefined
    if (this.#clients.size === 0) {
      this.#asked.clear()
      return
    }
    for (const { id, live } of this.#coordinator.state.nodes.values())
      if (live.linkId !== undefined && live.protocolVersion >= looksVersion)
        this.#ask(id, live.linkId)
    this.#showLinks()
    this.#nextTick = this.#clock.wakeAt(this.#clock.nowMs() + tickMs, () => this.#tick())
  }

  #ask(nodeId: NodeId, linkId: number): void {
    const nowMs = this.#clock.nowMs()
    const message = this.#lookAt(nodeId)
    const before = this.#asked.get(nodeId)
    if (!message.links && message.vmIds.length === 0 && before === undefined) return
    const look = `${linkId} ${message.links} ${message.vmIds.join()}`
    if (before?.look === look && nowMs - before.atMs < askEveryMs) return
    this.#asked.set(nodeId, { look, atMs: nowMs })
    this.#coordinator.sendTo(linkId, message)
  }

  #lookAt(nodeId: NodeId): Look {
    const vmIds = new Set<VmId>()
    let links = false
    for (const { wish } of this.#clients) {
      links ||= wish.links
      const vm = wish.vmId && this.#coordinator.state.vms.get(wish.vmId)
      if (vm && vm.nodeId === nodeId) vmIds.add(vm.id)
    }
    return { t: 'look', links, vmIds: [...vmIds].slice(0, 8), forMs: askForMs }
  }

  #showLinks(): void {
    const watching = [...this.#clients].filter(({ wish }) => wish.links)
    if (watching.length === 0) return
    const links = this.#rates.views(this.#clock.nowMs())
    for (const client of watching) show(client, { links })
  }
}

function show(client: SightClient, view: SightView): void {
  if (client.bufferedBytes < clientBytesMax) client.see(view)
}
