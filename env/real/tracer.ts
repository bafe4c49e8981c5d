// Spans on their way to whoever collects them, by OpenTelemetry's own exporter (OTLP over HTTP, as
// JSON). Its standard variables say where to and how (OTEL_EXPORTER_OTLP_ENDPOINT, ..._HEADERS,
// ..._TIMEOUT, ..._CERTIFICATE, ...): https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
// Without an endpoint nothing is loaded. A collector that is slow or away costs a bounded queue,
// and one line of the log a minute.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { HrTime } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import type { Log, SpanContext, SpanRecord, Tracer } from '../env.ts'

export interface RealTracer extends Tracer {
  /** Sends what is left, but waits for nobody longer than a moment. */
  close(): Promise<void>
}

type Variables = Readonly<Record<string, string | undefined>>

/** Nodes are killed on purpose here: what they did is told soon. */
const sendEveryMs = 500
/** Spans that wait; further ones are dropped. */
const queueMax = 4096
const batchMax = 512
const sendMsMax = 10_000
const closeMsMax = 1000
const complainEveryMs = 60_000

/** Whether anybody is named to send traces to. */
export function wantsTraces(variables: Variables): boolean {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own } = variables
  if (variables.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false
  if (variables.OTEL_TRACES_EXPORTER === 'none') return false
  return Boolean(own || all)
}

/** @param name this process, as in its log. undefined: nobody wants traces. */
export async function realTracer(
  name: string,
  log: Log,
  variables: Variables = process.env,
): Promise<RealTracer | undefined> {
  if (!wantsTraces(variables)) return undefined
  const [{ BatchSpanProcessor }, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  const resource = resources.resourceFromAttributes({
    'service.name': variables.OTEL_SERVICE_NAME || name,
    'service.namespace': 'godwit',
    'service.instance.id': name,
    'service.version': versionOfPackage(),
  })
  const queue = new BatchSpanProcessor({
    exporter: complaining(new OTLPTraceExporter(), log),
    scheduledDelayMillis: sendEveryMs,
    maxQueueSize: queueMax,
    maxExportBatchSize: batchMax,
    exportTimeoutMillis: sendMsMax,
  })
  return {
    freshId,
    record: (span) => queue.onEnd(readable(span, resource)),
    close: () => within(closeMsMax, queue.shutdown()),
  }
}

function versionOfPackage(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function freshId(digits: 16 | 32): string {
  const id = randomBytes(digits / 2).toString('hex')
  return /[1-9a-f]/.test(id) ? id : freshId(digits)
}

/** What does not arrive is nobody's fault here, but somebody should know. */
function complaining(exporter: SpanExporter, log: Log): SpanExporter {
  let complainedAtMs = Number.NEGATIVE_INFINITY
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const nowMs = performance.now()
        if (result.error && nowMs - complainedAtMs > complainEveryMs) {
          complainedAtMs = nowMs
          log.warn('traces not delivered', { spans: spans.length, why: reasonOf(result.error) })
        }
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}

/** Without the text of the answer: a collector may repeat what it was shown. */
const reasonOf = ({ name, message }: Error): string => `${name}: ${message}`.slice(0, 200)

const scope = { name: 'godwit' }
const sampled = 1
const kinds = { internal: 0, server: 1, client: 2 } as const
const isUnset = { code: 0 }
const isError = 2

/** The library takes spans that it has not made itself, as long as they have ended. */
function readable(span: SpanRecord, resource: Resource): ReadableSpan {
  const { context, parentSpanId, startWallMs, durationMs, fault } = span
  const { traceId } = context
  const inTrace = (of: SpanContext) => ({ ...of, traceFlags: sampled })
  return {
    ...{ name: span.name, kind: kinds[span.kind], resource, instrumentationScope: scope },
    spanContext: () => inTrace(context),
    ...(parentSpanId !== undefined && {
      parentSpanContext: inTrace({ traceId, spanId: parentSpanId }),
    }),
    startTime: hrTime(startWallMs),
    endTime: hrTime(startWallMs + durationMs),
    duration: hrTime(durationMs),
    ended: true,
    status: fault === undefined ? isUnset : { code: isError, message: fault },
    attributes: { ...span.attributes },
    links: span.links.map((link) => ({ context: inTrace(link) })),
    ...{ events: [], droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  }
}

/** Seconds and nanoseconds. A double of today's ms is good for a quarter of a microsecond. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))]
}

function within(ms: number, work: Promise<void>): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, ms).unref())
  return Promise.race([work.catch(() => undefined), late])
}
