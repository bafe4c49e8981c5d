// Several coordinators of the simulated world on one etcd: processes that stand for election, lead
// with all that the only one would do while they may, and stand again. It watches one law by
// itself: nobody is elected while another one, by its own clock, still leads.
// Not here: who is elected (coordinator/etcd/election.ts), what etcd does (sim-etcd.ts). Virtual
// ms.

import { Election } from '#coordinator/etcd/election.ts'
import { leaderKeyOf, openEtcdStore } from '#coordinator/etcd/etcd-store.ts'
import type { Etcd } from '#coordinator/etcd/etcd-words.ts'
import type { Leadership } from '#coordinator/etcd/leadership.ts'
import type { ClusterStore } from '#coordinator/store.ts'
import type { Log } from '#env/env.ts'
import type { VirtualClock } from '#env/memory.ts'
import { coordinatorName, type SimCoordinator } from './sim-coordinator.ts'
import { type SimEtcd, unanswered } from './sim-etcd.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimProcess } from './sim-process.ts'

export const etcdName = 'etcd'
const prefix = 'sim/'
/** The shortest that etcd gives: three of four parts of it a leader leads alone. */
const ttlMs = 2000

export interface CouncilPorts {
  readonly etcd: SimEtcd
  readonly network: SimNetwork
  readonly clock: VirtualClock
  readonly log: Log
  /** A new process of this name. */
  begin(name: string): SimProcess
  /** A coordinator of this process, on what there is in this store. */
  serve(process: SimProcess, place: Place): SimCoordinator
  broken(law: string): void
}

/** What one that leads has besides what every coordinator has. */
export interface Place {
  readonly store: ClusterStore
  readonly leadership: Leadership
}

export class SimCouncil {
  readonly names: readonly string[]
  readonly #ports: CouncilPorts
  readonly #seats = new Map<string, Seat>()
  #leader: SimCoordinator | undefined

  constructor(count: number, ports: CouncilPorts) {
    this.names = Array.from({ length: count }, (_, at) => `${coordinatorName}${at + 1}`)
    this.#ports = ports
    for (const name of this.names) this.restart(name)
  }

  /** The one that began to lead last, whatever has become of it; undefined: nobody ever has. */
  get leader(): SimCoordinator | undefined {
    return this.#leader
  }

  /** It may decide, and can. */
  get isLed(): boolean {
    return [...this.#seats.values()].some(
      ({ coordinator, leads, process }) =>
        coordinator !== undefined && coordinator === this.#leader && leads && process.isGoing,
    )
  }

  process(name: string): SimProcess {
    const seat = this.#seats.get(name)
    if (!seat) throw new Error(`there is no coordinator ${name}`)
    return seat.process
  }

  /** The next that it asks of etcd arrives so late: it was given up long before. */
  delay(name: string, ms: number): void {
    this.#seats.get(name)?.etcd.delay(ms)
  }

  /** A new process of that name. */
  restart(name: string): void {
    const process = this.#ports.begin(name)
    const seat = new Seat(process, this.#ports, {
      elected: (leadership) => this.#see(name, leadership),
      leads: (coordinator) => {
        this.#leader = coordinator
      },
    })
    this.#seats.set(name, seat)
  }

  #see(name: string, { term }: Leadership): void {
    for (const { process, leads, leadership } of this.#seats.values())
      if (process.name !== name && process.isAlive && leads)
        this.#ports.broken(
          `${name} was elected for term ${term} while ${process.name} led by its own clock ` +
            `(term ${leadership?.term})`,
        )
  }
}

interface SeatEvents {
  elected(leadership: Leadership): void
  leads(coordinator: SimCoordinator): void
}

/** One of them, as long as its process lives. */
class Seat {
  readonly process: SimProcess
  coordinator: SimCoordinator | undefined
  leadership: Leadership | undefined
  readonly #ports: CouncilPorts
  readonly #events: SeatEvents
  readonly etcd: EtcdRoad

  constructor(process: SimProcess, ports: CouncilPorts, events: SeatEvents) {
    this.process = process
    this.#ports = ports
    this.#events = events
    this.etcd = new EtcdRoad(process, ports)
    const { name } = process
    const election = new Election({
      ...{ etcd: this.etcd, clock: process, log: ports.log.child({ node: name }) },
      ...{ key: leaderKeyOf(prefix), ttlMs },
      me: { name, address: `http://${name}:7070`, id: `${name}-${ports.clock.nowMs()}` },
      lead: (leadership) => this.#lead(leadership),
      follow: () => undefined,
    })
    election.start()
  }

  /** By its own clock, and as far as it has looked: asked by whoever must not wake it. */
  get leads(): boolean {
    const { leadership, process } = this
    return leadership !== undefined && process.nowMs() < leadership.untilMs
  }

  async #lead(leadership: Leadership): Promise<void> {
    this.#events.elected(leadership)
    this.leadership = leadership
    await this.#serve(leadership).finally(() => {
      this.leadership = undefined
    })
  }

  async #serve(leadership: Leadership): Promise<void> {
    const { process } = this
    const store = await openEtcdStore({ etcd: this.etcd, clock: process, leadership, prefix })
    const coordinator = this.#ports.serve(process, { store, leadership })
    this.coordinator = coordinator
    // It may have hung since it was elected, and another one leads.
    if (leadership.holds) this.#events.leads(coordinator)
    const { code } = await leadership.ended
    await coordinator.stop(code)
  }
}

/** The way of one process to etcd and back; it may be cut in either direction. */
class EtcdRoad implements Etcd {
  readonly #process: SimProcess
  readonly #ports: CouncilPorts
  #delayMs: number | undefined

  constructor(process: SimProcess, ports: CouncilPorts) {
    this.#process = process
    this.#ports = ports
  }

  delay(ms: number): void {
    this.#delayMs = ms
  }

  call(path: string, body: object, timeoutMs: number): Promise<unknown> {
    const { etcd, network, clock } = this.#ports
    const { name } = this.#process
    const text = JSON.stringify(body)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const late = () => reject(unanswered(`nothing within ${timeoutMs} ms`))
    const cancel = this.#process.wakeAt(this.#process.nowMs() + timeoutMs, late)
    const back = (settle: () => void) => {
      if (network.isCut(etcdName, name)) return
      const told = () => {
        cancel()
        clock.stir()
        settle()
      }
      network.later(() => this.#process.do(told))
    }
    const arrive = () => {
      try {
        const answer = etcd.answer(path, JSON.parse(text) as never)
        back(() => resolve(answer))
      } catch (thrown) {
        back(() => reject(thrown))
      }
    }
    if (!network.isCut(name, etcdName)) network.later(arrive, this.#delayMs)
    this.#delayMs = undefined
    return promise
  }
}
