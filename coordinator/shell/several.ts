// One of several coordinators on one etcd: it follows until it is elected, leads for as long as it
// may with all that the only one would do (server.ts), and follows again. Always on the same port.
// Not here: who is elected (etcd/election.ts), what a follower serves (follower.ts).

import { sleep } from '#env/sleep.ts'
import { faultOf } from '#proto/faults.ts'
import { type Candidate, Election } from '../etcd/election.ts'
import { leaderKeyOf, openEtcdStore } from '../etcd/etcd-store.ts'
import type { Etcd } from '../etcd/etcd-words.ts'
import type { Leadership } from '../etcd/leadership.ts'
import { Roll } from '../etcd/roll.ts'
import { hexOf } from '../identity.ts'
import { type Follower, serveFollower } from './follower.ts'
import { type CoordinatorServer, checkPlace, type ServerOptions, startServer } from './server.ts'

export interface SeveralOptions extends Omit<ServerOptions, 'store' | 'leadership' | 'others'> {
  readonly etcd: Etcd
  /** Of everything of this cluster in etcd; ends in a slash. */
  readonly prefix: string
  /** What it is called among the others. */
  readonly name: string
  /** Where clients and agents reach it, when that is not where it listens. */
  readonly advertise?: string | undefined
  /** Of the leader's lease in etcd. */
  readonly ttlMs: number
}

/** One that could not begin to lead leaves it to others for a while. */
const restMs = 1000
const answersMs = 50

export class OneOfSeveral {
  readonly #options: SeveralOptions
  #leader: Candidate | undefined
  #follower: Follower | undefined
  #server: CoordinatorServer | undefined
  #election: Election | undefined
  #roll: Roll | undefined
  #port = 0
  #isStopped = false

  constructor(options: SeveralOptions) {
    this.#options = options
  }

  /** Of this one, while it leads. */
  get server(): CoordinatorServer | undefined {
    return this.#server
  }

  /** @returns where it serves, as a follower at first */
  async start(): Promise<string> {
    const { etcd, clock, log, prefix, name, random, ttlMs, host } = this.#options
    checkPlace(this.#options)
    this.#port = this.#options.port
    await this.#follow()
    const scheme = this.#options.credentials ? 'https' : 'http'
    const own = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${this.#port}`
    const address = this.#options.advertise?.replace(/\/+$/, '') ?? own
    const me = { name, address, id: hexOf(random.bytes(8)) }
    const isPublic = this.#options.advertise !== undefined
    this.#roll = new Roll({ etcd, clock, log, prefix, me, isPublic })
    void this.#roll.start()
    this.#election = new Election({
      ...{ etcd, clock, log, ttlMs, key: leaderKeyOf(prefix) },
      me,
      lead: (leadership) => this.#lead(leadership),
      follow: (leader) => {
        this.#leader = leader
      },
    })
    this.#election.start()
    return own
  }

  /** Whoever follows need not wait until its lease has run out. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#roll?.stop()
    await this.#election?.stop()
    await this.#follower?.close()
  }

  async #follow(): Promise<void> {
    const { host, credentials, log } = this.#options
    const leader = () => this.#leader
    const port = this.#port
    this.#follower = await serveFollower({
      ...{ host, port, credentials, log, leader },
      isStuck: () => this.#election?.isStuck ?? false,
      others: () => this.#roll?.others ?? [],
    })
    this.#port = this.#follower.port
  }

  async #lead(leadership: Leadership): Promise<void> {
    const { clock, log, onBug } = this.#options
    this.#leader = undefined
    try {
      await this.#serve(leadership)
      const { code } = await leadership.ended
      this.#server?.coordinator.stop(code)
      // Whoever has asked meanwhile still hears that it leads no more.
      await sleep(clock, answersMs)
      await this.#server?.stop(code)
    } catch (thrown) {
      const why = faultOf(thrown)
      if (why.code === 'internal') return onBug(thrown)
      log.error('could not begin to lead', { ...why })
      await sleep(clock, restMs)
    }
    this.#server = undefined
    if (!this.#isStopped && !this.#follower) await this.#follow()
  }

  /** What there is is read first: until then somebody answers, if only that nobody leads. */
  async #serve(leadership: Leadership): Promise<void> {
    const { etcd, clock, prefix, settings, name } = this.#options
    const store = await openEtcdStore({ etcd, clock, leadership, prefix })
    await this.#follower?.close()
    this.#follower = undefined
    this.#server = await startServer({
      ...{ ...this.#options, store, leadership, port: this.#port },
      settings: { ...settings, term: leadership.term, leaderName: name },
      others: () => this.#roll?.others ?? [],
    })
  }
}
