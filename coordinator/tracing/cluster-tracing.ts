// What the coordinator does, as spans: made of the inputs, effects and events of its steps by
// somebody who looks on. The core knows of it only that a migration has a trace's name, which it
// keeps. One migration or clone is one trace, and so is one failover (failovers.ts); what else an
// agent is told to do that takes time is a trace too, or goes on in that of whoever asked.
// Not here: where spans go (env/real/tracer.ts), what agents tell (node-agent/tracing/).

import type { SpanAttributes, SpanContext, Tracer } from '#env/env.ts'
import { type OpenSpan, Tracing } from '#env/spans.ts'
import type { EventView, MigrationView } from '#proto/api.ts'
import type { CommandId, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import type { CoordinatorMessage, Result } from '#proto/messages.ts'
import { type ClientTrace, type TraceRef, traceparentOf } from '#proto/trace-context.ts'
import type { ClusterState } from '../core/cluster-state.ts'
import type { Input } from '../core/step-context.ts'
import { Failovers } from './failovers.ts'

/** Agents before this know nothing of traces. */
const tracedVersion = 2

type LongCommand = Extract<CoordinatorMessage, { t: 'start' | 'take-over' | 'take-snapshot' }>

export class ClusterTracing {
  readonly #state: ClusterState
  readonly #spans: Tracing
  readonly #failovers: Failovers
  /** Given, and not answered yet. */
  readonly #commands = new Map<CommandId, OpenSpan>()
  #client: ClientTrace | undefined

  constructor(
    state: ClusterState,
    tracer: Tracer,
    clock: ConstructorParameters<typeof Tracing>[1],
  ) {
    this.#state = state
    this.#spans = new Tracing(tracer, clock)
    this.#failovers = new Failovers(this.#spans, (id) => state.nodes.get(id)?.live.heartbeatAtMs)
  }

  /** Before a step: how traces that begin in it are named. undefined: its asker wants none. */
  namer(input: Input): (() => TraceRef) | undefined {
    const client = input.kind === 'api' ? input.trace : undefined
    this.#client = client
    if (client && !client.isSampled) return undefined
    return () => ({
      ...this.#spans.newContext(client),
      ...(client && { parentSpanId: client.spanId }),
    })
  }

  /** @returns in which trace it happened: for the line of the log about it. */
  hear(event: EventView): SpanContext | undefined {
    const before = this.#contextOf(event)
    this.#failovers.see(event)
    if (event.kind === 'migration-started') this.#tellQueued(event)
    return before ?? this.#contextOf(event)
  }

  /** Whoever asked for what this step does. */
  get client(): ClientTrace | undefined {
    return this.#client
  }

  /**
   * The message with the name of the span that it is a part of. @param client whoever asked for it,
   * which may be a while ago: what is sent waits until it is durable
   */
  stamped(message: CoordinatorMessage, client?: ClientTrace): CoordinatorMessage {
    if (message.t === 'migrate' || message.t === 'clone') {
      const migration = this.#state.migrations.get(message.migrationId)
      return migration ? this.#marked(message, migration.trace, migration.from) : message
    }
    const isLong =
      message.t === 'start' || message.t === 'take-over' || message.t === 'take-snapshot'
    return isLong ? this.#begun(message, client) : message
  }

  /** After a step and all of its effects. */
  stepped(input: Input): void {
    this.#client = undefined
    if (input.kind === 'agent-message' && input.message.t === 'result')
      this.#answered(input.message)
    if (input.kind === 'link-closed' || input.kind === 'hello') this.#dropUnanswered()
    this.#failovers.stepped()
  }

  migrationEnded(view: MigrationView): void {
    const trace = this.#traceOf(view.id)
    if (!trace || view.endedAtMs === undefined) return
    const { traceId, spanId, parentSpanId } = trace
    const name = view.purpose === 'migrate' ? 'migration' : 'clone'
    this.#spans.tell(
      name,
      {
        ...{ context: { traceId, spanId }, kind: 'client' },
        ...{ atMs: view.queuedAtMs, endMs: view.endedAtMs },
        ...(parentSpanId !== undefined && { parent: { traceId, spanId: parentSpanId } }),
        attributes: attributesOf(view),
      },
      { fault: view.fault?.message },
    )
  }

  #contextOf({ migrationId, vmId, nodeId }: EventView): SpanContext | undefined {
    const trace = migrationId === undefined ? undefined : this.#traceOf(migrationId)
    const context = trace ?? this.#failovers.contextOf(vmId as VmId, nodeId as NodeId)
    return context && { traceId: context.traceId, spanId: context.spanId }
  }

  #traceOf(migrationId: string): TraceRef | undefined {
    return this.#state.migrations.get(migrationId as MigrationId)?.trace
  }

  #tellQueued({ migrationId, atMs }: EventView): void {
    const migration = this.#state.migrations.get(migrationId as MigrationId)
    if (!migration?.trace) return
    const { trace, queuedAtMs, cause, why } = migration
    const attributes = { 'godwit.cause': cause, ...(why !== undefined && { 'godwit.why': why }) }
    this.#spans.tell('queued', { parent: trace, atMs: queuedAtMs, endMs: atMs, attributes })
  }

  #marked<M extends CoordinatorMessage>(message: M, of: SpanContext | undefined, at: NodeId): M {
    const version = this.#state.nodes.get(at)?.live.protocolVersion ?? 0
    return of && version >= tracedVersion ? { ...message, traceparent: traceparentOf(of) } : message
  }

  /** Where it is a part of a failover, or of what a client does, it belongs there. */
  #begun(command: LongCommand, client: ClientTrace | undefined): CoordinatorMessage {
    const { vmId, epoch, commandId } = command
    const parent = this.#failovers.contextOf(vmId) ?? client
    const nodeId = this.#state.vms.get(vmId)?.nodeId
    if (nodeId === undefined || (parent === client && client?.isSampled === false)) return command
    const attributes = { 'godwit.vm': vmId, 'godwit.node': nodeId, 'godwit.epoch': epoch }
    const span = this.#spans.begin(command.t, { parent, kind: 'client', attributes })
    this.#commands.set(commandId, span)
    return this.#marked(command, span.context, nodeId)
  }

  #answered({ commandId, fault }: Result): void {
    this.#commands.get(commandId)?.end({ fault: fault?.message })
    this.#commands.delete(commandId)
  }

  /** A command is lost with its link: what became of it, reports will say. */
  #dropUnanswered(): void {
    for (const [id, span] of this.#commands) {
      if (this.#state.commands.has(id)) continue
      span.end({ fault: 'the link was lost before the answer came' })
      this.#commands.delete(id)
    }
  }
}

function attributesOf(view: MigrationView): SpanAttributes {
  const { id, vmId, from, to, cause, phase, cloneIds, record } = view
  return {
    ...{ 'godwit.migration': id, 'godwit.vm': vmId, 'godwit.from': from, 'godwit.to': to },
    ...{ 'godwit.cause': cause, 'godwit.outcome': phase },
    ...(cloneIds.length > 0 && { 'godwit.clones': cloneIds.length }),
    ...(record && {
      'godwit.rounds': record.rounds.length,
      'godwit.pages': record.pages,
      'godwit.bytes': record.bytes,
      'godwit.downtime_ms': record.downtimeMs,
    }),
  }
}
