// An agent's voice over a real WebSocket, for tests of the coordinator's shell: says what the test
// tells it to, keeps what it hears, and answers the ordinary commands (start, stop, pause, resume)
// and heartbeats if asked to. No guests.

import { WebSocket } from 'ws'
import { asNodeId } from '#proto/ids.ts'
import {
  type AgentMessage,
  CoordinatorMessage,
  type Hello,
  type VmReport,
} from '#proto/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { decodeControl, encodeControl } from '#proto/wire.ts'

export type Heard<T extends CoordinatorMessage['t']> = Extract<CoordinatorMessage, { t: T }>

export class Voice {
  readonly node: string
  readonly heard: CoordinatorMessage[] = []
  readonly held = new Map<string, VmReport>()
  closed: string | undefined
  readonly #socket: WebSocket
  #seq = 0
  #beat: NodeJS.Timeout | undefined
  #waiters: (() => void)[] = []

  constructor(node: string, socket: WebSocket) {
    this.node = node
    this.#socket = socket
    socket.on('message', (data) => this.#hear(new Uint8Array(data as Buffer)))
    socket.on('error', () => undefined)
    socket.on('close', (_code, reason) => {
      this.closed = reason.toString() || 'closed'
      clearInterval(this.#beat)
      this.#wake()
    })
  }

  /** @param address `http://host:port` of the coordinator */
  static async open(address: string, node: string): Promise<Voice> {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/agent`)
    const voice = new Voice(node, socket)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return voice
  }

  /** A whole agent as far as the coordinator can tell: joined, beating, obeying. */
  static async join(address: string, node: string, token: string): Promise<Voice> {
    const voice = await Voice.open(address, node)
    voice.hello({ token })
    await voice.hear('welcome')
    voice.beat()
    voice.#beat = setInterval(() => voice.beat(), 50)
    await voice.hear('lease')
    return voice
  }

  hello(fields: Partial<Hello>): void {
    this.say({
      ...{ t: 'hello', protocolVersion, role: 'agent', token: '', pid: 1 },
      nodeId: asNodeId(this.node),
      incarnation: `${this.node}-first`,
      peerAddress: `ws://${this.node}`,
      capacity: { cores: 1, mipsPerCore: 0, memoryMib: 256 },
      vms: [...this.held.values()],
      ...fields,
    })
  }

  beat(): void {
    this.say({
      ...{ t: 'heartbeat', seq: ++this.#seq, nodeId: asNodeId(this.node) },
      ...{ cpuDemandPercent: 0, cpuGotPercent: 0, memoryUsedMib: 1 },
      vms: [...this.held.values()],
    })
  }

  say(message: AgentMessage): void {
    this.sayBytes(encodeControl(message))
  }

  sayBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes)
  }

  /** The first message of that kind that passes; waits for it. */
  async hear<T extends CoordinatorMessage['t']>(
    t: T,
    passes: (message: Heard<T>) => boolean = () => true,
  ): Promise<Heard<T>> {
    for (;;) {
      const found = this.heard.find((m): m is Heard<T> => m.t === t && passes(m as Heard<T>))
      if (found) return found
      if (this.closed !== undefined) throw new Error(`${this.node} was closed: ${this.closed}`)
      await this.#more()
    }
  }

  async end(): Promise<string> {
    while (this.closed === undefined) await this.#more()
    return this.closed
  }

  close(reason = ''): void {
    clearInterval(this.#beat)
    this.#socket.close(1000, reason)
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }

  #hear(bytes: Uint8Array): void {
    const decoded = decodeControl(bytes, CoordinatorMessage)
    if ('fault' in decoded) throw new Error(decoded.fault.message)
    this.heard.push(decoded.message)
    this.#obey(decoded.message)
    this.#wake()
  }

  #obey(message: CoordinatorMessage): void {
    if (message.t === 'start') {
      const { vmId, epoch, spec, identity, disk } = message
      this.held.set(vmId, { vmId, epoch, state: 'running', spec, identity, disk })
    } else if (message.t === 'stop') this.held.delete(message.vmId)
    else if (message.t === 'pause' || message.t === 'resume') {
      const report = this.held.get(message.vmId)
      const state = message.t === 'pause' ? 'paused' : 'running'
      if (report) this.held.set(message.vmId, { ...report, state })
    } else if (message.t !== 'balloon') return
    this.say({ t: 'result', commandId: message.commandId })
  }
}
