// From the states of a migration's source to spans. The machine is the real one; what it is told is
// the test's. Two ends that really move something are in scenarios/sim/traces.test.ts.

import { expect, test } from 'vitest'
import { MemoryTracer, SeededRandom, VirtualClock } from '#env/memory.ts'
import { Tracing } from '#env/spans.ts'
import { stepSource } from '#node-agent/migration/source.ts'
import { newSource, type SourceInput } from '#node-agent/migration/source-state.ts'
import { SourceSpans } from '#node-agent/tracing/source-spans.ts'
import { fault } from '#proto/faults.ts'
import { protocolVersion } from '#proto/units.ts'
import { planOf } from '../migration/two-ends.ts'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never

const { migrationId } = planOf('migrate')
const linked = { on: 'linked', protocolVersion } as const
const accepted = { on: 'message', message: { t: 'accept', migrationId } } as const
const bitmap = new Uint8Array(2048 / 8)
const sent = (pages: number) =>
  ({ on: 'round-sent', sent: { frames: 1, pages, zeroPages: 0, bytes: pages * 4096 } }) as const
const applied = (round: number) =>
  ({ on: 'message', message: { t: 'round-applied', migrationId, round } }) as const
const log = (pages: number) => ({ on: 'log-taken', bitmap, pages }) as const

/** One input every 10 ms. */
function followed(...inputs: readonly WithoutTime<SourceInput>[]) {
  const tracer = new MemoryTracer('source', new SeededRandom(1))
  const clock = new VirtualClock()
  const whole = new Tracing(tracer, clock).begin('migrate')
  const state = newSource(planOf('migrate'), 0)
  const spans = new SourceSpans(whole, 0)
  for (const input of inputs) {
    clock.advance(10)
    const nowMs = clock.nowMs()
    spans.see(state, nowMs, stepSource(state, { ...input, nowMs } as SourceInput))
  }
  return tracer.spans
}

test('each round is a span with what it sent, and what was written meanwhile', () => {
  const spans = followed(
    ...[linked, accepted, sent(2048), applied(0), log(900)],
    ...[sent(900), applied(1), log(1)],
  )
  expect(spans).toMatchObject([
    { name: 'offer', startWallMs: 0, durationMs: 20 },
    { name: 'round 0', startWallMs: 20, durationMs: 30 },
    { name: 'round 1', startWallMs: 50, durationMs: 30 },
  ])
  expect(spans[1]?.attributes).toEqual({
    ...{ 'godwit.round': 0, 'godwit.pages': 2048, 'godwit.zero_pages': 0 },
    ...{ 'godwit.bytes': 2048 * 4096, 'godwit.dirty_pages': 900 },
  })
  expect(spans[2]?.attributes).toMatchObject({ 'godwit.round': 1, 'godwit.dirty_pages': 1 })
})

test('a destination that refuses is the fault of the offer', () => {
  const refusal = fault('no-room', 'b is full')
  const message = { t: 'refuse', migrationId, fault: refusal } as const
  expect(followed(linked, { on: 'message', message })).toMatchObject([
    { name: 'offer', fault: 'b is full' },
  ])
})

test('a link that breaks is the fault of the phase in which it does; what was before is well', () => {
  const spans = followed(linked, accepted, { on: 'link-closed', reason: 'cut' })
  expect(spans.map(({ name, fault: why }) => [name, why !== undefined])).toEqual([
    ['offer', false],
    ['round 0', true],
  ])
})

test('what comes after the end changes nothing', () => {
  const before = followed(linked, { on: 'link-failed', fault: fault('link-lost', 'cut') })
  const more = followed(
    ...[linked, { on: 'link-failed', fault: fault('link-lost', 'cut') } as const],
    ...[{ on: 'woken' } as const, { on: 'woken' } as const],
  )
  expect(more).toHaveLength(before.length)
})
