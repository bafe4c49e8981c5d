// The network of the simulated world: links between processes, on which every message takes its
// time, and on which a test or a fault can look at each, lose it, or let it come twice. A link
// keeps the order of its messages, as TCP does; on a road that is cut they wait until it is healed.
// Not here: one end of a link (sim-link.ts), how fast a road is (sim-road.ts). Times in virtual ms.

import type { Link, Listener, Random, Transport, TransportLimits } from '#env/env.ts'
import type { Alarm, VirtualClock } from '#env/memory.ts'
import { type LinkShape, rateOf, wayMs } from '../link-shape.ts'
import { Arrival, type Crossing, type Fate, SimLink } from './sim-link.ts'
import type { SimProcess } from './sim-process.ts'
import { nearRoad, type RoadTraits, SimInterface } from './sim-road.ts'

interface Accepting {
  readonly process: SimProcess
  readonly limits: TransportLimits
  readonly onLink: (link: Link) => void
}

/** NAME:PORT of `ws://NAME:PORT/PATH`. */
function hostOf(address: string): string {
  const begin = address.indexOf('//') + 2
  const end = address.indexOf('/', begin)
  return address.slice(begin, end < 0 ? undefined : end)
}

export class SimNetwork {
  /** Asked about every message as it is sent. */
  onSend: ((crossing: Crossing) => Fate) | undefined
  /** The same of what passes as it is, for who does not look into it: see mayPass. */
  onPass: ((crossing: Omit<Crossing, 'bytes'>) => Fate) | undefined
  readonly #clock: VirtualClock
  readonly #passes: boolean
  readonly #accepting = new Map<string, Accepting>()
  readonly #links = new Set<SimLink>()
  /** FROM>TO. */
  readonly #cut = new Set<string>()
  /** What could not cross, in order. */
  readonly #held: (() => void)[] = []
  /** Names of processes whose roads take so much longer. */
  readonly #clogged = new Map<string, number>()
  readonly #interfaces = new Map<string, SimInterface>()
  /** Roads that were made otherwise on purpose, and what narrow ones let through. */
  readonly #shapes = new Map<string, LinkShape>()
  readonly #narrows = new Map<string, SimInterface>()
  readonly #random: Random
  readonly #traits: RoadTraits
  #nextPort = 40_000

  /** Messages may pass as they are; never while somebody looks at them. */
  get mayPass(): boolean {
    return this.#passes && this.onSend === undefined
  }

  constructor(clock: VirtualClock, random: Random, traits = nearRoad, passes = false) {
    this.#passes = passes
    this.#clock = clock
    this.#random = random
    this.#traits = traits
  }

  transportOf(process: SimProcess): Transport {
    process.onDeath(() => this.#forget(process))
    return {
      listen: async (address, limits, onLink) => this.#listen(process, address, limits, onLink),
      connect: (address, limits, timeoutMs) => this.#connect(process, address, limits, timeoutMs),
    }
  }

  /** Both ends of every link between them hear that it is broken. */
  break(one: string, other: string): void {
    for (const link of this.#links) if (link.isBetween(one, other)) link.fail('reset')
  }

  /** One direction; nothing is told to anybody. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`)
  }

  /** The end of that; what has waited crosses. */
  mend(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`)
    for (const cross of this.#held.splice(0)) cross()
  }

  /** One direction is so from now on, however roads are here otherwise; undefined: as they are. */
  shape(from: string, to: string, shape: LinkShape | undefined): void {
    const road = `${from}>${to}`
    if (shape) this.#shapes.set(road, shape)
    else this.#shapes.delete(road)
    const rate = rateOf(shape ?? {})
    const narrow = this.#narrows.get(road)
    if (narrow) narrow.changeRate(rate)
    else if (rate < Number.POSITIVE_INFINITY)
      this.#narrows.set(road, new SimInterface(this.#clock, rate))
  }

  /** Both directions. */
  part(one: string, other: string): void {
    this.cut(one, other)
    this.cut(other, one)
  }

  /** The end of that; what has waited crosses. */
  rejoin(one: string, other: string): void {
    this.#cut.delete(`${one}>${other}`)
    this.mend(other, one)
  }

  /** All that goes there or comes from there takes so much longer. */
  clog(name: string, ms: number): void {
    this.#clogged.set(name, ms)
  }

  /** Everything crosses again, as fast as ever, and so does what has waited. */
  heal(): void {
    this.#cut.clear()
    this.#clogged.clear()
    this.#shapes.clear()
    for (const narrow of this.#narrows.values()) narrow.changeRate(Number.POSITIVE_INFINITY)
    for (const cross of this.#held.splice(0)) cross()
  }

  /** Links that are open, FROM>TO as they were made. */
  get open(): string[] {
    return [...this.#links].filter(({ isMaker }) => isMaker).map(({ road }) => road)
  }

  /** Of the link that this process has to that one its own end, if it hears what comes. */
  endOf(process: SimProcess, to: string): SimLink | undefined {
    if (!process.isGoing) return undefined
    for (const link of this.#links) if (link.owner === process && link.to === to) return link
    return undefined
  }

  isCut(from: string, to: string): boolean {
    if (this.#cut.size === 0) return false
    return this.#cut.has(`${from}>${to}`)
  }

  /** One message of a link: out of the interface, over the road, in the order of the link. */
  carry(link: SimLink, bytes: number, fn: () => void): void {
    this.leave(link, bytes, () => this.cross(link, new Arrival(fn), bytes))
  }

  /** Out of the interface, and past what is narrow behind it. */
  leave(link: SimLink, bytes: number, gone: () => void): void {
    const { from } = link
    const way = this.#interfaces.get(from) ?? new SimInterface(this.#clock, this.#traits.bytesPerMs)
    this.#interfaces.set(from, way)
    const narrow = this.#narrows.size > 0 ? this.#narrows.get(link.road) : undefined
    way.send(link, bytes, narrow ? () => narrow.send(link, bytes, gone) : gone)
  }

  /** The road alone; while it is cut, all that has come so far waits. */
  cross(link: SimLink, arrival: Alarm, bytes = 0): void {
    const { from, to } = link
    if (this.isCut(from, to)) {
      this.#held.push(() => this.cross(link, arrival, bytes))
      return
    }
    const shape = this.#shapes.size > 0 ? this.#shapes.get(link.road) : undefined
    const traits = shape ? { ...this.#traits, ...shape } : this.#traits
    const takesMs = wayMs(traits, bytes, this.#random)
    const atMs = this.#clock.nowMs() + takesMs + this.#clogMs(from, to)
    link.lastAtMs = Math.max(link.lastAtMs, atMs)
    this.#clock.set(link.lastAtMs, arrival)
  }

  #clogMs(from: string, to: string): number {
    if (this.#clogged.size === 0) return 0
    return Math.max(this.#clogged.get(from) ?? 0, this.#clogged.get(to) ?? 0)
  }

  /** After the way of one message, or so many ms. */
  later(fn: () => void, ms = this.#traits.latencyMs): void {
    this.#clock.wakeAt(this.#clock.nowMs() + ms, fn)
  }

  #latencyMs(from: string, to: string): number {
    return this.#shapes.get(`${from}>${to}`)?.latencyMs ?? this.#traits.latencyMs
  }

  forgetLink(link: SimLink): void {
    this.#links.delete(link)
  }

  #listen(
    process: SimProcess,
    address: string,
    limits: TransportLimits,
    onLink: (link: Link) => void,
  ): Listener {
    const [name, port] = hostOf(address).split(':')
    const bound = `ws://${name}:${Number(port) || this.#nextPort++}`
    if (this.#accepting.get(bound)?.process.isAlive) throw new Error(`${bound} is in use`)
    this.#accepting.set(bound, { process, limits, onLink })
    return {
      address: bound,
      close: async () => void this.#accepting.delete(bound),
    }
  }

  #connect(
    process: SimProcess,
    address: string,
    limits: TransportLimits,
    timeoutMs: number,
  ): Promise<Link> {
    return new Promise((resolve, reject) => {
      const accepting = this.#accepting.get(`ws://${hostOf(address)}`)
      const refuse = (why: string, ms: number) =>
        this.later(() => process.do(() => reject(new Error(why))), ms)
      if (!accepting?.process.isAlive) {
        refuse(`nobody listens at ${address}`, 2 * this.#traits.latencyMs)
        return
      }
      const there = accepting.process
      const isDeaf = this.isCut(process.name, there.name) || this.isCut(there.name, process.name)
      if (isDeaf || there.isHanging) {
        refuse(`no answer from ${address}`, timeoutMs)
        return
      }
      const thereMs = this.#latencyMs(process.name, there.name)
      this.later(() => this.#join({ process, limits }, accepting, resolve), thereMs)
    })
  }

  #join(
    near: { readonly process: SimProcess; readonly limits: TransportLimits },
    far: Accepting,
    resolve: (link: Link) => void,
  ): void {
    const here = new SimLink(this, near.process, far.process, near.limits, true)
    const there = new SimLink(this, far.process, near.process, far.limits, false)
    here.join(there)
    there.join(here)
    this.#links.add(here).add(there)
    far.process.do(() => far.onLink(there))
    const backMs = this.#latencyMs(far.process.name, near.process.name)
    this.later(() => near.process.do(() => resolve(here)), backMs)
  }

  /** The system closes the sockets of a process that is gone. */
  #forget(process: SimProcess): void {
    for (const [address, accepting] of this.#accepting)
      if (accepting.process === process) this.#accepting.delete(address)
    for (const link of this.#links) if (link.owner === process) link.fail('reset')
  }
}
