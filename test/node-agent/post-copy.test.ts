// Post-copy between real agent processes: a guest that writes flat out runs at the destination
// before its pages are there, fetches them, and finds every word as it left it.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { type CoordinatorDouble, eventually } from './coordinator-double.ts'
import { SlowRoad } from './slow-road.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
let coordinator: CoordinatorDouble

beforeEach(async () => {
  two = await TwoAgents.start()
  coordinator = two.coordinator
})

afterEach(() => two.end())

/** 8 MiB that it rewrites as fast as it can, checking each word before it is written again. */
const restless = 'workload=dirty wss=8 rate=0 fill=4'
const passPages = 2048

const boot = () => two.boot(restless)

const migrate = (given: Partial<MigrationParams>, road?: SlowRoad) =>
  two.migrate(given, road?.address)

const resultOf = (command: ReturnType<typeof migrate>) =>
  eventually('the end of the migration', () => coordinator.resultOf(command))

const state = (node: string) => coordinator.report(node, 'vm1')?.state

/** It goes on at b, and has found nothing wrong. */
async function isWellAtB(): Promise<void> {
  await eventually('b to run it', () => state('b') === 'running')
  await coordinator.writesOn('b', 'vm1', 2, 2 * passPages)
  expect(two.printed.match(/ready/g)).toHaveLength(1)
}

test('a VM that would not converge runs at once, and fetches what it had written', async () => {
  await boot()
  const { fault, record } = await resultOf(migrate({ mode: 'post-copy', downtimeMsMax: 1 }))
  expect(fault).toBeUndefined()
  expect(record?.rounds.length).toBeLessThanOrEqual(2)
  expect(record?.postCopy?.pages).toBeGreaterThan(1000)
  expect(record?.postCopy?.faults).toBeGreaterThan(0)
  expect(record?.bytes).toBeLessThan(32 << 20)
  await eventually('the copy at a to be gone', () => state('a') === undefined)
  await isWellAtB()
})

test('pre-copy that is stuck goes on as post-copy when that is the policy', async () => {
  await boot()
  const given = { whenStuck: 'post-copy', downtimeMsMax: 1 } as const
  const { record } = await resultOf(migrate(given))
  expect(record?.postCopy?.pages).toBeGreaterThan(0)
  expect(record?.rounds.length).toBeLessThanOrEqual(6)
  await isWellAtB()
})

test('a link that breaks again and again loses nothing: the rest comes over the next', async () => {
  // So slow that neither the VM nor the test's own clock can be done before a break.
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 8 << 20)
  await boot()
  const command = migrate({ mode: 'post-copy', downtimeMsMax: 1 }, road)
  await eventually('a to serve', () => state('a') === 'serving')
  road.bytesPerSec = 1 << 20
  road.break()
  road.isBlocked = true
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(state('b')).toBe('running')
  expect(coordinator.resultOf(command)).toBeUndefined()
  road.isBlocked = false
  await eventually('the next connection', () => road.isUsed)
  await new Promise((resolve) => setTimeout(resolve, 200))
  road.bytesPerSec = Number.POSITIVE_INFINITY
  road.break()
  const { fault, record } = await resultOf(command)
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.reconnections).toBeGreaterThanOrEqual(2)
  await isWellAtB()
  await road.close()
})

test('on command, a slow first round ends at once, and what it has not sent is fetched', async () => {
  // So slow that the order comes in the first round, however busy the machine is.
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 256 << 10)
  await boot()
  const command = migrate({ verify: 'full', encoding: 'raw' }, road)
  await eventually('a round on its way', () =>
    coordinator.heard.some((news) => news.t === 'migration-progress' && news.sentPages > 0),
  )
  const asked = { t: 'switch-to-post-copy', migrationId: asMigrationId('m1') } as const
  expect(await coordinator.command('a', asked)).toMatchObject({ t: 'result' })
  road.bytesPerSec = Number.POSITIVE_INFINITY
  const { fault, record } = await resultOf(command)
  expect(fault).toBeUndefined()
  expect(record?.rounds).toHaveLength(2)
  expect(record?.postCopy?.pages).toBeGreaterThan(1000)
  const late = await coordinator.command('a', asked)
  expect(late.fault?.code).toBe('unknown-migration')
  await isWellAtB()
  await road.close()
})

test('a source that is told to stop serves its last pages first', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress)
  await boot()
  const command = migrate({ mode: 'post-copy', downtimeMsMax: 1 }, road)
  await eventually('a to serve', () => state('a') === 'serving')
  road.bytesPerSec = 4 << 20
  const stopped = two.terminate('a')
  const { fault, record } = await resultOf(command)
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.pages).toBeGreaterThan(0)
  await isWellAtB()
  await stopped
  await road.close()
})

test('a VM that is stopped while its pages come leaves nothing on either node', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress)
  await boot()
  const command = migrate({ mode: 'post-copy', downtimeMsMax: 1 }, road)
  await eventually('a to serve', () => state('a') === 'serving')
  road.bytesPerSec = 1 << 20
  const stop = { t: 'stop', vmId: asVmId('vm1'), epoch: asEpoch(2) } as const
  await coordinator.command('b', stop)
  const { fault } = await resultOf(command)
  expect(fault?.code).toBe('unknown-migration')
  await eventually('nothing at a', () => state('a') === undefined)
  await eventually('nothing at b', () => state('b') === undefined)
  await road.close()
})

test('a VM that writes too fast is slowed down, as the policy says, and is fast again', async () => {
  await boot()
  const { fault, record } = await resultOf(migrate({ whenStuck: 'throttle', downtimeMsMax: 6 }))
  expect(fault).toBeUndefined()
  expect(record?.throttledToPercent ?? 100).toBeLessThan(100)
  await isWellAtB()
})

test('stop-and-copy sends everything while the VM stands still', async () => {
  await boot()
  const { fault, record } = await resultOf(migrate({ mode: 'stop-and-copy', verify: 'full' }))
  expect(fault).toBeUndefined()
  expect(record?.rounds).toHaveLength(1)
  await isWellAtB()
})
