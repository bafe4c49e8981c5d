// Traces over real HTTP: a client's own trace goes on in what it asks for, and the migration says
// where it is found.

import { expect, test } from 'vitest'
import { MemoryTracer, SeededRandom } from '#env/memory.ts'
import { MigrationView } from '#proto/api.ts'
import { contextOf } from '#proto/trace-context.ts'
import { HttpApiClient } from '#scenarios/api-client.ts'
import { WebWire } from '#scenarios/api-wire.ts'
import { call, get, isTracedBy, joined, server, servesEachTest, vmIn } from './serving.ts'

servesEachTest()

const traceId = 'c'.repeat(32)
const client = (traceparent?: string) =>
  new HttpApiClient(new WebWire(server.address, undefined, traceparent))

test('the header of a request goes on in the migration, and in what its nodes hear', async () => {
  await isTracedBy(new MemoryTracer('coordinator', new SeededRandom(1)))
  const [, n2] = await joined('n1', 'n2')
  await call('POST', '/v1/vms', { id: 'kv', startOn: 'n2', spec: { memoryMib: 16 } })
  await vmIn('kv', 'running')
  const asked = await client(`00-${traceId}-${'d'.repeat(16)}-01`).migrate('kv', { to: 'n1' })
  expect(asked.traceId).toBe(traceId)
  expect((await get(`/v1/migrations/${asked.id}`, MigrationView)).traceId).toBe(traceId)
  const order = await n2?.hear('migrate')
  expect(contextOf(order?.traceparent)?.traceId).toBe(traceId)
  expect(contextOf(order?.traceparent)?.spanId).not.toBe('d'.repeat(16))
})

test('a header that makes no sense is none: the migration has a trace of its own', async () => {
  await isTracedBy(new MemoryTracer('coordinator', new SeededRandom(1)))
  await joined('n1', 'n2')
  await call('POST', '/v1/vms', { id: 'kv', startOn: 'n2', spec: { memoryMib: 16 } })
  await vmIn('kv', 'running')
  const asked = await client('00-nonsense').migrate('kv', { to: 'n1' })
  expect(asked.traceId).toMatch(/^[0-9a-f]{32}$/)
})

test('where nothing is traced a header changes nothing', async () => {
  const [, n2] = await joined('n1', 'n2')
  await call('POST', '/v1/vms', { id: 'kv', startOn: 'n2', spec: { memoryMib: 16 } })
  await vmIn('kv', 'running')
  const asked = await client(`00-${traceId}-${'d'.repeat(16)}-01`).migrate('kv', { to: 'n1' })
  expect(asked).not.toHaveProperty('traceId')
  expect(await n2?.hear('migrate')).not.toHaveProperty('traceparent')
})
