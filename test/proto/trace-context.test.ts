// W3C Trace Context: what a client's header may be (section 3.2), and what is taken for none.

import { expect, test } from 'vitest'
import { clientTraceOf, contextOf, Traceparent, traceparentOf } from '#proto/trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

test('a header names a trace, a span, and whether it is recorded', () => {
  expect(clientTraceOf(`00-${traceId}-${spanId}-01`)).toEqual({ traceId, spanId, isSampled: true })
  expect(clientTraceOf(`00-${traceId}-${spanId}-00`)?.isSampled).toBe(false)
  // Other flags may be set besides: only the first says this.
  expect(clientTraceOf(`00-${traceId}-${spanId}-fe`)?.isSampled).toBe(false)
  expect(clientTraceOf(`00-${traceId}-${spanId}-03`)?.isSampled).toBe(true)
})

test('a later version is read by what it begins with (section 3.2.4)', () => {
  expect(clientTraceOf(`cc-${traceId}-${spanId}-01`)?.traceId).toBe(traceId)
  expect(clientTraceOf(`cc-${traceId}-${spanId}-01-what-is-new`)?.traceId).toBe(traceId)
  expect(clientTraceOf(`cc-${traceId}-${spanId}-01what-is-new`)).toBeUndefined()
})

test.each([
  ['nothing', undefined],
  ['two of them', [`00-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-01`]],
  ['text', 'hello'],
  ['version 0 with more behind it', `00-${traceId}-${spanId}-01-more`],
  ['the version that is forbidden', `ff-${traceId}-${spanId}-01`],
  ['a trace of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
  ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['capital letters', `00-${traceId.toUpperCase()}-${spanId}-01`],
  ['a trace that is too short', `00-${traceId.slice(1)}-${spanId}-01`],
  ['no flags', `00-${traceId}-${spanId}`],
  ['a header that does not end', `cc-${traceId}-${spanId}-01-${'x'.repeat(1000)}`],
])('%s counts as none', (_what, header) => {
  expect(clientTraceOf(header)).toBeUndefined()
})

test('what travels between our processes is read as it was written', () => {
  const text = traceparentOf({ traceId, spanId })
  expect(Traceparent.parse(text)).toBe(text)
  expect(contextOf(text)).toEqual({ traceId, spanId })
  expect(contextOf(undefined)).toBeUndefined()
  expect(Traceparent.safeParse(`00-${traceId}-${spanId}-00`).success).toBe(false)
  expect(Traceparent.safeParse(`00-${'0'.repeat(32)}-${spanId}-01`).success).toBe(false)
})
