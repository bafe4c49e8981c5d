// What a traced coordinator says to agents, and what it tells of that: over links that are the
// test's own.

import { expect, test } from 'vitest'
import { Coordinator } from '#coordinator/coordinator.ts'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { MemoryLog, MemoryTracer, SeededRandom, VirtualClock } from '#env/memory.ts'
import { asNodeId } from '#proto/ids.ts'
import type { CoordinatorMessage } from '#proto/messages.ts'
import { clientTraceOf, contextOf } from '#proto/trace-context.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import { LateStore } from '#scenarios/sim/late-store.ts'
import { SimStore } from '#scenarios/sim/sim-coordinator.ts'

const nodeId = asNodeId('n1')

/** A coordinator to which one agent has joined, as far as it can tell. */
function joined(protocolVersion = 2, storeLagMs = 0) {
  const tracer = new MemoryTracer('coordinator', new SeededRandom(2))
  const log = new MemoryLog()
  const clock = new VirtualClock()
  const isLate = storeLagMs > 0
  const late = () => new LateStore(new SimStore(), clock, storeLagMs, () => undefined)
  const store = isLate ? late() : new SimStore()
  const leadership = { holds: true, end: () => undefined }
  const ports = { clock, random: new SeededRandom(1), log, store, tracer, leadership }
  const coordinator = new Coordinator(ports, defaultSettings, 'test')
  coordinator.start()
  const heard: CoordinatorMessage[] = []
  const linkId = coordinator.addLink({ send: (message) => heard.push(message), close: () => {} })
  const hello = {
    ...({
      t: 'hello',
      protocolVersion,
      role: 'agent',
      token: '',
      nodeId,
      incarnation: 'i',
    } as const),
    ...{ peerAddress: 'ws://n1', capacity: { cores: 1, mipsPerCore: 0, memoryMib: 256 }, pid: 1 },
    vms: [],
  }
  coordinator.take({ kind: 'hello', linkId, hello })
  const load = { cpuDemandPercent: 0, cpuGotPercent: 0, memoryUsedMib: 0 }
  const message = { t: 'heartbeat' as const, seq: 1, nodeId, ...load, vms: [] }
  coordinator.take({ kind: 'agent-message', linkId, nodeId, message })
  return { coordinator, tracer, log, clock, linkId, heard }
}

type Joined = ReturnType<typeof joined>

function run({ coordinator, heard }: Joined, trace?: ReturnType<typeof clientTraceOf>) {
  const request = { id: 'kv', spec: VmSpec.parse({ memoryMib: 16 }) }
  const identity = freshIdentity(new SeededRandom(3))
  coordinator.ask({ do: 'run', request, identity }, undefined, trace)
  const start = heard.find((message) => message.t === 'start')
  if (start?.t !== 'start') throw new Error('it was not told to start it')
  return start
}

test('an agent hears which span its command is a part of', () => {
  const cluster = joined()
  const { coordinator, tracer, clock, linkId } = cluster
  const { commandId, traceparent } = run(cluster)
  clock.advance(30)
  const message = { t: 'result', commandId } as const
  coordinator.take({ kind: 'agent-message', linkId, nodeId, message })
  expect(tracer.spans).toMatchObject([
    { name: 'start', durationMs: 30, kind: 'client', attributes: { 'godwit.vm': 'kv' } },
  ])
  expect(tracer.spans[0]?.context).toEqual(contextOf(traceparent))
})

test('an agent of version 1 hears nothing of it: it would not understand', () => {
  expect(run(joined(1))).not.toHaveProperty('traceparent')
})

test("a client's trace goes on also where what was decided is durable only later", async () => {
  const cluster = joined(2, 5)
  const { coordinator, clock, heard } = cluster
  for (const [id, flag] of [
    ['wanted', '01'],
    ['unwanted', '00'],
  ] as const) {
    const request = { id, spec: VmSpec.parse({ memoryMib: 16 }) }
    const trace = clientTraceOf(`00-${'c'.repeat(32)}-${'d'.repeat(16)}-${flag}`)
    const identity = freshIdentity(new SeededRandom(id.length))
    coordinator.ask({ do: 'run', request, identity }, undefined, trace)
    clock.advance(10)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const starts = heard.flatMap((message) => (message.t === 'start' ? [message] : []))
  expect(starts.map(({ vmId }) => vmId)).toEqual(['wanted', 'unwanted'])
  expect(contextOf(starts[0]?.traceparent)?.traceId).toBe('c'.repeat(32))
  expect(starts[1]).not.toHaveProperty('traceparent')
})

test("a client's trace goes on in what it asks for; one that wants none gets none", () => {
  const header = `00-${'c'.repeat(32)}-${'d'.repeat(16)}`
  const wanted = run(joined(), clientTraceOf(`${header}-01`))
  expect(contextOf(wanted.traceparent)?.traceId).toBe('c'.repeat(32))
  expect(run(joined(), clientTraceOf(`${header}-00`))).not.toHaveProperty('traceparent')
})

test('an answer that was lost with its link ends the span, and says so', () => {
  const cluster = joined()
  run(cluster)
  const { coordinator, tracer, linkId } = cluster
  coordinator.take({ kind: 'link-closed', linkId, nodeId, isGoodbye: false })
  expect(tracer.spans.find(({ name }) => name === 'start')?.fault).toContain('link was lost')
})

test('events are in the log with the ids of the trace that they belong to', () => {
  const cluster = joined()
  const { coordinator, log, clock, tracer, linkId } = cluster
  run(cluster)
  coordinator.take({ kind: 'link-closed', linkId, nodeId, isGoodbye: false })
  clock.advance(5000)
  const line = (event: string) => log.lines.find((each) => each.event === event)?.fields
  const fenced = line('node-fenced')
  expect(fenced?.traceId).toMatch(/^[0-9a-f]{32}$/)
  expect(fenced?.traceId).toBe(line('vm-recovering')?.traceId)
  expect(tracer.spans.find(({ name }) => name === 'suspect')?.context.traceId).toBe(fenced?.traceId)
  expect(line('vm-placed')).toMatchObject({ vmId: 'kv', epoch: 1, nodeId: 'n1' })
})
