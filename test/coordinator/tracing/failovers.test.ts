// From the story's events to the trace of a failover: what is a span, when it begins and ends, what
// waits for what. The events are the test's; whole clusters are traced in
// scenarios/sim/traces.test.ts.

import { expect, test } from 'vitest'
import { Failovers } from '#coordinator/tracing/failovers.ts'
import { MemoryTracer, SeededRandom, VirtualClock } from '#env/memory.ts'
import { Tracing } from '#env/spans.ts'
import type { EventView } from '#proto/api.ts'
import { asVmId } from '#proto/ids.ts'
import { treeOf } from '../../tracing/span-tree.ts'

/** A story told to it: one step an entry, `kind subject` each. Nodes begin with n. */
function told(...steps: readonly (readonly [atMs: number, ...events: string[]])[]) {
  const tracer = new MemoryTracer('coordinator', new SeededRandom(1))
  const failovers = new Failovers(new Tracing(tracer, new VirtualClock()), () => 100)
  for (const [atMs, ...events] of steps) {
    for (const text of events) failovers.see(eventOf(text, atMs))
    failovers.stepped()
  }
  const times = tracer.spans.map(
    ({ name, startWallMs, durationMs }) => `${name} ${startWallMs}–${startWallMs + durationMs}`,
  )
  return { tracer, failovers, times, tree: treeOf(tracer.spans) }
}

function eventOf(text: string, atMs: number): EventView {
  const [kind, vm, node] = text.split(' ') as [EventView['kind'], string, string | undefined]
  const isNode = kind.startsWith('node-')
  const nodeId = isNode ? vm : node
  return {
    ...{ seq: 1, wallMs: atMs, atMs, kind, text },
    ...(nodeId !== undefined && { nodeId }),
    ...(!isNode && { vmId: vm }),
  }
}

test('silence counts from the last heartbeat, suspicion until the fence', () => {
  const { times } = told(
    [400, 'node-suspect n1'],
    [500, 'node-unreachable n1'],
    [3000, 'node-fenced n1', 'vm-recovering kv n1', 'vm-placed kv n2'],
    [3050, 'vm-recovered kv n2'],
  )
  expect(times).toEqual([
    ...['silent 100–400', 'suspect 400–3000', 'placement 3000–3000'],
    ...['recovery 3000–3050', 'failover 100–3050'],
  ])
})

test('a failover ends with the last of its VMs, and one that has no room is waited for', () => {
  const { times } = told(
    [400, 'node-suspect n1'],
    [3000, 'node-fenced n1', 'vm-recovering a n1', 'vm-recovering b n1', 'vm-placed a n2'],
    [3050, 'vm-recovered a n2'],
    [3100, 'node-online n1'],
    [9000, 'vm-placed b n3'],
    [9100, 'vm-recovered b n3'],
  )
  expect(times).toContain('placement 3000–9000')
  expect(times.at(-1)).toBe('failover 100–9100')
})

test('a VM that does not come back is the fault of its recovery, and of the failover', () => {
  const { tree, tracer } = told(
    [400, 'node-suspect n1'],
    [3000, 'node-fenced n1', 'vm-recovering kv n1'],
    [3500, 'vm-failed kv'],
  )
  expect(tree).toEqual([
    'coordinator failover: 1 of its 1 VMs do not run',
    '  coordinator silent',
    '  coordinator suspect',
    '  coordinator recovery: vm-failed kv',
    '    coordinator placement: vm-failed kv',
  ])
  expect(tracer.spans.at(-1)?.attributes).toMatchObject({ 'godwit.outcome': 'failed' })
})

test('a node that refuses the start is a second placement in the same recovery', () => {
  const { tree } = told(
    [3000, 'node-fenced n1', 'vm-recovering kv n1', 'vm-placed kv n2'],
    [3010, 'vm-recovering kv'],
    [3500, 'vm-placed kv n3'],
    [3510, 'vm-recovered kv n3'],
  )
  expect(tree.map((line) => line.trim())).toEqual([
    ...['coordinator failover', 'coordinator recovery'],
    ...['coordinator placement', 'coordinator placement'],
  ])
})

test('two nodes that are lost are two traces, each with its own VMs', () => {
  const { tracer } = told(
    [400, 'node-suspect n1', 'node-suspect n2'],
    [3000, 'node-fenced n1', 'vm-recovering a n1', 'node-fenced n2', 'vm-recovering b n2'],
    [3100, 'vm-recovered a n3', 'vm-recovered b n3'],
  )
  const ofVm = (vm: string) => tracer.spans.find(({ attributes }) => attributes['godwit.vm'] === vm)
  const ofNode = (node: string) =>
    tracer.spans.find(
      ({ name, attributes }) => name === 'failover' && attributes['godwit.node'] === node,
    )
  expect(ofVm('a')?.context.traceId).toBe(ofNode('n1')?.context.traceId)
  expect(ofVm('b')?.context.traceId).toBe(ofNode('n2')?.context.traceId)
  expect(ofVm('a')?.context.traceId).not.toBe(ofVm('b')?.context.traceId)
})

test('a copy that is lost without its node is a trace of its own', () => {
  const { tree, failovers } = told([100, 'vm-recovering kv n1'], [200, 'vm-recovered kv n2'])
  expect(tree[0]).toBe('coordinator failover')
  expect(failovers.contextOf(asVmId('kv'))).toBeUndefined()
})

test('what is ordinary is no trace', () => {
  const { tracer } = told(
    [10, 'node-online n1', 'vm-placed kv n1', 'vm-running kv n1'],
    [20, 'vm-stopped kv', 'node-gone n1'],
    [30, 'node-online n1'],
  )
  expect(tracer.spans).toEqual([])
})
