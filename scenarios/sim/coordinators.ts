// The coordinators of a simulated world: the only one, on a store that is durable at once or a
// moment later; or several, of which one leads, on an etcd. Not here: what one of them is
// (sim-coordinator.ts), how several agree (sim-council.ts). Virtual ms.

import type { FenceDevice } from '#coordinator/coordinator.ts'
import type { Settings } from '#coordinator/core/cluster-state.ts'
import type { MemoryLog, MemoryTracer, SeededRandom, VirtualClock } from '#env/memory.ts'
import { invariant } from '#proto/invariant.ts'
import { LateStore } from './late-store.ts'
import {
  coordinatorName,
  SimCoordinator,
  type SimCoordinatorOptions,
  SimStore,
} from './sim-coordinator.ts'
import { SimCouncil } from './sim-council.ts'
import { SimEtcd } from './sim-etcd.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimProcess } from './sim-process.ts'

export interface CoordinatorsOptions {
  /** How many there are. */
  readonly count: number
  readonly clock: VirtualClock
  readonly network: SimNetwork
  readonly random: SeededRandom
  readonly log: MemoryLog
  readonly tracer: MemoryTracer | undefined
  readonly settings: Settings
  readonly token: string
  readonly fence: FenceDevice
  readonly checkEveryMs: number
  /** Of the only one. */
  readonly storeLagMs: number
  /** @param isQuiet see SimProcess */
  begin(name: string, isQuiet: boolean): SimProcess
  broken(law: string): void
}

export class Coordinators {
  readonly #options: CoordinatorsOptions
  readonly #store = new SimStore()
  readonly #council: SimCouncil | undefined
  #only: SimCoordinator | undefined

  constructor(options: CoordinatorsOptions) {
    this.#options = options
    const { count, clock, network, log, broken } = options
    if (count === 1) this.#only = this.#startOnly()
    else
      this.#council = new SimCouncil(count, {
        ...{ etcd: new SimEtcd(clock), network, clock, log, broken },
        begin: (name) => options.begin(name, false),
        serve: (process, place) => this.#serve(process, place),
      })
  }

  /** Of several the one that led last: before one of them ever has, nobody may ask. */
  get leader(): SimCoordinator {
    const leader = this.#council ? this.#council.leader : this.#only
    invariant(leader, 'no coordinator has led yet')
    return leader
  }

  get names(): readonly string[] {
    return this.#council?.names ?? [coordinatorName]
  }

  /** Somebody decides. */
  get isLed(): boolean {
    return this.#council ? this.#council.isLed : this.leader.process.isGoing
  }

  process(name: string): SimProcess {
    return this.#council ? this.#council.process(name) : this.leader.process
  }

  /** Of several: the next word of the leader to etcd arrives so late. */
  delayEtcd(ms: number): void {
    this.#council?.delay(this.leader.process.name, ms)
  }

  /** A process that was killed begins anew. */
  restart(name: string): void {
    this.process(name).kill()
    if (this.#council) this.#council.restart(name)
    else this.#only = this.#startOnly()
  }

  #startOnly(): SimCoordinator {
    const { clock, storeLagMs, begin } = this.#options
    const process = begin(coordinatorName, true)
    const late = () => new LateStore(this.#store, process, storeLagMs, () => clock.stir())
    return this.#serve(process, { store: storeLagMs > 0 ? late() : this.#store })
  }

  #serve(process: SimProcess, place: Pick<SimCoordinatorOptions, 'store' | 'leadership'>) {
    const { network, random, log, settings, token, fence, checkEveryMs, tracer } = this.#options
    return new SimCoordinator(process, {
      ...{ network, random, log, settings, token, fence, checkEveryMs, ...place },
      tracer: tracer?.of(coordinatorName),
    })
  }
}
