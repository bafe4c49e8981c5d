// The coordinator as a running thing: feeds inputs to the core one at a time and carries out its
// effects in order, durable first. Everything it touches is a port (clock, random, log, store,
// links), so that tests and the simulated world run the very same. Not here: sockets and HTTP
// (shell/), any decision (core/). Times in monotonic ms.

import type { Cancel, Clock, Log, Random, Tracer } from '#env/env.ts'
import type { ClusterView, EventView, MigrationView } from '#proto/api.ts'
import { type Fault, FaultError, fault, faultOf } from '#proto/faults.ts'
import type { CommandId, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { CoordinatorMessage, Result } from '#proto/messages.ts'
import type { ClientTrace } from '#proto/trace-context.ts'
import type { ClusterState, LinkId, Settings } from './core/cluster-state.ts'
import { assertChanged, assertInvariants } from './core/invariants.ts'
import { isTickDue, step } from './core/step.ts'
import type { ApiAnswer, ApiCommand, Effect, Input } from './core/step-context.ts'
import { loadState } from './core/stored-state.ts'
import { clusterView } from './core/views.ts'
import { hexOf } from './identity.ts'
import { MigrationQueue } from './migration-queue.ts'
import { Outlet } from './outlet.ts'
import type { Store } from './store.ts'
import { ClusterTracing } from './tracing/cluster-tracing.ts'

export interface CoordinatorPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: Store
  readonly fence?: FenceDevice
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined
  /** Of one of several coordinators: whether it may still act. Absent: there is only this one. */
  readonly leadership?: LeadershipHold
  /** How often the whole state is held against its invariants; 0: after each step. */
  readonly checkEveryMs?: number
}

/** The right to be the one that decides; it ends by itself, or when it is ended. */
export interface LeadershipHold {
  readonly holds: boolean
  /** It is over: another leads, or will. */
  end(why: Fault): void
}

/** One process of a node. */
export interface FencedNode {
  readonly nodeId: string
  readonly pid: number
}

export interface FenceDevice {
  /** It has joined: a look at it while it lives. */
  see?(node: FencedNode): void | Promise<void>
  /** Ends it. Resolves when it is surely gone, or with why that is not known. */
  end(node: FencedNode): Promise<Fault | undefined>
}

/** The other end of an agent's link, as far as the core's effects need it. */
export interface AgentEnd {
  send(message: CoordinatorMessage): void
  close(reason: string): void
}

/** Told what has happened; for metrics, consoles and watchers. */
export interface Observer {
  stepped?(input: Input): void
  /** A step and all of its effects, which may have waited for the store. */
  carriedOut?(input: Input, tookMs: number): void
  event?(event: EventView): void
  migrationEnded?(migration: MigrationView): void
  /** A node has answered what was asked of it for somebody. */
  answered?(commandId: CommandId, result: Result): void
  /** After every step that changed what a view shows. */
  changed?(): void
}

/** Fine enough that a fence is noticed long before its margin (500 ms) is doubled. */
const tickMs = 50
const checkEveryMs = 1000

export class Coordinator {
  readonly state: ClusterState
  readonly version: string
  readonly #ports: CoordinatorPorts
  readonly #observers: Observer[] = []
  /** Those of them that are told how long steps take. */
  readonly #timers: Observer[] = []
  readonly #ends = new Map<LinkId, AgentEnd>()
  readonly #queue: MigrationQueue
  readonly #tracing: ClusterTracing | undefined
  readonly #outlet: Outlet
  readonly #showChange = () => {
    for (const observer of this.#observers) observer.changed?.()
  }
  readonly #inputs: Input[] = []
  #isStepping = false
  #isStopped = false
  #isBroken = false
  #nextLink = 1
  #checkedAtMs = Number.NEGATIVE_INFINITY
  #answer: ApiAnswer | undefined
  #nextTick: Cancel = () => undefined

  /** Loads the store. Throws a FaultError when it cannot be read. */
  constructor(ports: CoordinatorPorts, settings: Settings, version: string) {
    this.#ports = ports
    this.version = version
    const names = {
      clusterId: `godwit-${hexOf(ports.random.bytes(4))}`,
      runId: hexOf(ports.random.bytes(4)),
    }
    const loaded = loadState(ports.store.load(), names, settings, ports.clock.nowMs())
    if ('code' in loaded) throw new FaultError(loaded)
    this.state = loaded
    this.#tracing = ports.tracer && new ClusterTracing(loaded, ports.tracer, ports.clock)
    if (this.#tracing) this.observe(this.#tracing)
    this.#outlet = new Outlet(ports.store, (thrown) => this.#loseStore(thrown))
    this.#queue = new MigrationQueue(
      (migrationId: MigrationId) => this.take({ kind: 'migration-admitted', migrationId }),
      settings,
    )
  }

  observe(observer: Observer): void {
    this.#observers.push(observer)
    if (observer.carriedOut) this.#timers.push(observer)
  }

  start(): void {
    this.take({ kind: 'boot' })
    this.#tick()
  }

  /** Nothing is decided any more: what links say on their way down is for the next process. */
  stop(reason = 'shutting-down'): void {
    this.#isStopped = true
    this.#outlet.shut()
    this.#nextTick()
    for (const end of this.#ends.values()) end.close(reason)
  }

  /** Done when all that was decided before is durable; never, if that fails. */
  whenDurable(act: () => void): void {
    this.#outlet.pass(act)
  }

  /** As whenDurable, for who waits; rejected with the fault. undefined: it is durable. */
  settled(): Promise<void> | undefined {
    if (this.#isStopped) return this.#ports.leadership && Promise.reject(new FaultError(notLeading))
    return this.#ports.store.settled?.()
  }

  /** A link of an agent that has not said hello yet. */
  addLink(end: AgentEnd): LinkId {
    const linkId = this.#nextLink++
    this.#ends.set(linkId, end)
    return linkId
  }

  forgetLink(linkId: LinkId): void {
    this.#ends.delete(linkId)
  }

  /** Sends past the core: console traffic, which it does not see. */
  sendTo(linkId: LinkId, message: CoordinatorMessage): void {
    this.#outlet.pass(() => this.#ends.get(linkId)?.send(message))
  }

  /** A step threw: what it decided is in memory and not in the store, and nobody may go on so. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Carried out at once, or after the step that is being carried out. */
  take(input: Input): void {
    if (this.#isStopped || this.#isDeposed()) return
    if (this.#isStepping) {
      this.#inputs.push(input)
      return
    }
    this.#isStepping = true
    try {
      for (let next: Input | undefined = input; next; next = this.#inputs.shift()) this.#step(next)
    } catch (thrown) {
      this.#isBroken = true
      throw thrown
    } finally {
      this.#isStepping = false
    }
  }

  /**
   * What a person asks for, answered at once. @param by their account, if they have one. @param
   * trace in which their client does it
   */
  ask(command: ApiCommand, by?: string, trace?: ClientTrace): ApiAnswer {
    invariant(!this.#isStepping, 'an API command came in the middle of a step')
    this.take({ kind: 'api', command, trace, ...(by !== undefined && { by }) })
    const answer = this.#answer
    // Whoever asks on the way down, a login that took its time, is no bug.
    if (!answer && this.#isStopped) return { fault: this.#ports.leadership ? notLeading : stopped }
    invariant(answer, 'the core gave no answer')
    this.#answer = undefined
    return answer
  }

  view(): ClusterView {
    return clusterView(this.state, this.#ports.clock.nowMs(), this.version)
  }

  readonly #rung = () => {
    const { clock, leadership } = this.#ports
    // One of several also looks whether it still leads.
    if (leadership || isTickDue(this.state, clock.nowMs())) this.take({ kind: 'tick' })
    this.#tick()
  }

  #tick(): void {
    const { clock } = this.#ports
    this.#nextTick = clock.wakeAt(clock.nowMs() + tickMs, this.#rung)
  }

  #step(input: Input): void {
    const { clock } = this.#ports
    const nowMs = clock.nowMs()
    const { revision } = this.state
    const newTrace = this.#tracing?.namer(input)
    const effects = step(this.state, input, { nowMs, wallMs: clock.wallMs(), newTrace })
    this.#check(effects, nowMs)
    for (const effect of effects) this.#carryOut(effect)
    for (const observer of this.#observers) observer.stepped?.(input)
    if (this.#timers.length > 0) this.#outlet.pass(() => this.#timed(input, clock.nowMs() - nowMs))
    if (this.state.revision === revision) return
    this.#outlet.pass(this.#showChange)
  }

  #timed(input: Input, tookMs: number): void {
    for (const observer of this.#timers) observer.carriedOut?.(input, tookMs)
  }

  /**
   * Looked at after an input came and before anything is done about it: whatever answers it was
   * asked for while this coordinator led.
   */
  #isDeposed(): boolean {
    const { leadership } = this.#ports
    if (!leadership || leadership.holds) return false
    this.stop('not-leader')
    leadership.end(notLeading)
    return true
  }

  #loseStore(thrown: unknown): void {
    const why = faultOf(thrown)
    this.#ports.log.error('what was decided did not become durable', { ...why })
    this.stop('not-leader')
    invariant(
      this.#ports.leadership,
      `a store that writes later needs a leadership: ${why.message}`,
    )
    this.#ports.leadership.end(why)
  }

  #check(effects: readonly Effect[], nowMs: number): void {
    if (nowMs - this.#checkedAtMs >= (this.#ports.checkEveryMs ?? checkEveryMs)) {
      this.#checkedAtMs = nowMs
      assertInvariants(this.state)
      return
    }
    for (const effect of effects)
      if (effect.kind === 'persist') assertChanged(this.state, [...effect.puts, ...effect.deletes])
  }

  /** A reply waits for nothing here: who passes it on waits for settled(). */
  #carryOut(effect: Effect): void {
    if (effect.kind === 'persist') this.#outlet.persist(effect.puts, effect.deletes)
    else if (effect.kind === 'reply') this.#answer = effect.answer
    else {
      const client = this.#tracing?.client
      if (this.#outlet.isFree) this.#act(effect, client)
      else this.#outlet.pass(() => this.#act(effect, client))
    }
  }

  /** @param client in whose trace it is done: of the step that decided it */
  #act(effect: Exclude<Effect, { kind: 'persist' | 'reply' }>, client?: ClientTrace): void {
    switch (effect.kind) {
      case 'send':
        this.#ends
          .get(effect.linkId)
          ?.send(this.#tracing?.stamped(effect.message, client) ?? effect.message)
        break
      case 'close-link':
        this.#ends.get(effect.linkId)?.close(effect.reason)
        break
      case 'answered':
        for (const observer of this.#observers) observer.answered?.(effect.commandId, effect.result)
        break
      case 'event':
        this.#tell(effect.event)
        break
      case 'fence':
        this.#fence(effect)
        break
      case 'queue-migration':
        this.#queue.add(effect.migrationId, effect.from, effect.to)
        break
      case 'migration-ended':
        this.#queue.end(effect.migration.id as MigrationId)
        for (const observer of this.#observers) observer.migrationEnded?.(effect.migration)
    }
  }

  /** Its word comes when it comes: meanwhile the lease runs out. */
  #fence({ nodeId, incarnation, pid }: Extract<Effect, { kind: 'fence' }>): void {
    const told = (fault: Fault | undefined) =>
      this.take({ kind: 'fence-word', nodeId, incarnation, fault })
    const none = fault('internal', 'there is no fence device')
    const asked = this.#ports.fence?.end({ nodeId, pid }) ?? Promise.resolve(none)
    void asked.then(told, (thrown) => told(faultOf(thrown)))
  }

  #tell(event: EventView): void {
    const { kind, text, by, seq, nodeId, vmId, migrationId } = event
    const node =
      kind === 'node-online' && nodeId ? this.state.nodes.get(nodeId as NodeId) : undefined
    if (node) void this.#ports.fence?.see?.({ nodeId: node.id, pid: node.pid })
    const epoch = this.state.vms.get(vmId as VmId)?.epoch
    const traced = this.#tracing?.hear(event)
    this.#ports.log.info(kind, { text, by, seq, nodeId, vmId, epoch, migrationId, ...traced })
    for (const observer of this.#observers) observer.event?.(event)
  }
}

const notLeading = fault(
  'not-leader',
  'another coordinator leads now, or soon will: ask again, and any of them says which',
)

const stopped = fault('shutting-down', 'the coordinator shuts down: ask again when it is back')

export const isFault = (answer: ApiAnswer): answer is { readonly fault: Fault } => 'fault' in answer
