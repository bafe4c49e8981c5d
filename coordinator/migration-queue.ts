// How many migrations run at once: out of each node, into each node, and in all. Built of
// p-queue: a migration holds a place in the queue of its source, then of its destination, then of
// the cluster (always in this order, so that no two can wait for each other), and is then admitted;
// it gives all of them back when it ends. It only paces: whether an admitted migration may begin is
// for the core to decide, and only the core knows its phase.

import PQueue from 'p-queue'
import type { MigrationId, NodeId } from '#proto/ids.ts'

/** More at once would only share the same links and cores, and stretch every downtime. */
export interface QueueLimits {
  readonly migrationsMax: number
  /** Out of a node, and into one. */
  readonly migrationsPerNodeMax: number
}

interface Ticket {
  readonly ended: Promise<void>
  readonly end: () => void
  hasEnded: boolean
}

export class MigrationQueue {
  readonly #admit: (id: MigrationId) => void
  readonly #perNode: number
  readonly #all: PQueue
  readonly #out = new Map<NodeId, PQueue>()
  readonly #into = new Map<NodeId, PQueue>()
  readonly #tickets = new Map<MigrationId, Ticket>()

  constructor(admit: (id: MigrationId) => void, limits: QueueLimits) {
    this.#admit = admit
    this.#perNode = limits.migrationsPerNodeMax
    this.#all = new PQueue({ concurrency: limits.migrationsMax })
  }

  /** Admits it when there is a place for it, which may be at once (never before returning). */
  add(id: MigrationId, from: NodeId, to: NodeId): void {
    const { promise, resolve } = Promise.withResolvers<void>()
    const ticket: Ticket = { ended: promise, end: resolve, hasEnded: false }
    this.#tickets.set(id, ticket)
    const hold = async () => {
      if (ticket.hasEnded) return
      this.#admit(id)
      await ticket.ended
    }
    const inAll = () => this.#all.add(hold)
    const inDestination = () => this.#queueOf(this.#into, to).add(inAll)
    void this.#queueOf(this.#out, from).add(inDestination)
  }

  /** It has ended, or will never begin: its places are free. */
  end(id: MigrationId): void {
    const ticket = this.#tickets.get(id)
    if (!ticket) return
    this.#tickets.delete(id)
    ticket.hasEnded = true
    ticket.end()
  }

  #queueOf(queues: Map<NodeId, PQueue>, nodeId: NodeId): PQueue {
    const queue = queues.get(nodeId) ?? new PQueue({ concurrency: this.#perNode })
    queues.set(nodeId, queue)
    return queue
  }
}
