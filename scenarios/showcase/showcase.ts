// Life for a cluster that somebody looks at: a few VMs of different kinds, a client that writes to
// a store, and now and then a migration of one of them. What `docker compose up` opens on. VMs that
// are there already are taken as they are, and all of them stay when it ends.
// Not here: breaking anything (scenarios/chaos/). Times in ms.

import type { Clock, Random } from '#env/env.ts'
import type { ClusterView, VmView } from '#proto/api.ts'
import { faultOf } from '#proto/faults.ts'
import { asVmId } from '#proto/ids.ts'
import type { ApiClient, RunInput } from '../api-client.ts'
import { KvClient } from '../kv-client.ts'
import { ClusterWatch } from '../runner/cluster-watch.ts'
import { Interrupted, Waiting } from '../runner/waiting.ts'

export interface ShowcasePorts {
  readonly api: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal
  /** Unlike that of every other client of the store. */
  readonly prefix: string
  readonly say: (text: string) => void
}

export interface ShowcaseWish {
  /** The pause between two migrations. */
  readonly everyMs: number
  /** Absent: until it is interrupted. */
  readonly forMs?: number
}

export interface ShowcaseReport {
  readonly migrations: number
  readonly acknowledged: number
  /** Its VMs that are there: they stay. */
  readonly vms: readonly string[]
}

const store = 'shop'
/** Small and quiet enough for three nodes on a laptop; the desktop is something to look at. */
export const cast: Readonly<Record<string, NonNullable<RunInput['spec']>>> = {
  [store]: { args: 'workload=kv', memoryMib: 16, diskMib: 8 },
  press: { args: 'workload=dirty wss=4 rate=400', memoryMib: 32 },
  proof: { args: 'workload=check mib=2 rate=100', memoryMib: 16 },
  desk: { args: 'workload=desktop', memoryMib: 32, screen: '640x400' },
}
const load = { id: 'showcase', vmId: store, writesPerSecond: 10, keys: 100, inFlight: 4 }
/** A cluster that starts beside it, on a busy machine. */
const startMsMax = 120_000
/** Who has just opened the page need not wait for the first migration. */
const firstMsMax = 1500
/** Somewhere to go. */
const nodesMin = 2

export class Showcase {
  readonly #ports: ShowcasePorts
  readonly #wish: ShowcaseWish
  readonly #waiting: Waiting
  readonly #open: { close(): void }[] = []
  #view: ClusterView | undefined
  #client: KvClient | undefined
  #migrations = 0
  readonly #started = new Set<string>()

  constructor(ports: ShowcasePorts, wish: ShowcaseWish) {
    this.#ports = ports
    this.#wish = wish
    this.#waiting = new Waiting(ports.clock, ports.signal)
  }

  async run(): Promise<ShowcaseReport> {
    const { api, clock } = this.#ports
    try {
      this.#open.push(new ClusterWatch(api, clock, (view) => this.#viewed(view)))
      await this.#waiting.until('nodes to be online', startMsMax, () => this.#hasRoom || undefined)
      for (const id of Object.keys(cast)) await this.#start(id)
      await this.#write()
      await this.#play(clock.nowMs() + (this.#wish.forMs ?? Number.POSITIVE_INFINITY))
    } catch (thrown) {
      if (!(thrown instanceof Interrupted)) throw thrown
    } finally {
      for (const one of this.#open) one.close()
    }
    const vms = Object.keys(cast).filter((id) => this.#started.has(id) || this.#vm(id))
    return { migrations: this.#migrations, acknowledged: this.#client?.acknowledged ?? 0, vms }
  }

  async #start(id: string): Promise<void> {
    if (this.#vm(id)) return
    const spec = cast[id]
    if (!spec) return
    const run = () => this.#ports.api.run({ id: asVmId(id), spec })
    if (await this.#tried(`${id} is started`, run)) this.#started.add(id)
  }

  async #write(): Promise<void> {
    const { api, clock, random, prefix, say } = this.#ports
    const runs = () => this.#vm(store)?.phase === 'running' || undefined
    await this.#waiting.until(`${store} to run`, startMsMax, runs)
    this.#client = new KvClient({ api, clock, random }, load, prefix, () => {})
    this.#open.push(this.#client)
    say(`a client writes to ${store}`)
  }

  async #play(untilMs: number): Promise<void> {
    const { clock, api, random } = this.#ports
    const { everyMs } = this.#wish
    let pauseMs = Math.min(firstMsMax, everyMs)
    for (; clock.nowMs() + pauseMs <= untilMs; pauseMs = everyMs) {
      await this.#waiting.sleep(pauseMs)
      const ready = Object.keys(cast).filter((id) => this.#vm(id)?.phase === 'running')
      const id = ready[random.below(Math.max(1, ready.length))]
      if (id === undefined || !this.#hasRoom) continue
      const isAsked = await this.#tried(`${id} moves`, () => api.migrate(id, {}))
      if (isAsked) this.#migrations += 1
    }
  }

  /** A cluster that somebody plays with may refuse anything: that is told, and no reason to end. */
  async #tried(text: string, ask: () => Promise<unknown>): Promise<boolean> {
    const { say } = this.#ports
    try {
      await ask()
      say(text)
      return true
    } catch (thrown) {
      say(`not now: ${faultOf(thrown).message}`)
      return false
    }
  }

  get #hasRoom(): boolean {
    const online = this.#view?.nodes.filter(({ phase }) => phase === 'online') ?? []
    return online.length >= nodesMin
  }

  #vm(id: string): VmView | undefined {
    return this.#view?.vms.find((vm) => vm.id === id)
  }

  #viewed(view: ClusterView): void {
    this.#view = view
    this.#waiting.changed()
  }
}
