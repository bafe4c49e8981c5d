// Traces of a real cluster: a coordinator and two agents as processes, and one who collects. A
// migration, a clone and a failover are a trace each; the log has the same ids; and nobody minds a
// collector that never answers.

import { expect, test, vi } from 'vitest'
import { asNodeId } from '#proto/ids.ts'
import { type Manner, startReceiver } from '../tracing/otlp-receiver.ts'
import { type ToldSpan, traceIdsOf, traceOf, treeOf } from '../tracing/span-tree.ts'
import { type Cluster, nodesOf, startCluster } from './cluster.ts'

async function traced(manner: Manner) {
  const receiver = await startReceiver(manner)
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint)
  const cluster = await startCluster(nodesOf('left', 'right'))
  vi.unstubAllEnvs()
  const spec = { args: 'workload=dirty wss=2 rate=200', memoryMib: 24 }
  await cluster.api.run({ id: 'walker', startOn: 'left', spec })
  await cluster.runsOnce('walker')
  return { cluster, receiver }
}

/** A trace when all of its spans have come: a process sends them a moment after they have ended. */
async function whole(spans: readonly ToldSpan[], root: string, lines: string[]): Promise<string> {
  // How often a busy machine goes round is its own affair.
  const tree = () => treeOf(traceOf(spans, root)).filter((line) => !/round [1-9]/.test(line))
  await expect.poll(tree, { timeout: 60_000 }).toEqual(lines)
  const ids = traceIdsOf(traceOf(spans, root))
  expect(ids).toHaveLength(1)
  return ids[0] ?? ''
}

const migrationTree = [
  'coordinator migration',
  '  coordinator queued',
  '  agent-left migrate',
  '    agent-left offer',
  '    agent-right receive',
  '      agent-right incoming',
  '      agent-right verify',
  '      agent-right prepared',
  '      agent-right resume',
  '    agent-left round 0',
  '    agent-left stop-and-copy',
  '    agent-left verify',
  '    agent-left switchover',
]
const cloneTree = [
  'coordinator clone',
  '  coordinator queued',
  '  agent-right clone',
  '    agent-right capture',
  '    agent-right fork',
  '    agent-right first instruction',
]
const recoveryTree = [
  '  coordinator recovery',
  '    coordinator placement',
  '    coordinator start',
  '      agent-left start',
]
const failoverTree = ['coordinator failover', '  coordinator silent', '  coordinator suspect']

/** Every process's lines that belong to this trace. */
async function logged({ world }: Cluster, traceId: string): Promise<string[]> {
  const logs = await Promise.all(['coordinator', 'left', 'right'].map((id) => world.logs(id)))
  const lines = logs.flatMap((text) => text.split('\n').filter((line) => line.startsWith('{')))
  const ofTrace = lines.map((line) => JSON.parse(line)).filter((line) => line.traceId === traceId)
  return ofTrace.map(({ name, msg }) => `${name} ${msg}`)
}

test('a migration, a clone and a failover are a trace each, through three processes', async () => {
  const { cluster, receiver } = await traced('well')
  const { api } = cluster
  const moved = await cluster.ended((await api.migrate('walker', { to: 'right' })).id)
  expect(moved.phase).toBe('done')
  expect(await whole(receiver.spans, 'migration', migrationTree)).toBe(moved.traceId)
  expect(await logged(cluster, moved.traceId ?? '')).toEqual(
    expect.arrayContaining([
      'coordinator migration-done',
      'agent-left done',
      'agent-right vm-running',
    ]),
  )

  const { migration } = await api.clone('walker', { ids: ['twin'] })
  const cloned = await cluster.ended(migration.id)
  expect(await whole(receiver.spans, 'clone', cloneTree)).toBe(cloned.traceId)

  await cluster.world.killNode(asNodeId('right'))
  await cluster.runsOnce('walker')
  await cluster.runsOnce('twin')
  const both = [...failoverTree, ...recoveryTree, ...recoveryTree]
  const traceId = await whole(receiver.spans, 'failover', both)
  expect(await logged(cluster, traceId)).toEqual(
    expect.arrayContaining([
      'coordinator node-fenced',
      'coordinator vm-recovered',
      'agent-left done',
    ]),
  )
  expect(cluster.doubles).toEqual([])
  expect(await cluster.stop()).toEqual([])
}, 300_000)

test('whoever collects and never answers holds nobody up', async () => {
  const { cluster, receiver } = await traced('silent')
  const moved = await cluster.ended((await cluster.api.migrate('walker', { to: 'right' })).id)
  expect(moved.phase).toBe('done')
  await expect.poll(() => receiver.seen.requests, { timeout: 60_000 }).toBeGreaterThan(0)
  expect(await cluster.stop()).toEqual([])
}, 300_000)
