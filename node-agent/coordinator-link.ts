// The agent's link to the coordinator: connects, greets, and connects again for ever when it is
// lost. The VMs do not
// notice: only the lease (lease.ts) decides how long they may run alone.
// Not here: what the messages mean (agent.ts), what is kept while nobody listens (outbox.ts). Times
// in ms.

import type { Cancel, Clock, Log, Random } from '#env/env.ts'
import { type Fault, faultOf } from '#proto/faults.ts'
import { type AgentMessage, CoordinatorMessage, type Hello, type Welcome } from '#proto/messages.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'

export interface CoordinatorPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  connect(): Promise<MessageLink>
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

export class CoordinatorLink {
  readonly #ports: CoordinatorPorts
  #channel: WireChannel<CoordinatorMessage, AgentMessage> | undefined
  #phase: 'down' | 'greeting' | 'up' | 'stopped' = 'down'
  #backoffMs = backoffMsMin
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

  start(): void {
    this.#connect().catch((thrown) => {
      const why = faultOf(thrown)
      const isStranger = why.code === 'bad-certificate'
      this.#ports.log[isStranger ? 'error' : 'debug']('coordinator not reached', { ...why })
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
    const link = await this.#ports.connect()
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
    this.#wakeIn(welcomeMsMax, () => this.drop('no welcome'))
    channel.send(this.#ports.hello())
  }

  #hear(from: unknown, message: CoordinatorMessage): void {
    if (from !== this.#channel) return
    if (message.t === 'refused') {
      this.#ports.log.error('refused by the coordinator', { ...message.fault })
      // All but this one somebody may still mend on the other side: it tries again.
      if (message.fault.code === 'name-taken') this.#ports.replaced(message.fault)
      this.#backoffMs = backoffMsMax
      return
    }
    if (message.t === 'welcome') this.#welcome(message)
    else if (this.#phase === 'up') this.#ports.hear(message)
  }

  #welcome(message: Welcome): void {
    if (this.#phase !== 'greeting') return
    this.#alarm()
    this.#phase = 'up'
    this.#backoffMs = backoffMsMin
    this.#ports.log.info('joined', { clusterId: message.clusterId })
    this.#ports.up(message)
  }

  #lost(channel: unknown, reason: string): void {
    if (channel !== this.#channel || this.#phase === 'stopped' || this.#phase === 'down') return
    this.#channel = undefined
    this.#ports.log.warn('link to the coordinator lost', { reason })
    const wasUp = this.#phase === 'up'
    this.#phase = 'down'
    if (wasUp) this.#ports.down()
    this.#later()
  }

  /** Half of the wait is chance, so that a hundred agents do not come back in one instant. */
  #later(): void {
    if (this.#phase === 'stopped') return
    this.#phase = 'down'
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
