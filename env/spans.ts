// Spans that have begun and not ended, in one process. Times are given in ms of its monotonic
// clock, also after the fact; where a span stands in the day is reckoned by one offset for all, so
// that spans of one process lie as they were, to the microsecond. Not here: what is worth a span
// (coordinator/tracing/, node-agent/tracing/), where spans go (a Tracer).

import type { Clock, SpanAttributes, SpanContext, SpanRecord, Tracer } from './env.ts'

export interface SpanStart {
  /** Absent: a trace begins here. */
  readonly parent?: SpanContext | undefined
  /** Absent: now. */
  readonly atMs?: number
  readonly kind?: SpanRecord['kind']
  readonly attributes?: SpanAttributes
  readonly links?: readonly SpanContext[]
  /** Its name was given away before it began. */
  readonly context?: SpanContext
}

export interface SpanEnd {
  /** Absent: now. */
  readonly atMs?: number
  readonly attributes?: SpanAttributes
  readonly fault?: string | undefined
}

/** The wall clock has whole ms, and is slewed: only a greater difference means that it was set. */
const wallStepMs = 20

/** What one process tells a tracer. */
export class Tracing {
  readonly #tracer: Tracer
  readonly #clock: Clock
  /** Wall clock less monotonic clock. */
  #offsetMs: number

  constructor(tracer: Tracer, clock: Clock) {
    this.#tracer = tracer
    this.#clock = clock
    this.#offsetMs = clock.wallMs() - clock.nowMs()
  }

  get nowMs(): number {
    return this.#clock.nowMs()
  }

  /** A span's own name, before it begins. Without a parent it is the first of a trace. */
  newContext(parent?: Pick<SpanContext, 'traceId'>): SpanContext {
    const traceId = parent?.traceId ?? this.#tracer.freshId(32)
    return { traceId, spanId: this.#tracer.freshId(16) }
  }

  begin(name: string, start: SpanStart = {}): OpenSpan {
    return new OpenSpan(this, name, start)
  }

  /** One that has ended already. */
  tell(name: string, start: SpanStart & { readonly endMs: number }, end: SpanEnd = {}): OpenSpan {
    const span = this.begin(name, start)
    span.end({ ...end, atMs: start.endMs })
    return span
  }

  record(span: Omit<SpanRecord, 'startWallMs'> & { readonly startMs: number }): void {
    const { startMs, ...rest } = span
    const offsetMs = this.#clock.wallMs() - this.#clock.nowMs()
    if (Math.abs(offsetMs - this.#offsetMs) > wallStepMs) this.#offsetMs = offsetMs
    this.#tracer.record({ ...rest, startWallMs: startMs + this.#offsetMs })
  }
}

export class OpenSpan {
  readonly context: SpanContext
  readonly #tracing: Tracing
  readonly #name: string
  readonly #start: SpanStart
  readonly #startMs: number
  #hasEnded = false

  /** Made by Tracing. */
  constructor(tracing: Tracing, name: string, start: SpanStart) {
    this.#tracing = tracing
    this.#name = name
    this.#start = start
    this.#startMs = start.atMs ?? tracing.nowMs
    this.context = start.context ?? tracing.newContext(start.parent)
  }

  /** Something that is a part of it. */
  child(name: string, start: Omit<SpanStart, 'parent'> = {}): OpenSpan {
    return this.#tracing.begin(name, { ...start, parent: this.context })
  }

  /** Once: what ends again has ended. */
  end({ atMs = this.#tracing.nowMs, attributes, fault }: SpanEnd = {}): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const { parent, kind = 'internal', links = [] } = this.#start
    this.#tracing.record({
      ...{ name: this.#name, context: this.context, kind, links, fault },
      parentSpanId: parent?.spanId,
      startMs: this.#startMs,
      durationMs: Math.max(0, atMs - this.#startMs),
      attributes: { ...this.#start.attributes, ...attributes },
    })
  }
}
