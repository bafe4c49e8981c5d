// One end of a link of the simulated network: what its process sends, and what arrives for it. A
// message crosses as bytes, as it is where nobody looks into it, or as a few bytes that stand for
// many. Not here: how long that takes, and what becomes of it on the way (sim-network.ts).

import { BufferedLink } from '#env/buffered-link.ts'
import type { LinkClosed, TransportLimits } from '#env/env.ts'
import { Alarm } from '#env/memory.ts'
import { encodeControl } from '#proto/wire.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimProcess } from './sim-process.ts'

/** A message on its way. */
export interface Crossing {
  readonly from: string
  readonly to: string
  readonly bytes: Uint8Array
}

export type Fate = 'arrives' | 'twice' | 'lost'

/** A message as it is. */
interface Passed {
  readonly t: string
}

/** The end of a way. */
export class Arrival extends Alarm {
  readonly #fn: () => void

  constructor(fn: () => void, isQuiet = false) {
    super(isQuiet)
    this.#fn = fn
  }

  ring(): void {
    this.#fn()
  }
}

/** Of a message that goes as it is. */
class Passing extends Alarm {
  readonly #from: SimLink
  readonly #message: Passed

  constructor(from: SimLink, message: Passed, isQuiet: boolean) {
    super(isQuiet)
    this.#from = from
    this.#message = message
  }

  ring(): void {
    this.#from.handOver(this.#message)
  }
}

/** Messages that leave nothing behind to wait for: see VirtualClock.ringNext. */
const quietKinds = new Set(['heartbeat', 'lease', 'migration-progress'])

export class SimLink extends BufferedLink {
  readonly peer: string
  /** When the last of what it sent arrives. */
  lastAtMs = 0
  readonly owner: SimProcess
  readonly from: string
  readonly to: string
  readonly isMaker: boolean
  readonly #network: SimNetwork
  readonly #to: SimProcess
  readonly #limits: TransportLimits
  #other: SimLink | undefined
  #passed: ((message: Passed) => void) | undefined
  readonly #early: Passed[] = []

  constructor(
    network: SimNetwork,
    owner: SimProcess,
    to: SimProcess,
    limits: TransportLimits,
    isMaker: boolean,
  ) {
    super()
    this.#network = network
    this.owner = owner
    this.from = owner.name
    this.to = to.name
    this.#to = to
    this.#limits = limits
    this.isMaker = isMaker
    this.peer = to.name
  }

  get road(): string {
    return `${this.from}>${this.to}`
  }

  join(other: SimLink): void {
    this.#other = other
  }

  isBetween(one: string, other: string): boolean {
    const names = [this.from, this.to]
    return names.includes(one) && names.includes(other)
  }

  send(bytes: Uint8Array): void {
    if (this.isEnded || !this.owner.isAlive) return
    const { from, to } = this
    const fate = this.#network.onSend?.({ from, to, bytes }) ?? 'arrives'
    // What was asked may have ended the process, or the link.
    if (this.isEnded || !this.owner.isAlive) return
    this.count(bytes.length)
    this.#network.carry(this, bytes.length, () => {
      this.owner.do(() => this.count(-bytes.length))
      if (fate === 'lost') return
      this.#to.do(() => this.#other?.receive(bytes))
      if (fate === 'twice') this.#to.do(() => this.#other?.receive(bytes.slice()))
    })
  }

  /** As it is: it takes its time on the road, and nothing of the interface. */
  pass(message: Passed): boolean {
    if (!this.#network.mayPass) return false
    if (this.isEnded || !this.owner.isAlive) return true
    const fate = this.#fateOnPass()
    if (fate === undefined) return true
    // Who looks may have begun something.
    const isQuiet = fate === 'arrives' && quietKinds.has(message.t)
    this.#network.cross(this, this.#passing(message, fate, isQuiet))
    return true
  }

  #passing(message: Passed, fate: Fate, isQuiet: boolean): Alarm {
    if (fate === 'arrives') return new Passing(this, message, isQuiet)
    return new Arrival(() => {
      if (fate === 'lost') return
      this.handOver(message)
      this.handOver(message)
    })
  }

  /** At the other end, when that goes on. */
  handOver(message: Passed): void {
    const other = this.#other
    if (this.#to.isGoing) other?.takePassed(message)
    else this.#to.do(() => other?.takePassed(message))
  }

  onPassed(fn: (message: Passed) => void): void {
    this.#passed = fn
    for (const message of this.#early.splice(0)) fn(message)
  }

  /** What nobody has sent arrives here, at once. */
  hear(message: Passed): void {
    if (this.#network.mayPass) this.takePassed(message)
    else this.receive(encodeControl(message))
  }

  takePassed(message: Passed): void {
    if (this.isEnded) return
    if (this.#passed) this.#passed(message)
    else this.#early.push(message)
  }

  /** Bytes that stand for so many; `gone`: the last of them has left this computer. */
  sendSized(bytes: Uint8Array, sizeBytes: number, gone: () => void): void {
    if (this.isEnded || !this.owner.isAlive) return
    const fate = this.#fateOnPass()
    if (fate === undefined) return
    this.#network.leave(this, sizeBytes, () => {
      const arrive = () => this.#to.do(() => this.#other?.receive(bytes))
      // Pages that are counted would count twice: they never come twice.
      if (fate !== 'lost') this.#network.cross(this, new Arrival(arrive, true), sizeBytes)
      this.owner.do(gone)
    })
  }

  /** undefined: to be asked has ended the process, or the link. */
  #fateOnPass(): Fate | undefined {
    const fate = this.#network.onPass?.({ from: this.from, to: this.to }) ?? 'arrives'
    return this.isEnded || !this.owner.isAlive ? undefined : fate
  }

  close(reason: string): void {
    if (this.isEnded) return
    this.finish({ by: 'local', reason })
    // Behind all that was sent before it.
    this.#network.carry(this, 0, this.#telling({ by: 'peer', reason }))
  }

  /** It breaks under both ends; who lives hears of it. */
  fail(reason: string): void {
    const broken: LinkClosed = { by: 'error', reason }
    this.owner.do(() => this.finish(broken))
    this.#network.cross(this, new Arrival(this.#telling(broken)))
    if (!this.owner.isAlive) this.#network.forgetLink(this)
  }

  #telling(closed: LinkClosed): () => void {
    const other = this.#other
    return () => this.#to.do(() => other?.finish(closed))
  }

  receive(bytes: Uint8Array): void {
    if (this.isEnded) return
    if (bytes.length <= this.#limits.messageBytesMax) this.deliver(bytes)
    else this.fail('message-too-large')
  }

  finish(closed: LinkClosed): void {
    this.end(closed)
    this.#network.forgetLink(this)
  }
}
