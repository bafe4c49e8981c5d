// Whoever collects traces, as small as can be: takes OTLP over HTTP as JSON, keeps every span. It
// can also be slow or broken. Source: OTLP specification, section on OTLP/HTTP; JSON mapping of
// opentelemetry-proto (ids in hex, times in ns as text).

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { ToldSpan } from './span-tree.ts'

interface OtlpValue {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly boolValue?: boolean
}
type OtlpAttributes = readonly { readonly key: string; readonly value: OtlpValue }[]

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: OtlpAttributes
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status: { readonly code: number; readonly message?: string }
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpAttributes }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

export interface Receiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string
  readonly spans: ToldSpan[]
  /** How often it was asked, and the largest body. */
  readonly seen: { requests: number; bytesMax: number }
}

/** `silent`: takes what comes, and never answers. */
export type Manner = 'well' | 'silent' | 'broken'

/** Listens until the test has ended. */
export async function startReceiver(manner: Manner = 'well'): Promise<Receiver> {
  const spans: ToldSpan[] = []
  const seen = { requests: 0, bytesMax: 0 }
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      seen.requests += 1
      seen.bytesMax = Math.max(seen.bytesMax, text.length)
      if (manner === 'well') spans.push(...spansIn(JSON.parse(text) as OtlpBody))
      answer(response, manner)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { endpoint: `http://127.0.0.1:${port}`, spans, seen }
}

function answer(response: ServerResponse, manner: Manner): void {
  if (manner === 'broken') response.writeHead(500).end('no')
  else if (manner === 'well')
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

function spansIn({ resourceSpans }: OtlpBody): ToldSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource.attributes)['service.name'])
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toldSpan(service, span)))
  })
}

function toldSpan(service: string, span: OtlpSpan): ToldSpan {
  const startNs = BigInt(span.startTimeUnixNano)
  return {
    ...{ service, name: span.name, parentSpanId: span.parentSpanId },
    context: { traceId: span.traceId, spanId: span.spanId },
    startWallMs: Number(startNs / 1000n) / 1000,
    durationMs: Number(BigInt(span.endTimeUnixNano) - startNs) / 1e6,
    attributes: attributesOf(span.attributes),
    links: span.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    fault: span.status.code === 2 ? (span.status.message ?? '') : undefined,
  }
}

const attributesOf = (attributes: OtlpAttributes): Record<string, string | number | boolean> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => {
      const { stringValue, intValue, doubleValue, boolValue } = value
      return [key, stringValue ?? boolValue ?? Number(intValue ?? doubleValue)]
    }),
  )
