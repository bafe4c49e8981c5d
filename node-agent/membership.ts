// This node as a member of the cluster: its link, its heartbeats, its lease, and what the
// coordinator must hear. Not here: what commands mean (desk.ts), how long a lease is good for
// (lease.ts decides), consoles. Times in ms.

import type { Env } from '#env/env.ts'
import type { Fault } from '#proto/faults.ts'
import type {
  AgentMessage,
  CoordinatorMessage,
  Heartbeat,
  Hello,
  Lease,
  Refused,
  Welcome,
} from '#proto/messages.ts'
import { heartbeatMs, leaseMs, protocolVersion } from '#proto/units.ts'
import type { MessageLink } from '#proto/wire.ts'
import { CoordinatorLink } from './coordinator-link.ts'
import { holdsLease, type LeaseEffect, type LeaseInput, newLease, stepLease } from './lease.ts'
import { Leaving } from './leaving.ts'
import { again, arrived, keep, mark, type News, newOutbox } from './outbox.ts'
import { StepDriver } from './step-driver.ts'

/** What a member hears besides what keeps it a member. */
export type MemberMessage = Exclude<
  CoordinatorMessage,
  Welcome | Refused | Lease | { readonly t: 'may-leave' }
>

export interface MembershipPorts {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>
  readonly coordinators: readonly string[]
  connect(coordinator: string): Promise<MessageLink>
  hello(): Hello
  heartbeat(): Omit<Heartbeat, 't' | 'seq'>
  /** Protected VMs may run until then. */
  runUntil(atMs: number): void
  leaseLost(): void
  /** The link is lost: nobody listens any more. */
  down(): void
  /** Another process is this node now. */
  replaced(why: Fault): void
  /** With each heartbeat. */
  beat(): void
  hear(message: MemberMessage): void
}

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never

/** A coordinator that asks for more than this many heartbeats a second is mistaken. */
const heartbeatMsMin = 20
/** Coordinators before this know nothing of leaving. */
const leavingVersion = 2

export class Membership {
  readonly #ports: MembershipPorts
  readonly #link: CoordinatorLink
  readonly #lease = newLease()
  readonly #outbox = newOutbox()
  readonly #driver: StepDriver<WithoutTime<LeaseInput>, LeaseEffect>
  #heartbeatMs = heartbeatMs
  #leaseMs = leaseMs
  #clusterId = ''
  #seq = 0
  #answeredAtMs = 0
  #stopped = false
  #coordinatorVersion = 1
  readonly #leaving: Leaving

  constructor(ports: MembershipPorts) {
    this.#ports = ports
    const { clock, random, log } = ports.env
    this.#leaving = new Leaving(clock)
    this.#driver = new StepDriver(
      clock,
      (input) => stepLease(this.#lease, input as LeaseInput),
      (effect) => this.#carryOut(effect),
    )
    this.#link = new CoordinatorLink({
      ...{ clock, random, log },
      coordinators: ports.coordinators,
      connect: ports.connect,
      hello: ports.hello,
      up: (welcome) => this.#join(welcome),
      down: () => {
        this.#leaving.lost()
        ports.down()
      },
      replaced: ports.replaced,
      hear: (message) => this.#hear(message),
    })
  }

  get isUp(): boolean {
    return this.#link.isUp
  }

  get bufferedBytes(): number {
    return this.#link.bufferedBytes
  }

  get holdsLease(): boolean {
    return holdsLease(this.#lease, this.#ports.env.clock.nowMs())
  }

  get leaseLeftMs(): number {
    return this.#lease.runUntilMs - this.#ports.env.clock.nowMs()
  }

  start(): void {
    this.#link.start()
    this.#beat()
  }

  async stop(reason: string): Promise<void> {
    this.#stopped = true
    this.#driver.silence()
    await this.#link.stop(reason)
  }

  /** Asks for leave to go. */
  async askLeave(): Promise<void> {
    if (!this.#link.isUp || this.#coordinatorVersion < leavingVersion) return
    this.#link.send({ t: 'leaving' })
    await this.#leaving.wait()
  }

  /** Lost when the link is down. */
  send(message: AgentMessage): void {
    this.#link.send(message)
  }

  /** Kept until the coordinator has it. */
  tell(news: News): void {
    keep(this.#outbox, news)
    this.#link.send(news)
  }

  /** The coordinator is to hear at once how things stand. */
  beatNow(): void {
    if (this.#link.isUp && !this.#stopped) this.#sendHeartbeat()
  }

  /** What this node answers to a peer's hello: the terms of its own cluster. */
  welcomePeer(): Welcome {
    const terms = { leaseMs: this.#leaseMs, heartbeatMs: this.#heartbeatMs }
    return { t: 'welcome', protocolVersion, clusterId: this.#clusterId, ...terms }
  }

  #join(welcome: Welcome): void {
    this.#heartbeatMs = Math.max(heartbeatMsMin, welcome.heartbeatMs)
    this.#leaseMs = welcome.leaseMs
    this.#clusterId = welcome.clusterId
    this.#coordinatorVersion = welcome.protocolVersion
    this.#answeredAtMs = this.#ports.env.clock.nowMs()
    for (const news of again(this.#outbox)) this.#link.send(news)
    this.#sendHeartbeat()
    if (!this.#leaving.isWanted) return
    this.#link.send({ t: 'leaving' })
    this.#leaving.asked()
  }

  #hear(message: CoordinatorMessage): void {
    if (message.t === 'welcome' || message.t === 'refused') return // The greeting is over.
    if (message.t === 'may-leave') this.#leaving.hear(message.now)
    else if (message.t === 'lease') this.#renewed(message)
    else this.#ports.hear(message)
  }

  #renewed({ seq, leaseMs }: Lease): void {
    this.#answeredAtMs = this.#ports.env.clock.nowMs()
    arrived(this.#outbox, seq)
    this.#driver.feed({ on: 'acknowledged', seq, leaseMs })
  }

  #beat(): void {
    const { clock } = this.#ports.env
    if (this.#stopped) return
    clock.wakeAt(clock.nowMs() + this.#heartbeatMs, () => this.#beat())
    if (!this.#link.isUp) return
    // A link on which nothing comes back is cut, whatever the operating system still believes.
    if (clock.nowMs() - this.#answeredAtMs > this.#silentMsMax) this.#link.drop('no answer')
    else this.#sendHeartbeat()
    this.#ports.beat()
  }

  /** Where another may lead by now, it is looked for while the lease still lasts. */
  get #silentMsMax(): number {
    return this.#ports.coordinators.length > 1 ? this.#leaseMs / 3 : this.#leaseMs
  }

  #sendHeartbeat(): void {
    const seq = this.#seq++
    // First the clock, then the message: the lease counts from before it was sent.
    this.#driver.feed({ on: 'heartbeat-sent', seq })
    mark(this.#outbox, seq)
    const { nodeId, cpuDemandPercent, cpuGotPercent, memoryUsedMib, vms } = this.#ports.heartbeat()
    this.#link.send({
      t: 'heartbeat',
      seq,
      nodeId,
      cpuDemandPercent,
      cpuGotPercent,
      memoryUsedMib,
      vms,
    })
  }

  #carryOut(effect: LeaseEffect): void {
    if (effect.do === 'run-until') this.#ports.runUntil(effect.atMs)
    else if (effect.do === 'wake-at') this.#driver.wakeAt(effect.atMs, { on: 'woken' })
    else this.#ports.leaseLost()
  }
}
