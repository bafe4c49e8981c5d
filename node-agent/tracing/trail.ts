// What a node was told to do, and what came of it: a line of the log each, and, where the command
// belongs to a trace, a span. Both carry the same ids. Nobody waits for it, and nothing depends on
// it. Not here: what any command means (desk.ts), where lines and spans go (env/).

import type { Env, SpanContext } from '#env/env.ts'
import { type OpenSpan, Tracing } from '#env/spans.ts'
import type { CommandId, VmId } from '#proto/ids.ts'
import type { Offer, Result, VmEvent } from '#proto/messages.ts'
import { contextOf, traceparentOf } from '#proto/trace-context.ts'
import type { Command } from '../desk-state.ts'
import type { DestinationPorts } from '../migration/destination-run.ts'
import type { SourcePorts } from '../migration/source-run.ts'
import type { SourcePlan } from '../migration/source-state.ts'
import { DestinationSpans } from './destination-spans.ts'
import { SourceSpans } from './source-spans.ts'

/** A command that is not answered yet. */
interface Order {
  readonly ids: Readonly<Record<string, string | number | undefined>>
  readonly vmIds: readonly VmId[]
  readonly sinceMs: number
  readonly span: OpenSpan | undefined
}

export class Trail {
  readonly #env: Pick<Env, 'clock' | 'log'>
  readonly #tracing: Tracing | undefined
  readonly #orders = new Map<CommandId, Order>()
  /** What is done with a VM now: for lines about it. */
  readonly #spans = new Map<VmId, OpenSpan>()

  constructor(env: Pick<Env, 'clock' | 'log' | 'tracer'>) {
    this.#env = env
    this.#tracing = env.tracer && new Tracing(env.tracer, env.clock)
  }

  heard(command: Command): void {
    // One that comes again is the same order.
    if (this.#orders.has(command.commandId)) return
    const ids = idsOf(command)
    const span = this.#spanOf(command, ids)
    const [vmIds, sinceMs] = [vmsOf(command), this.#env.clock.nowMs()]
    this.#orders.set(command.commandId, { ids, vmIds, sinceMs, span })
    if (span) for (const vmId of vmIds) this.#spans.set(vmId, span)
  }

  told(message: Result | VmEvent): void {
    if (message.t === 'result') this.#answered(message)
    else this.#happened(message)
  }

  /** The part of a trace that a command is. */
  spanOf(commandId: CommandId): OpenSpan | undefined {
    return this.#orders.get(commandId)?.span
  }

  /** The plan of a source, whose offer tells the destination of the trace; and who looks on. */
  ofSource(plan: SourcePlan): { readonly plan: SourcePlan } & Pick<SourcePorts, 'seen'> {
    const span = this.spanOf(plan.commandId)
    if (!span) return { plan }
    const spans = new SourceSpans(span, this.#env.clock.nowMs())
    return {
      plan: { ...plan, offer: { ...plan.offer, traceparent: traceparentOf(span.context) } },
      seen: (state, nowMs, effects) => spans.see(state, nowMs, effects),
    }
  }

  ofDestination(offer: Offer): Pick<DestinationPorts, 'seen'> {
    const { clock, log } = this.#env
    const [vm] = offer.vms
    const ids = { vmId: vm?.vmId, epoch: vm?.epoch, migrationId: offer.migrationId }
    const parent = contextOf(offer.traceparent)
    const whole =
      parent && this.#tracing?.begin('receive', { parent, kind: 'server', attributes: marks(ids) })
    const spans = whole && new DestinationSpans(whole, clock.nowMs())
    if (whole) for (const { vmId } of offer.vms) this.#spans.set(vmId, whole)
    let isOver = false
    return {
      seen: (state, nowMs, effects) => {
        spans?.see(state, nowMs, effects)
        if (state.phase !== 'ended' || isOver) return
        isOver = true
        log.info('migration destination ended', { ...ids, ...contextFields(whole?.context) })
        for (const { vmId } of offer.vms) this.#forget(vmId, whole)
      },
    }
  }

  #spanOf(command: Command, ids: Order['ids']): OpenSpan | undefined {
    const parent = 'traceparent' in command ? contextOf(command.traceparent) : undefined
    if (!parent) return undefined
    return this.#tracing?.begin(command.t, { parent, kind: 'server', attributes: marks(ids) })
  }

  #answered({ commandId, fault }: Result): void {
    const order = this.#orders.get(commandId)
    if (!order) return
    this.#orders.delete(commandId)
    const { ids, vmIds, sinceMs, span } = order
    span?.end({ fault: fault?.message })
    const { clock, log } = this.#env
    const tookMs = Math.round(clock.nowMs() - sinceMs)
    const fields = { ...ids, commandId, tookMs, ...contextFields(span?.context) }
    if (fault) log.warn('not done', { ...fields, code: fault.code, why: fault.message })
    else log.info('done', fields)
    for (const vmId of vmIds) this.#forget(vmId, span)
  }

  #happened({ vmId, epoch, event, fault }: VmEvent): void {
    const fields = { vmId, epoch, ...contextFields(this.#spans.get(vmId)?.context) }
    if (fault)
      this.#env.log.warn(`vm-${event}`, { ...fields, code: fault.code, why: fault.message })
    else this.#env.log.info(`vm-${event}`, fields)
  }

  #forget(vmId: VmId, span: OpenSpan | undefined): void {
    if (span && this.#spans.get(vmId) === span) this.#spans.delete(vmId)
  }
}

const vmsOf = (command: Command): VmId[] => [
  ...('vmId' in command ? [command.vmId] : []),
  ...(command.t === 'clone' ? command.clones.map(({ vmId }) => vmId) : []),
]

function idsOf(command: Command): Order['ids'] {
  const { t, vmId, epoch, migrationId, replicaId, name } = command as Command &
    Partial<Record<'vmId' | 'migrationId' | 'replicaId' | 'name', string>> & { epoch?: number }
  return { command: t, vmId, epoch, migrationId, replicaId, snapshot: name }
}

/** As attributes of a span. */
const marks = (ids: Readonly<Record<string, string | number | undefined>>) =>
  Object.fromEntries(
    Object.entries(ids).flatMap(([key, value]) =>
      value === undefined || key === 'command' ? [] : [[`godwit.${words[key] ?? key}`, value]],
    ),
  )
const words: Readonly<Record<string, string>> = {
  ...{ vmId: 'vm', migrationId: 'migration', replicaId: 'replica' },
}

const contextFields = (context: SpanContext | undefined) =>
  context ? { traceId: context.traceId, spanId: context.spanId } : {}
