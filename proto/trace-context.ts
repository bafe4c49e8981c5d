// Which trace a message belongs to, as W3C Trace Context has it
// (https://www.w3.org/TR/trace-context/, section 3.2): `00-TRACEID-SPANID-FLAGS`, in hex digits.
// Between our processes only traces travel that are recorded; what a client's request brings may be
// anything, and is read with care. Not here: spans (env/spans.ts), who begins a trace
// (coordinator/tracing/).

import { z } from 'zod'

const traceId = /^(?!0{32})[0-9a-f]{32}$/
const spanId = /^(?!0{16})[0-9a-f]{16}$/

/** Names a span in a trace, and with it whatever it causes elsewhere. */
export const Traceparent = z.string().regex(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/)

/** The first span of what is recorded here, and whose it continues. */
export const TraceRef = z.strictObject({
  traceId: z.string().regex(traceId),
  spanId: z.string().regex(spanId),
  /** Of a client that had a trace of its own. */
  parentSpanId: z.string().regex(spanId).optional(),
})
export type TraceRef = z.infer<typeof TraceRef>

export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
}

export const traceparentOf = ({ traceId: trace, spanId: span }: TraceContext): string =>
  `00-${trace}-${span}-01`

/** Of a message that was checked against `Traceparent`; absent stays absent. */
export function contextOf(traceparent: string | undefined): TraceContext | undefined {
  const [, trace, span] = traceparent?.split('-') ?? []
  return trace === undefined || span === undefined ? undefined : { traceId: trace, spanId: span }
}

/** What a client's header says; `isSampled`: whether it wants to see anything of it. */
export interface ClientTrace extends TraceContext {
  readonly isSampled: boolean
}

const version0 = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/
const version0Length = 55

/**
 * A header of version 0, or the beginning of a later one that is read as such (section 3.2.4). What
 * is malformed counts as none: the receiver begins a trace of its own.
 */
export function clientTraceOf(header: unknown): ClientTrace | undefined {
  if (typeof header !== 'string' || header.length > 512) return undefined
  const [, trace = '', span = '', flags = ''] = version0.exec(header) ?? []
  if (!traceId.test(trace) || !spanId.test(span) || header.startsWith('ff')) return undefined
  const isLonger = header.length > version0Length
  if (isLonger && (header.startsWith('00') || header[version0Length] !== '-')) return undefined
  return { traceId: trace, spanId: span, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
