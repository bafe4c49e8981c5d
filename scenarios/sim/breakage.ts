// Faults as they befall a simulated world. Each is counted when it has broken something that was
// whole: who kills the dead, or hangs what hangs, has done nothing. What a death hits is told as
// sentences. Not here: which faults, and when (fault-plan.ts, fault-run.ts). Virtual ms.

import type { VmId } from '#proto/ids.ts'
import { heartbeatMs } from '#proto/units.ts'
import { hits } from './fault-aims.ts'
import { diskFaults } from './fault-wishes.ts'
import type { SearchSubject } from './search-subject.ts'
import { etcdName } from './sim-council.ts'
import type { SimProcess } from './sim-process.ts'
import type { SimWorld } from './sim-world.ts'

export class Breakage {
  /** So many have taken effect. */
  faults = 0
  /** All is healed, and nothing breaks any more: what was still to come does not. */
  isOver = false
  readonly #world: SimWorld
  readonly #count: (what: string) => void

  constructor(world: SimWorld, count: (what: string) => void) {
    this.#world = world
    this.#count = count
  }

  /** The one that leads, or did last. */
  get #leader(): string {
    return this.#world.coordinator.process.name
  }

  get #state() {
    return this.#world.coordinator.coordinator.state
  }

  kill(name: string): void {
    this.#lose(name)
    const process = this.#world.process(name)
    if (process.isAlive) this.faults++
    process.kill()
  }

  hang(name: string): void {
    this.#lose(name)
    this.#stop(this.#world.process(name))
  }

  /** As soon as what happens now is over. */
  hangSoon(name: string): void {
    const process = this.#world.process(name)
    this.#world.network.later(() => this.#stop(process), 0)
  }

  /** One direction, or both. */
  cut(from: string, to: string, isBoth: boolean): void {
    if (from === to) return
    const { network } = this.#world
    const isWhole = !network.isCut(from, to) || (isBoth && !network.isCut(to, from))
    if (isWhole) this.faults++
    network.cut(from, to)
    if (isBoth) network.cut(to, from)
  }

  /** Alive, and neither heard by the coordinator nor hearing it. */
  isolate(name: string, from = this.#leader): void {
    this.cut(name, from, true)
  }

  /** The answer to a heartbeat arrives so late, and to the last that is heard of the node. */
  delayLease(name: string, ms: number): void {
    const { network } = this.#world
    const leader = this.#leader
    this.cut(leader, name, false)
    // Unless it has been healed meanwhile.
    const cutBack = () => (network.isCut(leader, name) ? network.cut(name, leader) : undefined)
    network.later(cutBack, heartbeatMs)
    network.later(() => network.mend(leader, name), ms)
  }

  /** What is said from here on arrives so late, where the coordinator is not heard meanwhile. */
  outlast(from: string, to: string, latencyMs: number): void {
    this.isolate(to)
    this.#world.network.shape(from, to, { latencyMs })
  }

  /**
   * The coordinator's last word arrives, and nobody hears from who heard it; it is back so much
   * later.
   */
  loseOrder(from: string, to: string, awayMs: number): void {
    const { network } = this.#world
    network.later(() => this.kill(from), 0)
    network.later(() => (this.isOver ? undefined : this.isolate(to, from)), 1)
    // Unless somebody has started it meanwhile.
    network.later(() => this.revive(from), awayMs)
  }

  /** Unless it lives. */
  revive(name: string): void {
    if (!this.#world.process(name).isAlive) this.#world.restart(name)
  }

  reviveCoordinators(): void {
    for (const name of this.#world.coordinators.names) this.revive(name)
  }

  /** It leads, and hangs for so long: another one may lead when it goes on. */
  hangLeader(ms: number): void {
    const leader = this.#leader
    this.hang(leader)
    this.#world.network.later(() => this.#world.process(leader).goOn(), ms)
  }

  /** What the leader asks of etcd next is done so late. */
  delayEtcd(ms: number): void {
    this.faults++
    this.#world.coordinators.delayEtcd(ms)
  }

  /** The leader, from etcd; or only what etcd says to it. */
  cutEtcd(isBoth: boolean): void {
    this.cut(etcdName, this.#leader, isBoth)
  }

  /** Another process takes its name while it hangs for so long. */
  replace(name: string, ms: number): void {
    const { isAlive, isHanging } = this.#world.process(name)
    if (!isAlive || isHanging) return
    this.faults++
    this.#lose(name)
    this.#count('replaced')
    this.#world.replace(name, ms)
  }

  clog(name: string, ms: number): void {
    this.faults++
    this.#world.network.clog(name, ms)
  }

  break(one: string, other: string): void {
    const { network } = this.#world
    const roads = [`${one}>${other}`, `${other}>${one}`]
    if (network.open.some((road) => roads.includes(road))) this.faults++
    network.break(one, other)
  }

  failDisk(name: string, how: number): void {
    this.faults++
    this.#world.diskFaults.set(name, diskFaults(how))
  }

  #stop(process: SimProcess): void {
    if (process.isAlive && !process.isHanging) this.faults++
    process.hang()
  }

  /** A guest panics, if it runs. */
  crash(id: VmId | undefined, { crash }: SearchSubject): void {
    if (id === undefined) return
    if (this.#state.vms.get(id)?.phase === 'running') this.faults++
    crash(this.#world, id)
  }

  /** Counts what it hits. */
  #lose(name: string): void {
    for (const what of hits(this.#state, name)) this.#count(what)
  }
}
