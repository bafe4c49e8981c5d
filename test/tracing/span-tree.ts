// Spans as a test reads them: as a tree, one line a span, `service name` with its children below.
// Where something failed, the sentence stands behind it. Not here: who collects (otlp-receiver.ts).
// Times in wall clock ms.

import type { SpanRecord } from '#env/env.ts'

/** What a receiver and a MemoryTracer both have. */
export type ToldSpan = Pick<
  SpanRecord,
  'name' | 'context' | 'parentSpanId' | 'startWallMs' | 'durationMs' | 'attributes' | 'links'
> & { readonly service: string; readonly fault?: string | undefined }

export const traceIdsOf = (spans: readonly ToldSpan[]): string[] => [
  ...new Set(spans.map(({ context }) => context.traceId)),
]

/** The spans of the traces that have one of this name. */
export function traceOf(spans: readonly ToldSpan[], name: string): ToldSpan[] {
  const ids = new Set(spans.filter((span) => span.name === name).map((s) => s.context.traceId))
  return spans.filter(({ context }) => ids.has(context.traceId))
}

/** In order of their begin; what has a parent that is not here is at the top, too. */
export function treeOf(spans: readonly ToldSpan[]): string[] {
  const known = new Set(spans.map(({ context }) => context.spanId))
  const isTop = ({ parentSpanId }: ToldSpan) => !parentSpanId || !known.has(parentSpanId)
  const below = (parent: ToldSpan, depth: number): string[] => {
    const children = spans.filter((span) => span.parentSpanId === parent.context.spanId)
    return [line(parent, depth), ...inOrder(children).flatMap((child) => below(child, depth + 1))]
  }
  return inOrder(spans.filter(isTop)).flatMap((top) => below(top, 0))
}

const line = ({ service, name, fault }: ToldSpan, depth: number) =>
  `${'  '.repeat(depth)}${service} ${name}${fault === undefined ? '' : `: ${fault}`}`

const inOrder = (spans: readonly ToldSpan[]): ToldSpan[] =>
  spans.toSorted((a, b) => a.startWallMs - b.startWallMs || a.durationMs - b.durationMs)
