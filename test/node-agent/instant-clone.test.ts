// Clones on the node of their parent: they share its pages until they touch them, and nothing that
// becomes of the parent, or of each other, shows in them. Real processes; guests that check every
// byte of their memory all the time.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { type CoordinatorDouble, eventually, params, vmOrder } from './coordinator-double.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
let coordinator: CoordinatorDouble
let migrations: number

beforeEach(async () => {
  migrations = 0
  two = await TwoAgents.start()
  coordinator = two.coordinator
})

afterEach(() => two.end())

/** 8 MiB of noise, each byte checked again and again, and rewritten here and there. */
const spec = { args: 'workload=check mib=8 rate=2000', memoryMib: 32 }
const printed = (vm: string) => coordinator.consoles.get(vm) ?? ''

async function boot(): Promise<void> {
  await coordinator.command('a', { t: 'start', ...vmOrder('parent', 1, spec) })
  coordinator.listen('a', 'parent', 1)
  await eventually('a round of checks', () => printed('parent').includes('check ok'))
}

async function clone(
  of: string,
  epoch: number,
  names: Readonly<Record<string, number>>,
  given: Partial<MigrationParams> = {},
) {
  const { nodeId, peerAddress } = coordinator.node('a')
  const result = await coordinator.command('a', {
    t: 'clone',
    ...{ vmId: asVmId(of), epoch: asEpoch(epoch) },
    migrationId: asMigrationId(`m${++migrations}`),
    destination: { nodeId, address: peerAddress },
    parentDisk: { sizeBytes: 0, layers: [] },
    clones: Object.entries(names).map(([name, own]) => vmOrder(name, own, spec)),
    params: params(given),
  })
  expect(result.fault).toBeUndefined()
  return result.record
}

async function migrate(vm: string, epoch: number): Promise<void> {
  const { nodeId, peerAddress } = coordinator.node('b')
  const { fault } = await coordinator.command('a', {
    t: 'migrate',
    ...{ vmId: asVmId(vm), epoch: asEpoch(epoch), nextEpoch: asEpoch(epoch + 1) },
    migrationId: asMigrationId(`m${++migrations}`),
    destination: { nodeId, address: peerAddress },
    params: params({ verify: 'full' }),
  })
  expect(fault).toBeUndefined()
}

const stop = (vm: string, epoch: number) =>
  coordinator.command('a', { t: 'stop', vmId: asVmId(vm), epoch: asEpoch(epoch) })

/** Two more rounds over all of its memory, and never a byte that is wrong. */
async function isWell(vm: string, node: string, epoch: number): Promise<void> {
  await eventually(`${vm} on ${node}`, () => coordinator.report(node, vm)?.state === 'running')
  coordinator.listen(node, vm, epoch)
  const rounds = () => printed(vm).match(/check ok/g)?.length ?? 0
  await eventually(`${vm} to have been heard`, () => rounds() > 0)
  const before = rounds()
  await eventually(`more checks of ${vm}`, () => rounds() >= before + 2)
  expect(printed(vm)).not.toMatch(/BAD/)
}

const touched = (vm: string) => coordinator.report('a', vm)?.load?.touchedBytes

test('they run at once, have what it had, and cost only what they touch', async () => {
  await coordinator.command('a', {
    t: 'start',
    ...vmOrder('parent', 1, { args: 'workload=dirty wss=1 rate=1 fill=24', memoryMib: 32 }),
  })
  coordinator.listen('a', 'parent', 1)
  await eventually('the guest at work', () => printed('parent').includes(' ready'))
  const record = await clone('parent', 1, { one: 2, two: 3 })
  expect(record?.bytes).toBe(0)
  await eventually('its load', () => touched('one') !== undefined)
  expect(touched('one')).toBeLessThan(4 << 20)
  expect(touched('parent')).toBeGreaterThan(24 << 20)
})

test('one that is to be independent gets all of its pages', async () => {
  await boot()
  await clone('parent', 1, { one: 2 }, { independent: true })
  await eventually('its pages', () => (touched('one') ?? 0) >= (touched('parent') ?? 1))
  await isWell('one', 'a', 2)
})

test('parent and clones write on, and nobody sees the others’ writes', async () => {
  await boot()
  await clone('parent', 1, { one: 2, two: 3 })
  await Promise.all([isWell('parent', 'a', 1), isWell('one', 'a', 2), isWell('two', 'a', 3)])
})

test('a clone of a clone of a clone, while all of them write', async () => {
  await boot()
  await clone('parent', 1, { one: 2 })
  await clone('one', 2, { two: 3 })
  await clone('parent', 1, { other: 4 })
  await clone('two', 3, { three: 5 })
  for (const [vm, epoch] of [
    ['one', 2],
    ['two', 3],
    ['other', 4],
    ['three', 5],
  ] as const)
    await isWell(vm, 'a', epoch)
})

test('a parent that is stopped, or moves away, leaves its clones whole', async () => {
  await boot()
  await clone('parent', 1, { one: 2 })
  await clone('one', 2, { two: 3 })
  await stop('one', 2)
  await migrate('parent', 1)
  await isWell('two', 'a', 3)
  await isWell('parent', 'b', 2)
})

test('a clone that moves takes all that it shares along', async () => {
  await boot()
  await clone('parent', 1, { one: 2 })
  await migrate('one', 2)
  await isWell('one', 'b', 3)
  await isWell('parent', 'a', 1)
})
