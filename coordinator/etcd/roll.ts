// Where all coordinators of this cluster are for a browser: each that was given an address for
// others (--advertise) writes it into etcd, and all read what is there. Pages are told, so that one
// whose coordinator is away finds another.
// An entry outlives its coordinator by a quarter of an hour, for its pages are then still open, and
// the others have to know them as such; not longer, for its address may become somebody else's.
// Nothing else hangs on it. Not here: who leads (election.ts). Times in ms.

import type { Cancel, Clock, Log } from '#env/env.ts'
import { faultOf } from '#proto/faults.ts'
import { jsonOf } from '#proto/json.ts'
import { Candidate } from './election.ts'
import { type Etcd, type Found, grantLease, keepAlive, readAll, transact } from './etcd-words.ts'

export interface RollPorts {
  readonly etcd: Etcd
  readonly clock: Clock
  readonly log: Log
  /** Of everything of this cluster in etcd; ends in a slash. */
  readonly prefix: string
  readonly me: Candidate
  /** Undefined: nobody outside is told where it is. */
  readonly isPublic: boolean
}

/** How soon a coordinator that is new is known. */
const lookEveryMs = 5000
/** Of an entry, from the last time that its coordinator has looked. */
export const entryTtlSec = 900
const callMsMax = 1000
/** What a page tries is bounded, whatever is in etcd. */
const entriesMax = 16

export class Roll {
  readonly #ports: RollPorts
  #others: readonly Candidate[] = []
  #next: Cancel = () => undefined
  #isStopped = false
  #leaseId: string | undefined

  constructor(ports: RollPorts) {
    this.#ports = ports
  }

  /** All but this one, by name. */
  get others(): readonly Candidate[] {
    return this.#others
  }

  /** Resolves after the first look, whatever came of it. */
  start(): Promise<void> {
    return this.#look()
  }

  stop(): void {
    this.#isStopped = true
    this.#next()
  }

  get #key(): string {
    return `${this.#folder}${this.#ports.me.name}`
  }

  get #folder(): string {
    return `${this.#ports.prefix}coordinators/`
  }

  async #look(): Promise<void> {
    const { etcd, clock, log, me, isPublic } = this.#ports
    try {
      const found = await readAll(etcd, this.#folder, callMsMax)
      const all = found.flatMap(candidateIn)
      this.#others = all.filter(({ name }) => name !== me.name).slice(0, entriesMax)
      const own = all.find(({ name }) => name === me.name)
      if (isPublic) await this.#keep(own?.id === me.id)
    } catch (thrown) {
      log.debug('the other coordinators are not known', { ...faultOf(thrown) })
    }
    if (!this.#isStopped)
      this.#next = clock.wakeAt(clock.nowMs() + lookEveryMs, () => void this.#look())
  }

  /** @param isThere the entry is ours, and not one of this name from before */
  async #keep(isThere: boolean): Promise<void> {
    const { etcd, me } = this.#ports
    const known = this.#leaseId
    const leftMs = known === undefined ? 0 : await keepAlive(etcd, known, callMsMax)
    if ((isThere && leftMs > 0) || this.#isStopped) return
    const { leaseId } = await grantLease(etcd, entryTtlSec, callMsMax)
    this.#leaseId = leaseId
    const put = { put: this.#key, value: JSON.stringify(me), leaseId }
    await transact(etcd, { guards: [], writes: [put], otherwise: [this.#key] }, callMsMax)
  }
}

/** An origin, and nothing behind it: it becomes a word of a header. */
function candidateIn({ value }: Found): Candidate[] {
  const { data } = Candidate.safeParse(jsonOf(value))
  const url = URL.parse(data?.address ?? '')
  if (!data || !url || !/^https?:$/.test(url.protocol)) return []
  return [{ ...data, address: url.origin }]
}
