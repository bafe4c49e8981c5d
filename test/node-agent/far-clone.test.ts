// Clones on another node that begin before their pages are there, between real agent processes: a
// guest that writes flat out and checks every word finds itself whole, whatever its parent writes
// meanwhile, and whatever becomes of the link.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { asEpoch, asMigrationId, asVmId, type CommandId } from '#proto/ids.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { type CoordinatorDouble, eventually, params, vmOrder } from './coordinator-double.ts'
import { SlowRoad } from './slow-road.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
let coordinator: CoordinatorDouble

beforeEach(async () => {
  two = await TwoAgents.start()
  coordinator = two.coordinator
})

afterEach(() => two.end())

/** 12 MiB, of which it rewrites 8 as fast as it can, checking each word before. */
const restless = 'workload=dirty wss=8 rate=0 fill=4'
const spec = { args: restless, memoryMib: 32 }
const passPages = 2048
const state = (vm: string) => coordinator.report('b', vm)?.state

function clone(
  names: readonly string[],
  road?: SlowRoad,
  given: Partial<MigrationParams> = {},
): CommandId {
  const { nodeId, peerAddress } = coordinator.node('b')
  return coordinator.send('a', {
    t: 'clone',
    ...{ vmId: asVmId('vm1'), epoch: asEpoch(1), migrationId: asMigrationId('c1') },
    destination: { nodeId, address: road?.address ?? peerAddress },
    parentDisk: { sizeBytes: 0, layers: [] },
    clones: names.map((name, n) => vmOrder(name, 2 + n, spec)),
    params: params(given),
  })
}

const ended = (command: CommandId) =>
  eventually('the end of the clone', () => coordinator.resultOf(command))

async function isWell(vm: string, node = 'b', epoch = 2): Promise<void> {
  await coordinator.writesOn(node, vm, epoch, 2 * passPages)
}

test('runs before its pages are there, gets them all, and needs its parent no more', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 8 << 20)
  await two.boot(restless)
  const command = clone(['one'], road)
  await eventually('the clone to run', () => state('one') === 'running')
  expect(coordinator.resultOf(command)).toBeUndefined()
  const { fault, record } = await ended(command)
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.pages).toBeGreaterThan(2000)
  // What it had used last came with it.
  expect(record?.pages).toBeGreaterThan(0)
  expect(coordinator.report('a', 'vm1')?.state).toBe('running')
  await two.terminate('a')
  await isWell('one')
  await road.close()
})

test('several of them fetch each page once, and are as well as their parent', async () => {
  await two.boot(restless)
  const { fault, record } = await ended(clone(['one', 'two', 'three']))
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.pages).toBeLessThan(1.3 * 3200)
  for (const [n, name] of ['one', 'two', 'three'].entries()) await isWell(name, 'b', 2 + n)
  await isWell('vm1', 'a', 1)
})

test('a link that breaks loses nothing: what is touched waits for the next', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 2 << 20)
  await two.boot(restless)
  const command = clone(['one'], road)
  await eventually('the clone to run', () => state('one') === 'running')
  road.break()
  await eventually('the next connection', () => road.isUsed)
  await new Promise((resolve) => setTimeout(resolve, 200))
  road.bytesPerSec = Number.POSITIVE_INFINITY
  road.break()
  const { fault, record } = await ended(command)
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.reconnections).toBeGreaterThanOrEqual(1)
  await isWell('one')
  await road.close()
})

test('its parent may end meanwhile: what it was is kept until the clone has it', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 4 << 20)
  await two.boot(restless)
  const command = clone(['one'], road)
  await eventually('the clone to run', () => state('one') === 'running')
  await coordinator.command('a', { t: 'stop', vmId: asVmId('vm1'), epoch: asEpoch(1) })
  const { fault } = await ended(command)
  expect(fault).toBeUndefined()
  await isWell('one')
  await road.close()
})

test('its parent may end, and the link break behind that: the image is reached again', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 2 << 20)
  await two.boot(restless)
  const command = clone(['one'], road)
  await eventually('the clone to run', () => state('one') === 'running')
  await coordinator.command('a', { t: 'stop', vmId: asVmId('vm1'), epoch: asEpoch(1) })
  road.bytesPerSec = Number.POSITIVE_INFINITY
  road.break()
  const { fault, record } = await ended(command)
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.reconnections).toBeGreaterThanOrEqual(1)
  await isWell('one')
  await road.close()
})

test('whose parent’s node is surely lost ends by name, and a late answer changes nothing', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 1 << 20)
  await two.boot(restless)
  clone(['one'], road)
  await eventually('the clone to run', () => state('one') === 'running')
  road.isBlocked = true
  road.break()
  const fault = { code: 'pages-lost', message: 'a was lost' } as const
  const lost = { t: 'pages-lost', migrationId: asMigrationId('c1'), fault } as const
  expect((await coordinator.command('b', lost)).fault).toBeUndefined()
  await eventually('the clone to end', () => state('one') === undefined)
  expect(
    coordinator.heard.find((news) => news.t === 'vm-event' && news.event === 'fenced'),
  ).toMatchObject({ vmId: 'one', fault: { code: 'pages-lost' } })
  road.isBlocked = false
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(state('one')).toBeUndefined()
  expect(coordinator.report('a', 'vm1')?.state).toBe('running')
  await road.close()
})
