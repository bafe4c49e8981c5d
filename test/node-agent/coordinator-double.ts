// A coordinator that does what a test tells it and remembers what it hears: one WebSocket server,
// leases answered until told otherwise. It decides nothing. Not the coordinator: that one has tests
// of its own.

import type { Link, Listener } from '#env/env.ts'
import { realTransport } from '#env/real.ts'
import type { Fault } from '#proto/faults.ts'
import { asCommandId, asEpoch, asVmId, type CommandId, type NodeId } from '#proto/ids.ts'
import {
  AgentMessage,
  type CoordinatorMessage,
  MigrationParams,
  type Result,
  type VmReport,
} from '#proto/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import { WireChannel } from '#proto/wire.ts'

export interface Node {
  readonly nodeId: NodeId
  readonly peerAddress: string
  readonly pid: number
  readonly channel: WireChannel<AgentMessage, CoordinatorMessage>
  reports: readonly VmReport[]
}

type Heard = AgentMessage & { readonly from: NodeId }

export class CoordinatorDouble {
  readonly heard: Heard[] = []
  /** The console output of each VM, in the order of its offsets. */
  readonly consoles = new Map<string, string>()
  readonly inputAccepted = new Map<string, number>()
  readonly nodes = new Map<string, Node>()
  /** Why links ended, in order. */
  readonly goodbyes: string[] = []
  acknowledges = true
  /** What every hello gets for an answer from now on, instead of a welcome. */
  refusal: Fault | undefined
  leaseMs = 2500
  #listener: Listener | undefined
  #links = new Set<Link>()
  #seenOffset = new Map<string, number>()
  #nextCommand = 1
  #nextQuestion = 1

  async start(address = 'ws://127.0.0.1:0'): Promise<string> {
    const limits = { messageBytesMax: 8 << 20 }
    this.#listener = await realTransport.listen(address, limits, (link) => this.#take(link))
    return `${this.#listener.address}/agent`
  }

  async stop(): Promise<void> {
    await this.#listener?.close()
  }

  /** Cuts every link, as a coordinator that is killed does. */
  cutLinks(): void {
    for (const link of this.#links) link.close('cut by the test')
  }

  node(nodeId: string): Node {
    const node = this.nodes.get(nodeId)
    if (!node) throw new Error(`node ${nodeId} has not joined`)
    return node
  }

  report(nodeId: string, vmId: string): VmReport | undefined {
    return this.node(nodeId).reports.find((vm) => vm.vmId === vmId)
  }

  /** Sends a command and waits for its result. */
  async command(nodeId: string, message: Unnumbered): Promise<Result> {
    const commandId = this.send(nodeId, message)
    return await eventually(`a result of ${message.t}`, () => this.resultOf(commandId))
  }

  send(nodeId: string, message: Unnumbered): CommandId {
    const commandId = asCommandId(`command-${this.#nextCommand++}`)
    this.node(nodeId).channel.send({ ...message, commandId } as CoordinatorMessage)
    return commandId
  }

  resultOf(commandId: CommandId): Result | undefined {
    return this.heard.find(
      (message): message is Heard & Result =>
        message.t === 'result' && message.commandId === commandId,
    )
  }

  type(nodeId: string, vmId: string, epoch: number, text: string): void {
    const offset = this.inputAccepted.get(vmId) ?? 0
    const bytes = new TextEncoder().encode(text)
    this.node(nodeId).channel.send({
      t: 'console-input',
      ...{ vmId: asVmId(vmId), epoch: asEpoch(epoch), offset, bytes },
    })
  }

  /** What a guest of ours answers to a request; it must be listened to. */
  async ask(nodeId: string, vmId: string, epoch: number, request: string): Promise<string> {
    const name = `ask${this.#nextQuestion++}`
    this.type(nodeId, vmId, epoch, `${name} ${request}\n`)
    const answer = new RegExp(`^${name} (.*)\\r?\\n`, 'm')
    return await eventually(
      `${vmId} to answer ${request}`,
      () => answer.exec(this.consoles.get(vmId) ?? '')?.[1],
    )
  }

  /** Listens to a guest of workload=dirty until it has rewritten so many pages more, none wrong. */
  async writesOn(nodeId: string, vmId: string, epoch: number, pages = 20): Promise<void> {
    this.listen(nodeId, vmId, epoch)
    const writes = async () => {
      const answer = await this.ask(nodeId, vmId, epoch, 'stats')
      if (!answer.endsWith(' bad=0')) throw new Error(`${vmId} has found wrong words: ${answer}`)
      return Number(/ writes=(\d+)/.exec(answer)?.[1])
    }
    const enough = (await writes()) + pages
    while ((await writes()) < enough) await new Promise((resolve) => setTimeout(resolve, 20))
    const printed = this.consoles.get(vmId) ?? ''
    if (/BAD|<gap>/.test(printed)) throw new Error(`${vmId} said: ${printed}`)
  }

  listen(nodeId: string, vmId: string, epoch: number): void {
    this.node(nodeId).channel.send({
      t: 'console-open',
      ...{ vmId: asVmId(vmId), epoch: asEpoch(epoch) },
      fromOffset: this.#seenOffset.get(vmId) ?? 0,
    })
  }

  #take(link: Link): void {
    this.#links.add(link)
    let node: Node | undefined
    const channel = new WireChannel<AgentMessage, CoordinatorMessage>(link, AgentMessage, {
      message: (message) => {
        if (message.t === 'hello' && this.refusal) {
          channel.send({ t: 'refused', fault: this.refusal })
          channel.close(this.refusal.code)
        } else if (message.t === 'hello') {
          const { nodeId, peerAddress, pid, vms } = message
          node = { nodeId, peerAddress, pid, channel, reports: vms }
          this.nodes.set(nodeId, node)
          channel.send({
            t: 'welcome',
            ...{ protocolVersion, clusterId: 'test', leaseMs: this.leaseMs, heartbeatMs: 50 },
          })
        }
        if (node) this.#hear(node, message)
      },
      closed: (reason) => {
        this.#links.delete(link)
        this.goodbyes.push(reason)
      },
    })
  }

  #hear(node: Node, message: AgentMessage): void {
    this.heard.push({ ...message, from: node.nodeId })
    if (message.t === 'leaving') node.channel.send({ t: 'may-leave', now: true })
    if (message.t === 'heartbeat') {
      node.reports = message.vms
      const { seq } = message
      if (this.acknowledges) node.channel.send({ t: 'lease', seq, leaseMs: this.leaseMs })
    }
    if (message.t === 'console-accepted') this.inputAccepted.set(message.vmId, message.offset)
    if (message.t === 'console-output') this.#print(message.vmId, message.offset, message.bytes)
  }

  #print(vmId: string, offset: number, bytes: Uint8Array): void {
    const seen = this.#seenOffset.get(vmId) ?? offset
    const fresh = bytes.subarray(Math.max(0, seen - offset))
    const gap = offset > seen ? '<gap>' : ''
    const text = new TextDecoder().decode(fresh)
    this.consoles.set(vmId, (this.consoles.get(vmId) ?? '') + gap + text)
    this.#seenOffset.set(vmId, Math.max(seen, offset + bytes.length))
  }
}

type WithoutId<T> = T extends { readonly commandId: CommandId } ? Omit<T, 'commandId'> : never
export type Unnumbered = WithoutId<CoordinatorMessage>

const identityOf = (n: number) => ({
  instanceId: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  mac: `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`,
  randomSeed: n.toString(16).padStart(64, '0'),
})

/** A VM as a start command or a clone target names it. */
export function vmOrder(name: string, epoch: number, spec: VmSpecInput, layers: string[] = []) {
  const full = VmSpec.parse(spec)
  return {
    vmId: asVmId(name),
    epoch: asEpoch(epoch),
    spec: full,
    identity: identityOf([...name].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 255, 7)),
    disk: { sizeBytes: full.diskMib << 20, layers },
  }
}

export const params = (given: Partial<MigrationParams> = {}): MigrationParams =>
  MigrationParams.parse(given)

/** Polls until `look` gives something; a generous net, not a measure of speed. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false,
  withinMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
