// The coordinator of the simulated world: the very same, as a process that can be killed and
// started again on what its store holds. What it is asked comes by a call, as from the HTTP API.
// Not here: HTTP itself (coordinator/shell/).

import type { AccountShelf, ShelfEntry } from '#coordinator/accounts/records.ts'
import { welcomeAgent } from '#coordinator/agent-links.ts'
import { ConsoleHub } from '#coordinator/console/console-hub.ts'
import { Coordinator, type FenceDevice } from '#coordinator/coordinator.ts'
import type { Settings } from '#coordinator/core/cluster-state.ts'
import { plainCopy } from '#coordinator/core/plain-copy.ts'
import type { RecordKey, StoredRecord } from '#coordinator/core/records.ts'
import type { Leadership } from '#coordinator/etcd/leadership.ts'
import { ScreenHub } from '#coordinator/screen/screen-hub.ts'
import type { ClusterStore } from '#coordinator/store.ts'
import type { Listener, Log, Random, Tracer } from '#env/env.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimProcess } from './sim-process.ts'

export const coordinatorName = 'coordinator'
/** Of several each has a number behind that. */
export const isCoordinator = (name: string): boolean => name.startsWith(coordinatorName)
export const addressOf = (coordinator: string): string => `ws://${coordinator}:7070/agent`

/** Durable at once, and there after every crash. */
export class SimStore implements ClusterStore {
  readonly people = new SimShelf()
  /** By kind and id. */
  readonly #records = new Map<string, Map<string, StoredRecord>>()

  load(): StoredRecord[] {
    return plainCopy([...this.#records.values()].flatMap((ofKind) => [...ofKind.values()]))
  }

  apply(puts: readonly StoredRecord[], deletes: readonly RecordKey[]): undefined {
    for (const { kind, id } of deletes) this.#ofKind(kind).delete(id)
    // What is put is a copy already (stored-state.ts), and nobody changes it.
    for (const record of puts) this.#ofKind(record.kind).set(record.id, record)
  }

  #ofKind(kind: string): Map<string, StoredRecord> {
    const known = this.#records.get(kind)
    if (known) return known
    const ofKind = new Map<string, StoredRecord>()
    this.#records.set(kind, ofKind)
    return ofKind
  }

  close(): void {}
}

class SimShelf implements AccountShelf {
  readonly #entries = new Map<string, ShelfEntry>()

  load(): ShelfEntry[] {
    return structuredClone([...this.#entries.values()])
  }

  put(entry: ShelfEntry): void {
    this.#entries.set(`${entry.kind}/${entry.id}`, structuredClone(entry))
  }

  remove(kind: ShelfEntry['kind'], id: string): void {
    this.#entries.delete(`${kind}/${id}`)
  }
}

export interface SimCoordinatorOptions {
  readonly network: SimNetwork
  readonly store: ClusterStore
  readonly random: Random
  readonly log: Log
  readonly tracer?: Tracer | undefined
  readonly settings: Settings
  readonly token: string
  readonly fence: FenceDevice
  /** See CoordinatorPorts. */
  readonly checkEveryMs: number
  /** Of one of several. */
  readonly leadership?: Leadership | undefined
}

export class SimCoordinator {
  readonly process: SimProcess
  readonly coordinator: Coordinator
  /** Accounts, and what was given to them. */
  readonly people: AccountShelf
  readonly consoles: ConsoleHub
  readonly screens: ScreenHub
  readonly #listener: Promise<Listener>

  constructor(process: SimProcess, options: SimCoordinatorOptions) {
    const { network, store, random, token, fence, tracer, checkEveryMs, leadership } = options
    const log = options.log.child({ node: process.name })
    this.process = process
    this.people = store.people
    this.coordinator = new Coordinator(
      {
        ...{ clock: process, random, log, store, fence, tracer, checkEveryMs },
        ...(leadership && { leadership }),
      },
      { ...options.settings, ...(leadership && { term: leadership.term }) },
      'sim',
    )
    this.coordinator.start()
    const { coordinator } = this
    this.consoles = new ConsoleHub(coordinator, process)
    this.screens = new ScreenHub(coordinator, process)
    const { consoles, screens } = this
    const door = { coordinator, consoles, screens, clock: process, log, token, leadership }
    const limits = { messageBytesMax: 8 << 20 }
    this.#listener = network
      .transportOf(process)
      .listen(addressOf(process.name), limits, (link) => welcomeAgent(door, link))
  }

  /** It leads no more: another one may listen for this process. */
  async stop(reason: string): Promise<void> {
    this.coordinator.stop(reason)
    await (await this.#listener).close()
  }
}
