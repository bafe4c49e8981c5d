// A clone, or a VM that moves, where one of its family runs already: pages are named, not sent, and
// those that the sibling has changed meanwhile come after all. Between real agent processes.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import type { MigrationParams, MigrationRecord } from '#proto/messages.ts'
import { type CoordinatorDouble, eventually, params, vmOrder } from './coordinator-double.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
let coordinator: CoordinatorDouble

beforeEach(async () => {
  two = await TwoAgents.start()
  coordinator = two.coordinator
})

afterEach(() => two.end())

/** 24 MiB of content, of which it rewrites some pages, and checks them all the time. */
const spec = { args: 'workload=dirty wss=2 rate=100 fill=22', memoryMib: 40 }
const printed = (vm: string) => coordinator.consoles.get(vm) ?? ''

async function boot(): Promise<void> {
  await coordinator.command('a', { t: 'start', ...vmOrder('parent', 1, spec) })
  coordinator.listen('a', 'parent', 1)
  await eventually('the guest at work', () => printed('parent').includes(' ready'))
}

const toB = () => {
  const { nodeId, peerAddress } = coordinator.node('b')
  return { destination: { nodeId, address: peerAddress } }
}
const kinOf = (names: readonly string[]) => (names.length > 0 ? { kin: names.map(asVmId) } : {})

/** All of it before it starts: where there is no sibling, that takes all pages. */
async function cloneToB(name: string, epoch: number, kin: string[]): Promise<MigrationRecord> {
  const result = await coordinator.command('a', {
    t: 'clone',
    ...{ vmId: asVmId('parent'), epoch: asEpoch(1), migrationId: asMigrationId(`of-${name}`) },
    ...{ ...toB(), ...kinOf(kin), parentDisk: { sizeBytes: 0, layers: [] } },
    clones: [vmOrder(name, epoch, spec)],
    params: params({ verify: 'full', independent: kin.length === 0 }),
  })
  expect(result.fault).toBeUndefined()
  await isWell(name, epoch)
  return result.record as MigrationRecord
}

async function migrateToB(kin: string[], given: Partial<MigrationParams> = {}) {
  const result = await coordinator.command('a', {
    t: 'migrate',
    ...{ vmId: asVmId('parent'), epoch: asEpoch(1), nextEpoch: asEpoch(9) },
    ...{ migrationId: asMigrationId('m'), ...toB(), ...kinOf(kin) },
    params: params({ verify: 'full', ...given }),
  })
  expect(result.fault).toBeUndefined()
  await isWell('parent', 9)
  return result.record as MigrationRecord
}

/** It runs at b, and finds every word as it was. */
async function isWell(vm: string, epoch: number): Promise<void> {
  await eventually(`${vm} at b`, () => coordinator.report('b', vm)?.state === 'running')
  await coordinator.writesOn('b', vm, epoch)
}

test('the second clone costs a twentieth of the first, or less', async () => {
  await boot()
  const first = await cloneToB('one', 2, [])
  const second = await cloneToB('two', 3, ['one'])
  expect(first.byEncoding?.held).toBeUndefined()
  expect(second.byEncoding?.held?.pages).toBeGreaterThan(5000)
  expect(second.bytes).toBeLessThan(first.bytes / 20 + (2 << 20))
  const third = await migrateToB(['nobody', 'two'])
  expect(third.byEncoding?.held?.pages).toBeGreaterThan(5000)
})

test('a sibling that has gone its own way, or stops meanwhile, costs bytes and nothing else', async () => {
  await boot()
  await coordinator.command('b', {
    t: 'start',
    ...vmOrder('stranger', 5, { ...spec, args: 'workload=check mib=30' }),
  })
  await eventually('it to run', () => coordinator.report('b', 'stranger')?.state === 'running')
  const record = await migrateToB(['stranger'], { bandwidthBytesPerSecMax: 40_000_000 })
  expect(record.byEncoding?.held?.pages).toBeGreaterThan(5000)
  const sent = (record.byEncoding?.raw?.pages ?? 0) + (record.byEncoding?.zstd?.pages ?? 0)
  expect(sent).toBeGreaterThan(5000)
})

test('stop-and-copy sends everything: there is no round after it', async () => {
  await boot()
  await cloneToB('one', 2, [])
  const record = await migrateToB(['one'], { mode: 'stop-and-copy' })
  expect(record.byEncoding?.held).toBeUndefined()
})

/** Rewrites 8 MiB as fast as it can, checking each word before: no round brings it nearer. */
const restless = { args: 'workload=dirty wss=8 rate=0 fill=4', memoryMib: 32 }

test.for([
  ['where one of the family is', {}, ['one']],
  ['which may come later', { independent: true, whenStuck: 'post-copy' }, []],
] as const)('clones of a parent that writes flat out, %s, get the rest', async ([, given, kin]) => {
  await two.boot(restless.args)
  const clone = (names: string[], epoch: number, how: object, of: readonly string[]) =>
    coordinator.command('a', {
      t: 'clone',
      ...{ vmId: asVmId('vm1'), epoch: asEpoch(1), migrationId: asMigrationId(`of-${epoch}`) },
      ...{ ...toB(), ...kinOf(of), parentDisk: { sizeBytes: 0, layers: [] } },
      clones: names.map((name, n) => vmOrder(name, epoch + n, restless)),
      params: params(how),
    })
  expect((await clone(['one'], 2, {}, [])).fault).toBeUndefined()
  const narrow = { ...given, bandwidthBytesPerSecMax: 20_000_000, downtimeMsMax: 2 }
  const { fault, record } = await clone(['two', 'three'], 3, narrow, kin)
  expect(fault).toBeUndefined()
  expect(record?.postCopy?.pages).toBeGreaterThan(500)
  for (const [n, name] of ['two', 'three'].entries())
    await coordinator.writesOn('b', name, 3 + n, 4096)
  await coordinator.writesOn('a', 'vm1', 1, 4096)
})
