// A whole cluster in one process and in virtual time: the real core of the coordinator, model
// agents, and links that deliver in order, late, or not at all. Everything comes from one seed.
// Checks after every event that no VM is executed twice, that no memory older than its disk ever
// runs, and the core's own invariants.

import {
  type ClusterState,
  defaultSettings,
  type LinkId,
  type Settings,
} from '#coordinator/core/cluster-state.ts'
import { assertInvariants } from '#coordinator/core/invariants.ts'
import type { StoredRecord } from '#coordinator/core/records.ts'
import { step } from '#coordinator/core/step.ts'
import type { ApiCommand, Effect, Input } from '#coordinator/core/step-context.ts'
import { loadState } from '#coordinator/core/stored-state.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { HaPolicy } from '#proto/ha.ts'
import { asNodeId, asVmId, type MigrationId, type NodeId, type VmId } from '#proto/ids.ts'
import type { AgentMessage, CoordinatorMessage } from '#proto/messages.ts'
import { VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import { ModelAgent } from './model-agent.ts'
import { ModelClock } from './model-clock.ts'
import type { PeerMessage } from './model-held.ts'
import { assertOneCopy, runnersAt } from './model-laws.ts'
import type { ModelLink } from './model-link.ts'
import type { ModelWorld } from './model-world.ts'

export const settings = { ...defaultSettings, rebalance: false }

export class ModelCluster implements ModelWorld {
  readonly disks = new Map<VmId, number>()
  readonly agents = new Map<NodeId, ModelAgent>()
  readonly store = new Map<string, StoredRecord>()
  readonly story: string[] = []
  readonly cutFromCoordinator = new Set<NodeId>()
  readonly cutFromPeers = new Set<NodeId>()
  state: ClusterState | undefined
  /** Steps that have changed what the coordinator remembers. */
  changes = 0
  /** What else must be so after every event; throws. */
  law: () => void = () => undefined
  #links = new Map<LinkId, ModelLink>()
  #running: MigrationId[] = []
  #queued: MigrationId[] = []
  readonly #clock = new ModelClock()
  #nextProcess = 0
  #nextLink = 1
  #nextRun = 1
  #crashInMs: number | undefined
  readonly #random: SeededRandom
  readonly #settings: Settings

  constructor(nodes: readonly string[], seed: number, more: Partial<Settings> = {}) {
    this.#random = new SeededRandom(seed)
    this.#settings = { ...settings, ...more }
    this.startCoordinator()
    for (const id of nodes) this.startNode(asNodeId(id))
  }

  nowMs(): number {
    return this.#clock.nowMs
  }

  // ---- what the tests do ----

  startCoordinator(): void {
    if (this.state) return
    const names = { clusterId: 'model', runId: `run${this.#nextRun++}` }
    const records = structuredClone([...this.store.values()])
    const state = loadState(records, names, this.#settings, this.#clock.nowMs)
    if ('code' in state) throw new Error(state.message)
    this.state = state
    this.story.push(`${this.#clock.nowMs} coordinator starts`)
    this.take({ kind: 'boot' })
    this.#clock.every(50, () => this.state === state && this.take({ kind: 'tick' }), 250)
  }

  killCoordinator(): void {
    this.state = undefined
    this.#crashInMs = undefined
    this.#running = []
    this.#queued = []
    this.story.push(`${this.#clock.nowMs} coordinator killed`)
    for (const link of [...this.#links.values()]) this.#cut(link)
  }

  /** Killed between the store's commit and the first message of one of its next steps. */
  crashSoon(afterMs: number): void {
    this.#crashInMs = this.#clock.nowMs + afterMs
  }

  startNode(id: NodeId): void {
    const old = this.agents.get(id)
    if (old && !old.isDead) return
    const agent = this.makeAgent(id, `${id}-${this.#nextProcess++}`)
    this.agents.set(id, agent)
    this.story.push(`${this.#clock.nowMs} ${id} starts`)
    this.#clock.every(
      250,
      () => {
        if (agent.isDead) return false
        if (!agent.isHung) agent.heartbeat()
        return true
      },
      500,
    )
    this.#clock.every(
      100,
      () => {
        if (agent.isDead) return false
        if (!agent.isHung) this.#connect(agent)
        return true
      },
      500,
    )
  }

  makeAgent(id: NodeId, incarnation: string): ModelAgent {
    return new ModelAgent(id, incarnation, this)
  }

  killNode(id: NodeId): void {
    const agent = this.agents.get(id)
    if (agent && !agent.isDead) this.endNode(agent, false)
  }

  /** @param isGoodbye it has stopped everything, and says so. */
  endNode(agent: ModelAgent, isGoodbye: boolean): void {
    agent.isDead = true
    this.story.push(`${this.#clock.nowMs} ${agent.id} ${isGoodbye ? 'leaves' : 'killed'}`)
    for (const link of this.#links.values()) {
      if (link.agent !== agent) continue
      if (isGoodbye) this.#sayGoodbye(link)
      else this.#cut(link)
    }
    for (const peer of this.agents.values()) this.#losePeers(peer, agent.id)
  }

  /** Stopped as by SIGSTOP; what arrives meanwhile waits in its sockets. */
  hangNode(id: NodeId, ms: number): void {
    const agent = this.agents.get(id)
    if (!agent || agent.isDead || agent.isHung) return
    agent.isHung = true
    this.story.push(`${this.#clock.nowMs} ${id} hangs for ${ms}`)
    this.#clock.at(ms, () => {
      agent.isHung = false
      if (!agent.isDead) agent.checkLease()
    })
  }

  cutNode(id: NodeId, what: 'coordinator' | 'peers'): void {
    this.story.push(`${this.#clock.nowMs} ${id} cut from ${what}`)
    if (what === 'peers') {
      this.cutFromPeers.add(id)
      const agent = this.agents.get(id)
      for (const peer of this.agents.values()) {
        this.#losePeers(peer, id)
        if (agent) this.#losePeers(agent, peer.id)
      }
      return
    }
    this.cutFromCoordinator.add(id)
    for (const link of this.#links.values()) if (link.agent.id === id) this.#cut(link)
  }

  crashGuest(vmId: VmId): void {
    this.story.push(`${this.#clock.nowMs} the guest of ${vmId} crashes`)
    for (const agent of this.agents.values()) agent.crashGuest(vmId)
  }

  breakDisk(id: NodeId): void {
    const agent = this.agents.get(id)
    this.story.push(`${this.#clock.nowMs} ${id} opens no disk`)
    if (agent) agent.isDiskBroken = true
  }

  /** From now on time passes in larger steps. */
  beAtPeace(): void {
    this.#clock.isPeace = true
  }

  heal(): void {
    this.story.push(`${this.#clock.nowMs} all healed`)
    this.cutFromCoordinator.clear()
    this.cutFromPeers.clear()
    this.#crashInMs = undefined
    this.startCoordinator()
    for (const agent of this.agents.values()) agent.isDiskBroken = false
    for (const id of this.agents.keys()) this.startNode(id)
  }

  run(id: string, spec: VmSpecInput, policy?: HaPolicy, nodeId?: string, template?: string): void {
    const request = { id, spec: VmSpec.parse({ memoryMib: 16, ...spec }), policy, nodeId, template }
    this.ask({ do: 'run', request, identity: freshIdentity(this.#random) })
  }

  ask(command: ApiCommand): void {
    if (!this.state) return
    this.story.push(`${this.#clock.nowMs} ask ${command.do}`)
    this.take({ kind: 'api', command })
  }

  advance(byMs: number): void {
    this.#clock.advance(byMs, () => {
      for (const agent of this.agents.values()) agent.runGuests()
      this.check()
    })
  }

  check(): void {
    assertOneCopy(this.agents.values(), this.disks)
    this.law()
  }

  /** Where each VM is executed now. */
  runners(): Record<string, string> {
    return runnersAt(this.agents.values())
  }

  // ---- the coordinator's shell ----

  take(input: Input): void {
    const { state } = this
    if (!state) return
    const effects = step(state, input, { nowMs: this.#clock.nowMs, wallMs: 0 })
    const isChanged = effects.some(({ kind }) => kind === 'persist')
    if (isChanged) assertInvariants(state)
    this.changes += isChanged ? 1 : 0
    for (const effect of effects) {
      if (effect.kind === 'persist') this.#persist(effect)
      if (effect.kind === 'persist' && this.#crashes()) return
      if (this.state === state) this.#carryOut(effect)
    }
    this.#admit()
  }

  #crashes(): boolean {
    if (this.#crashInMs === undefined || this.#clock.nowMs < this.#crashInMs) return false
    this.#crashInMs = undefined
    this.killCoordinator()
    return true
  }

  #persist({ puts, deletes }: Extract<Effect, { kind: 'persist' }>): void {
    for (const record of puts)
      this.store.set(`${record.kind}/${record.id}`, JSON.parse(JSON.stringify(record)))
    for (const { kind, id } of deletes) this.store.delete(`${kind}/${id}`)
  }

  #carryOut(effect: Effect): void {
    if (effect.kind === 'send') this.toAgent(effect.linkId, effect.message)
    else if (effect.kind === 'close-link') {
      const link = this.#links.get(effect.linkId)
      if (link) this.#cut(link, false)
    } else if (effect.kind === 'fence') this.#fence(effect)
    else if (effect.kind === 'event') this.story.push(`${this.#clock.nowMs} ${effect.event.text}`)
    else if (effect.kind === 'reply' && 'fault' in effect.answer)
      this.story.push(`  refused: ${effect.answer.fault.message}`)
    else if (effect.kind === 'queue-migration') this.#queued.push(effect.migrationId)
    else if (effect.kind === 'migration-ended') {
      const isOther = (id: MigrationId) => id !== effect.migration.id
      this.#running = this.#running.filter(isOther)
      this.#queued = this.#queued.filter(isOther)
    }
  }

  /** The device takes its time, and fails now and then. */
  #fence({ nodeId, incarnation }: Extract<Effect, { kind: 'fence' }>): void {
    const { state } = this
    const tell = (why: Fault | undefined) =>
      this.state === state && this.take({ kind: 'fence-word', nodeId, incarnation, fault: why })
    this.#clock.at(this.#random.below(300), () => {
      const agent = this.agents.get(nodeId)
      if (this.#random.below(4) === 0) return tell(fault('internal', 'the device has failed'))
      if (agent?.incarnation === incarnation) this.killNode(nodeId)
      this.#clock.at(this.#random.below(300), () => tell(undefined))
    })
  }

  /** A plain queue instead of the shell's: at most two at a time. */
  #admit(): void {
    while (this.#running.length < 2) {
      const migrationId = this.#queued.shift()
      if (migrationId === undefined) return
      this.#running.push(migrationId)
      this.take({ kind: 'migration-admitted', migrationId })
    }
  }

  // ---- links ----

  #connect(agent: ModelAgent): void {
    const isLinked = [...this.#links.values()].some((link) => link.agent === agent && link.isOpen)
    if (isLinked || agent.isUp || !this.state || this.cutFromCoordinator.has(agent.id)) return
    const linkId = this.#nextLink++
    const link: ModelLink = { linkId, agent, isOpen: true, isEnded: false, upAtMs: 0, downAtMs: 0 }
    this.#links.set(linkId, link)
    this.#up(link, agent.hello())
  }

  /** Both ends hear of it, each in its own time; what was on its way arrives nowhere. */
  #cut(link: ModelLink, tellCoordinator = true): void {
    if (!link.isOpen) return
    link.isOpen = false
    const { agent, linkId } = link
    const { state } = this
    const closedAtMs = Math.max(link.downAtMs, this.#clock.nowMs + this.#delayMs())
    this.#whenAwake(agent, closedAtMs - this.#clock.nowMs, () => {
      link.isEnded = true
      agent.linkDown()
    })
    if (tellCoordinator && state)
      this.#clock.at(this.#delayMs(), () => {
        if (this.state !== state) return
        this.take({ kind: 'link-closed', linkId, nodeId: agent.id, isGoodbye: false })
      })
    this.#clock.at(1000, () => this.#links.delete(linkId))
  }

  #sayGoodbye(link: ModelLink): void {
    const { state } = this
    const { linkId, agent } = link
    this.#clock.at(Math.max(link.upAtMs - this.#clock.nowMs, 0) + 1, () => {
      link.isOpen = false
      if (this.state === state)
        this.take({ kind: 'link-closed', linkId, nodeId: agent.id, isGoodbye: true })
    })
  }

  toCoordinator(agent: ModelAgent, message: AgentMessage): void {
    for (const link of this.#links.values())
      if (link.agent === agent && link.isOpen) this.#up(link, message)
  }

  #up(link: ModelLink, message: AgentMessage): void {
    const { linkId, agent } = link
    link.upAtMs = Math.max(link.upAtMs, this.#clock.nowMs + this.#delayMs())
    this.#clock.at(link.upAtMs - this.#clock.nowMs, () => {
      if (!link.isOpen || !this.state) return
      if (message.t === 'hello') this.take({ kind: 'hello', linkId, hello: message })
      else this.take({ kind: 'agent-message', linkId, nodeId: agent.id, message })
    })
  }

  /** What is in the agent's socket is read even if the coordinator has closed the link since. */
  toAgent(linkId: LinkId, message: CoordinatorMessage): void {
    const link = this.#links.get(linkId)
    if (!link?.isOpen) return
    link.downAtMs = Math.max(link.downAtMs, this.#clock.nowMs + this.#delayMs())
    const { agent } = link
    this.#whenAwake(agent, link.downAtMs - this.#clock.nowMs, () => {
      if (link.isEnded) return
      if (message.t === 'welcome') agent.linkUp()
      else agent.hear(message)
    })
  }

  toPeer(agent: ModelAgent, peerId: NodeId, message: PeerMessage): void {
    const { incarnation } = agent
    this.#clock.at(this.#delayMs(), () => {
      const peer = this.agents.get(peerId)
      const isCut = [agent.id, peerId].some((id) => this.cutFromPeers.has(id))
      if (!peer || peer.isDead || isCut || agent.isDead) {
        if (!agent.isDead) this.#whenAwake(agent, 0, () => agent.peerLost(peerId))
        return
      }
      if (this.agents.get(agent.id)?.incarnation !== incarnation) return
      this.#whenAwake(peer, 0, () => peer.hearPeer(agent.id, message))
    })
  }

  #losePeers(agent: ModelAgent, lost: NodeId): void {
    if (agent.isDead || agent.id === lost) return
    this.#whenAwake(agent, this.#delayMs(), () => agent.peerLost(lost))
  }

  // ---- time ----

  later(agent: ModelAgent, ms: number, fn: () => void): void {
    this.#whenAwake(agent, ms, fn)
  }

  #whenAwake(agent: ModelAgent, ms: number, fn: () => void): void {
    this.#clock.at(ms, () => {
      if (agent.isDead) return
      if (agent.isHung) this.#whenAwake(agent, 10, fn)
      else fn()
    })
  }

  #delayMs(): number {
    return 1 + this.#random.below(this.#random.below(8) === 0 ? 200 : 10)
  }
}

export const vmNames = ['a', 'b', 'c'].map(asVmId)
export const nodeNames = ['n1', 'n2', 'n3'].map(asNodeId)
