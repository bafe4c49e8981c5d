// A migration over several links between real agent processes: its pages go over all of them, what
// comes is what was there, and one that breaks loses nothing.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CoordinatorDouble, eventually } from './coordinator-double.ts'
import { SlowRoad } from './slow-road.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
let coordinator: CoordinatorDouble
let road: SlowRoad

beforeEach(async () => {
  two = await TwoAgents.start()
  coordinator = two.coordinator
  // Each connection for itself, as on a long road whose windows are narrow.
  road = await SlowRoad.to(coordinator.node('b').peerAddress, 4 << 20)
})

afterEach(async () => {
  await road.close()
  await two.end()
})

const state = (node: string) => coordinator.report(node, 'vm1')?.state

async function isWellAtB(): Promise<void> {
  await eventually('b to run it', () => state('b') === 'running')
  await coordinator.writesOn('b', 'vm1', 2)
  await eventually('the copy at a to be gone', () => state('a') === undefined)
}

test('pages go over four links at once, and all of them are equal', async () => {
  await two.boot('workload=dirty wss=4 rate=500 fill=16')
  const command = two.migrate({ streams: 4, encoding: 'raw', verify: 'full' }, road.address)
  const { fault, record } = await eventually('its end', () => coordinator.resultOf(command))
  expect(fault).toBeUndefined()
  const carried = road.carried.filter((bytes) => bytes > 2 << 20)
  expect(carried).toHaveLength(4)
  expect(record?.bytes).toBeGreaterThan(16 << 20)
  await isWellAtB()
})

test('post-copy over several links goes on when one of them breaks', async () => {
  await two.boot('workload=dirty wss=8 rate=0 fill=4')
  const wishes = { mode: 'post-copy', downtimeMsMax: 1, streams: 3, verify: 'full' } as const
  const command = two.migrate(wishes, road.address)
  await eventually('a to serve', () => state('a') === 'serving')
  road.bytesPerSec = 1 << 20
  road.breakOne(1)
  await eventually('the next links', () => road.connections > 3)
  road.bytesPerSec = Number.POSITIVE_INFINITY
  const { fault, record } = await eventually('its end', () => coordinator.resultOf(command))
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.reconnections).toBeGreaterThanOrEqual(1)
  await isWellAtB()
})

test('pre-copy over several links ends when one of them breaks, and the VM runs on', async () => {
  await two.boot('workload=dirty wss=4 rate=500 fill=16')
  road.bytesPerSec = 1 << 20
  const command = two.migrate({ streams: 3, encoding: 'raw' }, road.address)
  await eventually(
    'pages on all of them',
    () => road.connections === 3 && road.carried.every((bytes) => bytes > 100_000),
  )
  road.breakOne(2)
  const { fault } = await eventually('its end', () => coordinator.resultOf(command))
  expect(fault?.code).toBe('link-lost')
  await eventually('b to hold nothing', () => state('b') === undefined)
  expect(state('a')).toBe('running')
})
