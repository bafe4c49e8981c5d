// The agent's link to the coordinator: connects, greets, and connects again for ever when it is
// lost. Of several it finds the one that leads by trying each, and from one whose term is lower
// than one it has heard of it takes nothing. The VMs do not notice: only the lease (lease.ts)
// decides how long they may run alone.
// Not here: what the messages mean (agent.ts), what is kept while nobody listens (outbox.ts). Times
// in ms.

import type { Cancel, Env } from '#env/env.ts'
import { type Fault, fault, faultOf } from '#proto/faults.ts'
import { type AgentMessage, CoordinatorMessage, type Hello, type Welcome } from '#proto/messages.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'
import { controlLimits, turnMsMax } from './agent-limits.ts'
import { answerMsMax } from './migration/protocol.ts'

type CoordinatorEnv = Pick<Env, 'clock' | 'random' | 'log'>

export interface CoordinatorPorts extends CoordinatorEnv {
  /** Of several coordinators any may lead: they are tried in turn. */
  readonly coordinators: readonly string[]
  connect(coordinator: string): Promise<MessageLink>
  hello(): Hello
  /** The link is up: what must be said first is said in here. */
  up(welcome: Welcome): void
  down(): void
  /** Another process has this node's name and will keep it: this one is none any more. */
  replaced(why: Fault): void
  hear(message: CoordinatorMessage): void
}

const backoffMsMin = 100
const backoffMsMax = 1000
/** A coordinator that is connected but says nothing to a hello is as good as away. */
const welcomeMsMax = 5000

interface Reached {
  readonly env: CoordinatorEnv & Pick<Env, 'transport'>
  readonly coordinators: readonly string[]
}

/** Of several one that does not answer is soon left for the next. */
export function waysTo({ env, coordinators }: Reached) {
  const waitMs = coordinators.length > 1 ? turnMsMax : answerMsMax
  const connect = (address: string) => env.transport.connect(address, controlLimits, waitMs)
  return { env, coordinators, connect }
}

export class CoordinatorLink {
  readonly #ports: CoordinatorPorts
  #channel: WireChannel<CoordinatorMessage, AgentMessage> | undefined
  #phase: 'down' | 'greeting' | 'up' | 'stopped' = 'down'
  #backoffMs = backoffMsMin
  #at = 0
  #triedInTurn = 0
  #term: number | undefined
  #alarm: Cancel = () => undefined

  constructor(ports: CoordinatorPorts) {
    this.#ports = ports
  }

  get isUp(): boolean {
    return this.#phase === 'up'
  }

  get bufferedBytes(): number {
    return this.#channel?.link.bufferedBytes ?? 0
  }

  /** The highest that it has heard of. */
  get term(): number | undefined {
    return this.#term
  }

  start(): void {
    this.#connect().catch((thrown) => {
      const why = faultOf(thrown)
      const isStranger = why.code === 'bad-certificate'
      this.#ports.log[isStranger ? 'error' : 'debug']('coordinator not reached', { ...why })
      this.#turn()
      this.#later()
    })
  }

  /** Lost when the link is down: what must arrive goes through the outbox. */
  send(message: AgentMessage): void {
    if (this.#phase === 'up') this.#channel?.send(message)
  }

  /** Gives the present link up and tries again. */
  drop(reason: string): void {
    this.#channel?.close(reason)
    this.#lost(this.#channel, reason)
  }

  async stop(reason: string): Promise<void> {
    const channel = this.#channel
    this.#phase = 'stopped'
    this.#alarm()
    await channel?.link.drained(0)
    channel?.close(reason)
  }

  async #connect(): Promise<void> {
    const link = await this.#ports.connect(this.#ports.coordinators[this.#at] ?? '')
    if (this.#phase === 'stopped') {
      link.close('stopped')
      return
    }
    this.#phase = 'greeting'
    const channel = new WireChannel<CoordinatorMessage, AgentMessage>(link, CoordinatorMessage, {
      message: (message) => this.#hear(channel, message),
      closed: (reason) => this.#lost(channel, reason),
    })
    this.#channel = channel
    const isOne = this.#ports.coordinators.length === 1
    this.#wakeIn(isOne ? welcomeMsMax : turnMsMax, () => this.drop('no welcome'))
    channel.send({ ...this.#ports.hello(), ...(this.#term !== undefined && { term: this.#term }) })
  }

  /** The next one is tried: at once, as long as not all have been. */
  #turn(): void {
    const { length } = this.#ports.coordinators
    this.#at = (this.#at + 1) % length
    this.#triedInTurn++
  }

  #hear(from: unknown, message: CoordinatorMessage): void {
    if (from !== this.#channel) return
    if (message.t === 'refused') {
      this.#ports.log.error('refused by the coordinator', { ...message.fault })
      // All but this one somebody may still mend on the other side: it tries again.
      if (message.fault.code === 'name-taken') this.#ports.replaced(message.fault)
      if (message.fault.code !== 'stale-term') this.#backoffMs = backoffMsMax
      return
    }
    if (message.t === 'welcome') this.#welcome(message)
    else if (this.#phase === 'up') this.#ports.hear(message)
  }

  #welcome(message: Welcome): void {
    if (this.#phase !== 'greeting') return
    const { term = 0 } = message
    if (term < (this.#term ?? 0)) {
      this.#disobey(term)
      return
    }
    this.#alarm()
    this.#phase = 'up'
    this.#term = message.term
    this.#triedInTurn = 0
    this.#backoffMs = backoffMsMin
    this.#ports.log.info('joined', { clusterId: message.clusterId })
    this.#ports.up(message)
  }

  /** It led before another that we have heard of; perhaps it does not know yet. */
  #disobey(term: number): void {
    const text = `it leads by term ${term}, and term ${this.#term} has been heard: not obeyed`
    this.#ports.log.warn('refused a coordinator', { ...fault('stale-term', text) })
    this.drop('stale-term')
  }

  #lost(channel: unknown, reason: string): void {
    if (channel !== this.#channel || this.#phase === 'stopped' || this.#phase === 'down') return
    this.#channel = undefined
    this.#ports.log.warn('link to the coordinator lost', { reason })
    const wasUp = this.#phase === 'up'
    this.#phase = 'down'
    this.#turn()
    if (wasUp) this.#ports.down()
    this.#later()
  }

  /** Half of the wait is chance, so that a hundred agents do not come back in one instant. */
  #later(): void {
    if (this.#phase === 'stopped') return
    this.#phase = 'down'
    const { coordinators } = this.#ports
    if (this.#triedInTurn % coordinators.length > 0) {
      this.#wakeIn(0, () => this.start())
      return
    }
    const waitMs = this.#backoffMs * (0.5 + this.#ports.random.float() / 2)
    this.#backoffMs = Math.min(this.#backoffMs * 2, backoffMsMax)
    this.#wakeIn(waitMs, () => this.start())
  }

  #wakeIn(ms: number, fn: () => void): void {
    this.#alarm()
    const { clock } = this.#ports
    this.#alarm = clock.wakeAt(clock.nowMs() + ms, fn)
  }
}
