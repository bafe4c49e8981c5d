// What a node leaves behind of the commands that it was given: lines of its log, and spans of those
// that are part of a trace.

import { expect, test } from 'vitest'
import { MemoryLog, MemoryTracer, SeededRandom, VirtualClock } from '#env/memory.ts'
import type { Command } from '#node-agent/desk-state.ts'
import { Trail } from '#node-agent/tracing/trail.ts'
import { fault } from '#proto/faults.ts'
import { asCommandId } from '#proto/ids.ts'
import { contextOf } from '#proto/trace-context.ts'
import { of } from '../desk-rig.ts'
import { planOf } from '../migration/two-ends.ts'

const commandId = asCommandId('c1')
const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
const start = { t: 'start', commandId, ...of('kv', 3) } as unknown as Command
const tracedStart = { ...start, traceparent } as Command

function trail(isTraced = true) {
  const clock = new VirtualClock()
  const log = new MemoryLog()
  const tracer = new MemoryTracer('agent-n1', new SeededRandom(1))
  const made = new Trail({ clock, log, ...(isTraced && { tracer }) })
  return { trail: made, clock, log, spans: tracer.spans }
}

test('a command that is done is a line and a span, with the same ids', () => {
  const { trail: left, clock, log, spans } = trail()
  left.heard(tracedStart)
  clock.advance(40)
  left.told({ t: 'vm-event', ...of('kv', 3), event: 'running' })
  left.told({ t: 'result', commandId })
  expect(spans).toMatchObject([
    { name: 'start', parentSpanId: 'b'.repeat(16), durationMs: 40, kind: 'server' },
  ])
  const ids = spans[0]?.context
  expect(ids?.traceId).toBe('a'.repeat(32))
  expect(log.lines).toEqual([
    { level: 'info', event: 'vm-running', fields: { vmId: 'kv', epoch: 3, ...ids } },
    {
      ...{ level: 'info', event: 'done' },
      fields: expect.objectContaining({
        command: 'start',
        vmId: 'kv',
        epoch: 3,
        tookMs: 40,
        ...ids,
      }),
    },
  ])
})

test('one that is refused says why, in both', () => {
  const { trail: left, log, spans } = trail()
  left.heard(tracedStart)
  left.told({ t: 'result', commandId, fault: fault('no-room', 'n1 is full') })
  expect(spans[0]?.fault).toBe('n1 is full')
  expect(log.lines).toMatchObject([
    { level: 'warn', event: 'not done', fields: { code: 'no-room', why: 'n1 is full' } },
  ])
})

test('one that comes again is the same order', () => {
  const { trail: left, spans, log } = trail()
  left.heard(tracedStart)
  left.heard(tracedStart)
  left.told({ t: 'result', commandId })
  left.told({ t: 'result', commandId })
  expect(spans).toHaveLength(1)
  expect(log.lines).toHaveLength(1)
})

test.each([
  ['a command without a trace', true, start],
  ['a node that traces nothing', false, tracedStart],
])('%s leaves lines and no spans', (_what, isTraced, command) => {
  const { trail: left, log, spans } = trail(isTraced)
  left.heard(command)
  left.told({ t: 'vm-event', ...of('kv', 3), event: 'running' })
  left.told({ t: 'result', commandId })
  expect(spans).toEqual([])
  expect(log.lines.map(({ event }) => event)).toEqual(['vm-running', 'done'])
  for (const { fields } of log.lines) expect(fields).not.toHaveProperty('traceId')
})

test('the offer to a destination names the span of the source, if there is one', () => {
  const { trail: left } = trail()
  const plan = { ...planOf('migrate'), commandId }
  expect(left.ofSource(plan).plan.offer).not.toHaveProperty('traceparent')
  left.heard({ ...plan, t: 'migrate', traceparent } as unknown as Command)
  const { offer } = left.ofSource(plan).plan
  expect(contextOf(offer.traceparent)).toEqual(left.spanOf(commandId)?.context)
})

test('a VM that its node stops by itself is a warning', () => {
  const { trail: left, log } = trail()
  const why = fault('lease-lost', 'no lease')
  left.told({ t: 'vm-event', ...of('kv', 3), event: 'fenced', fault: why })
  expect(log.lines).toMatchObject([
    { level: 'warn', event: 'vm-fenced', fields: { vmId: 'kv', code: 'lease-lost' } },
  ])
})
