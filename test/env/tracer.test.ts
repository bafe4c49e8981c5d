// The real tracer and whoever collects: what arrives is what was told; one that is broken, slow or
// away costs a bounded queue and a line of the log, and nobody waits for it.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import type { SpanRecord } from '#env/env.ts'
import { MemoryLog } from '#env/memory.ts'
import { realTracer } from '#env/real.ts'
import { startReceiver } from '../tracing/otlp-receiver.ts'

afterEach(() => vi.unstubAllEnvs())

const spanOf = (name: string, more: Partial<SpanRecord> = {}): SpanRecord => ({
  ...{ name, kind: 'internal', startWallMs: 1_800_000_000_000.25, durationMs: 12.5 },
  ...{ context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }, attributes: {}, links: [] },
  ...more,
})

/** A tracer as a process with these variables makes it. */
async function tracerTo(endpoint: string, log = new MemoryLog()) {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', endpoint)
  const tracer = await realTracer('agent-n1', log)
  if (!tracer) throw new Error('there is an endpoint')
  return { tracer, log }
}

test('a span arrives as it was told', async () => {
  const receiver = await startReceiver()
  const { tracer } = await tracerTo(receiver.endpoint)
  const link = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }
  const attributes = { 'godwit.vm': 'kv', 'godwit.pages': 7, 'godwit.downtime_ms': 0.5 }
  const told = spanOf('round 0', { ...{ parentSpanId: 'e'.repeat(16), attributes } })
  tracer.record({ ...told, links: [link], fault: 'the link ended' })
  await tracer.close()
  expect(receiver.spans).toEqual([
    {
      ...{ service: 'agent-n1', name: 'round 0', context: told.context, attributes },
      ...{ parentSpanId: 'e'.repeat(16), links: [link], fault: 'the link ended' },
      ...{ startWallMs: told.startWallMs, durationMs: 12.5 },
    },
  ])
})

test('ids are hex digits, and no two are the same', async () => {
  const { tracer } = await tracerTo((await startReceiver()).endpoint)
  const ids = Array.from({ length: 100 }, () => tracer.freshId(16))
  expect(new Set(ids).size).toBe(100)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/)
  expect(tracer.freshId(32)).toMatch(/^[0-9a-f]{32}$/)
})

test.each([
  [{}],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:1', OTEL_SDK_DISABLED: 'true' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:1', OTEL_TRACES_EXPORTER: 'none' }],
])('with %o nothing is traced', async (variables) => {
  expect(await realTracer('agent-n1', new MemoryLog(), variables)).toBeUndefined()
})

test('one that never answers is not waited for, and is not sent more than a queue of spans', async () => {
  const receiver = await startReceiver('silent')
  const { tracer } = await tracerTo(receiver.endpoint)
  const told = 20_000
  for (let i = 0; i < told; i++) tracer.record(spanOf(`round ${i}`))
  // Nothing is awaited above: all of them were told within this turn.
  const close = tracer.close()
  await expect(Promise.race([close.then(() => 'closed'), sleep(10_000)])).resolves.toBe('closed')
  // 4,096 wait at most, in batches of 512 beside the one under way.
  expect(receiver.seen.requests).toBeLessThanOrEqual(9)
})

test('one that is broken is complained of once', async () => {
  const receiver = await startReceiver('broken')
  const { tracer, log } = await tracerTo(receiver.endpoint)
  tracer.record(spanOf('one'))
  await vi.waitFor(() => expect(log.lines).toHaveLength(1), { timeout: 30_000 })
  tracer.record(spanOf('two'))
  await vi.waitFor(() => expect(receiver.seen.requests).toBe(2), { timeout: 30_000 })
  await tracer.close()
  expect(log.lines).toMatchObject([{ level: 'warn', event: 'traces not delivered' }])
})

test('one that is not there harms nobody, and no address of it is in the log', async () => {
  const { tracer, log } = await tracerTo('http://user:secret@127.0.0.1:9')
  tracer.record(spanOf('lost'))
  await tracer.close()
  expect(JSON.stringify(log.lines)).not.toContain('secret')
})
