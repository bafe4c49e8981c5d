// Traces in the simulated world, where time is exact: what one migration, clone and failover look
// like across three processes, and that being watched changes nothing.

import { beforeAll, expect, test } from 'vitest'
import { freshIdentity } from '#coordinator/identity.ts'
import type { SpanAttributes } from '#env/env.ts'
import { MemoryTracer, SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import { clientTraceOf } from '#proto/trace-context.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { type ToldSpan, traceIdsOf, traceOf, treeOf } from '../../tracing/span-tree.ts'
import { platform } from './platform.ts'

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

const spec = { args: 'workload=dirty wss=1 rate=200', memoryMib: 4, clock: 'instructions' } as const
const newTracer = () => new MemoryTracer('nobody', new SeededRandom(5))
const coordinatorOf = (world: SimWorld) => world.coordinator.coordinator

/** A VM runs on a. */
async function begun(tracer?: MemoryTracer): Promise<SimWorld> {
  const world = new SimWorld({ ...ours, nodes: ['a', 'b'], seed: 3, ...(tracer && { tracer }) })
  await world.pass(1000)
  world.run('vm', spec, 'a')
  await runsOn(world, 'vm', 'a')
  await world.pass(1000)
  return world
}

const runsOn = (world: SimWorld, vmId: string, node: string) =>
  world.until(`${vmId} to run on ${node}`, () => {
    const vm = coordinatorOf(world).state.vms.get(asVmId(vmId))
    return vm?.phase === 'running' && vm.nodeId === node
  })

async function moved(world: SimWorld): Promise<SimWorld> {
  world.migrate('vm', 'b')
  await runsOn(world, 'vm', 'b')
  await world.pass(500)
  return world
}

function named(spans: readonly ToldSpan[], service: string, name: string): ToldSpan {
  const found = spans.filter((span) => span.service === service && span.name === name)
  expect(found, `${service} ${name}`).toHaveLength(1)
  return found[0] as ToldSpan
}

test('a migration is one trace: phases in order, across source, destination and us', async () => {
  const tracer = newTracer()
  const world = await moved(await begun(tracer))
  const trace = traceOf(tracer.spans, 'migration')
  expect(treeOf(trace)).toEqual([
    'coordinator migration',
    '  coordinator queued',
    '  a migrate',
    '    a offer',
    '    b receive',
    '      b incoming',
    '      b verify',
    '      b prepared',
    '      b resume',
    '    a round 0',
    '    a stop-and-copy',
    '    a verify',
    '    a switchover',
  ])
  const [migration] = coordinatorOf(world).view().migrations
  expect(traceIdsOf(trace)).toEqual([migration?.traceId])
  expectRecorded(trace, migration?.record)
})

/** What the record says of the migration, its spans say too. */
function expectRecorded(trace: readonly ToldSpan[], record: unknown): void {
  const { rounds, pages, bytes, downtimeMs } = record as Record<string, never>
  const [first, last] = rounds as unknown as { pages: number; bytes: number }[]
  const whole = named(trace, 'coordinator', 'migration').attributes
  expect(whole).toMatchObject({ 'godwit.pages': pages, 'godwit.downtime_ms': downtimeMs })
  const told = ({ 'godwit.pages': p, 'godwit.bytes': b }: SpanAttributes) => ({
    pages: p,
    bytes: b,
  })
  expect(told(named(trace, 'a', 'round 0').attributes)).toEqual({
    ...{ pages: first?.pages, bytes: first?.bytes },
  })
  expect(told(named(trace, 'a', 'stop-and-copy').attributes)).toEqual({
    ...{ pages: last?.pages, bytes: last?.bytes },
  })
  expect(whole['godwit.bytes']).toBe(bytes)
}

test('in post-copy the last pages are a part of it on both sides', async () => {
  const tracer = newTracer()
  const world = await begun(tracer)
  world.migrate('vm', 'b', { mode: 'post-copy', bandwidthBytesPerSecMax: 500_000 })
  await runsOn(world, 'vm', 'b')
  await world.until('its end', () => coordinatorOf(world).state.openMigrations.size === 0)
  await world.pass(500)
  const trace = traceOf(tracer.spans, 'migration')
  const fetched = named(trace, 'b', 'fetch pages')
  const served = named(trace, 'a', 'post-copy')
  expect(served.attributes['godwit.pages']).toBeGreaterThan(0)
  // It runs there from `resume` on, and what it lacks comes behind.
  const resumed = named(trace, 'b', 'resume')
  expect(fetched.startWallMs).toBeCloseTo(resumed.startWallMs + resumed.durationMs, 3)
})

test('each span lies within the one that it is a part of, or that caused it begins before', async () => {
  const tracer = newTracer()
  await moved(await begun(tracer))
  const byId = new Map(tracer.spans.map((span) => [span.context.spanId, span]))
  for (const span of tracer.spans) {
    const parent = byId.get(span.parentSpanId ?? '')
    if (!parent) continue
    expect(span.startWallMs).toBeGreaterThanOrEqual(parent.startWallMs)
    if (parent.service !== span.service) continue
    const end = ({ startWallMs, durationMs }: ToldSpan) => startWallMs + durationMs
    expect(end(span)).toBeLessThanOrEqual(end(parent) + 1e-6)
  }
})

test('a failover is one trace: silent, suspect, and the recovery that had to wait for it', async () => {
  const tracer = newTracer()
  const world = await moved(await begun(tracer))
  world.process('b').kill()
  await runsOn(world, 'vm', 'a')
  await world.pass(500)
  const trace = traceOf(tracer.spans, 'failover')
  expect(treeOf(trace)).toEqual([
    'coordinator failover',
    '  coordinator silent',
    '  coordinator suspect',
    '  coordinator recovery',
    '    coordinator placement',
    '    coordinator start',
    '      a start',
  ])
  const suspect = named(trace, 'coordinator', 'suspect')
  expect(suspect.attributes['godwit.ended_by']).toContain('lease is over')
  expect(named(trace, 'coordinator', 'recovery').links).toEqual([suspect.context])
  expect(named(trace, 'coordinator', 'failover').attributes).toMatchObject({
    ...{ 'godwit.node': 'b', 'godwit.vms': 1, 'godwit.outcome': 'recovered' },
  })
})

test('a node that was only silent is a trace without a recovery', async () => {
  const tracer = newTracer()
  const world = await begun(tracer)
  world.process('b').hang()
  await world.pass(1500)
  world.process('b').goOn()
  await world.pass(1000)
  const trace = traceOf(tracer.spans, 'failover')
  expect(treeOf(trace).map((line) => line.trim())).toEqual([
    ...['coordinator failover', 'coordinator silent', 'coordinator suspect'],
  ])
  expect(trace.at(-1)?.attributes['godwit.outcome']).toBe('came back')
})

test.each([
  ['a', ['a capture', 'a first instruction', 'a fork']],
  // It runs there at once; its pages come behind.
  ['b', ['a fork', 'a offer', 'a post-copy', 'a verify', 'b receive']],
])('a clone on %s is one trace, to its first instruction', async (to, parts) => {
  const tracer = newTracer()
  const world = await begun(tracer)
  const identities = [freshIdentity(new SeededRandom(9))]
  const request = { ids: ['twin'], to, params: {} }
  world.ask({ do: 'clone', vmId: asVmId('vm'), request, identities })
  await runsOn(world, 'twin', to)
  await world.pass(500)
  const trace = traceOf(tracer.spans, 'clone').filter(({ service }) => service !== 'coordinator')
  const { context } = named(trace, 'a', 'clone')
  const children = trace.filter(({ parentSpanId }) => parentSpanId === context.spanId)
  expect(children.map(({ service, name }) => `${service} ${name}`).sort()).toEqual(parts)
  expect(traceIdsOf(trace)).toHaveLength(1)
})

test("a client's own trace goes on in the migration that it asks for", async () => {
  const tracer = newTracer()
  const world = await begun(tracer)
  const client = clientTraceOf(`00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`)
  const request = { to: 'b', params: {}, cause: 'test', force: true }
  coordinatorOf(world).ask({ do: 'migrate', vmId: asVmId('vm'), request }, undefined, client)
  await runsOn(world, 'vm', 'b')
  await world.pass(500)
  const trace = traceOf(tracer.spans, 'migration')
  expect(traceIdsOf(trace)).toEqual(['c'.repeat(32)])
  expect(named(trace, 'coordinator', 'migration').parentSpanId).toBe('d'.repeat(16))
})

test('a client that wants nothing of it recorded is left alone', async () => {
  const tracer = newTracer()
  const world = await begun(tracer)
  const told = tracer.spans.length
  const client = clientTraceOf(`00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`)
  const request = { to: 'b', params: {}, cause: 'test', force: true }
  coordinatorOf(world).ask({ do: 'migrate', vmId: asVmId('vm'), request }, undefined, client)
  await runsOn(world, 'vm', 'b')
  await world.pass(500)
  expect(tracer.spans).toHaveLength(told)
})

test('a coordinator that was killed midway ends the trace that its predecessor had begun', async () => {
  const tracer = newTracer()
  const world = await begun(tracer)
  const request = { to: 'b', params: { bandwidthBytesPerSecMax: 500_000 }, cause: 'x', force: true }
  world.ask({ do: 'migrate', vmId: asVmId('vm'), request })
  await world.pass(500)
  world.restart('coordinator')
  await runsOn(world, 'vm', 'b')
  await world.until('its end', () => coordinatorOf(world).state.openMigrations.size === 0)
  const trace = traceOf(tracer.spans, 'migration')
  expect(treeOf(trace)[0]).toBe('coordinator migration')
  expect(named(trace, 'b', 'resume').context.traceId).toBe(traceIdsOf(trace)[0])
})

test('the same seed tells the same spans, and whoever looks on changes nothing', async () => {
  const transcript = async (tracer?: MemoryTracer) => {
    const world = await moved(await begun(tracer))
    const bare = world.log.lines.map(({ event, fields: { traceId: _, spanId: __, ...rest } }) => ({
      ...{ event, rest },
    }))
    return JSON.stringify(bare)
  }
  const [one, two] = [newTracer(), newTracer()]
  const watched = await transcript(one)
  expect(await transcript(two)).toBe(watched)
  expect(two.spans).toEqual(one.spans)
  expect(await transcript()).toBe(watched)
})

test('no secret and nothing of a guest is in a span', async () => {
  const tracer = newTracer()
  const world = await moved(await begun(tracer))
  const vm = coordinatorOf(world).state.vms.get(asVmId('vm'))
  expect(vm?.identity).toMatchObject({ randomSeed: expect.any(String) })
  const spans = JSON.stringify(tracer.spans)
  // `secret` is the token of this cluster's agents.
  for (const hidden of ['secret', 'workload', ...Object.values(vm?.identity ?? {})])
    expect(spans).not.toContain(hidden)
})
