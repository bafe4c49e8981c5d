// Spans of one process: their times, their ends, and a wall clock that somebody sets.

import { expect, test } from 'vitest'
import { MemoryTracer, SeededRandom, VirtualClock } from '#env/memory.ts'
import { Tracing } from '#env/spans.ts'

/** Monotonic time from 0; the wall clock is `setTo` ahead of it. */
function tracing() {
  const clock = new VirtualClock()
  const wall = { aheadMs: 1_000_000 }
  const tracer = new MemoryTracer('test', new SeededRandom(1))
  const shown = {
    nowMs: () => clock.nowMs(),
    wallMs: () => Math.floor(clock.nowMs() + wall.aheadMs),
    wakeAt: clock.wakeAt.bind(clock),
  }
  return { clock, wall, spans: tracer.spans, tracing: new Tracing(tracer, shown) }
}

test('a child is in the trace of its parent, and a span without one begins a trace', () => {
  const { tracing: told, spans } = tracing()
  const parent = told.begin('parent')
  parent.child('child').end()
  parent.end()
  told.begin('another').end()
  const [child, whole, another] = spans
  expect(child?.context.traceId).toBe(whole?.context.traceId)
  expect(child?.parentSpanId).toBe(whole?.context.spanId)
  expect(another?.context.traceId).not.toBe(whole?.context.traceId)
})

test('a span ends once: what came first counts', () => {
  const { clock, tracing: told, spans } = tracing()
  const span = told.begin('once', { attributes: { 'godwit.vm': 'kv' } })
  clock.advance(5)
  span.end({ attributes: { 'godwit.pages': 3 } })
  clock.advance(5)
  span.end({ fault: 'too late' })
  expect(spans).toMatchObject([
    { durationMs: 5, attributes: { 'godwit.vm': 'kv', 'godwit.pages': 3 }, fault: undefined },
  ])
})

test('spans lie as the monotonic clock had them, though the wall clock has whole ms', () => {
  const { clock, tracing: told, spans } = tracing()
  for (let i = 0; i < 5; i++) {
    const atMs = clock.nowMs()
    clock.advance(0.3)
    told.tell('part', { atMs, endMs: clock.nowMs() })
  }
  for (const [i, { startWallMs }] of spans.entries())
    expect(startWallMs).toBeCloseTo(1_000_000 + 0.3 * i, 6)
})

test('a wall clock that was set is believed from then on', () => {
  const { clock, wall, tracing: told, spans } = tracing()
  told.begin('before').end()
  clock.advance(100)
  wall.aheadMs += 3_600_000
  told.begin('after').end()
  expect(spans.map(({ startWallMs }) => startWallMs)).toEqual([1_000_000, 4_600_100])
})

test('a span that would end before it began has no length', () => {
  const { tracing: told, spans } = tracing()
  told.tell('odd', { atMs: 10, endMs: 4 })
  expect(spans[0]?.durationMs).toBe(0)
})
