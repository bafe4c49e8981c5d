// Post-copy that is asked for in the middle of the first round, of a VM that has moved before: both
// ends agree about what has been sent, and not about what the source itself once got. (Found by the
// search, seed 2295.)

import { expect, test } from 'vitest'
import { asMigrationId, asVmId } from '#proto/ids.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { platform } from './platform.ts'

test('a VM that has moved before moves by post-copy in the middle of its first round', async () => {
  const world = new SimWorld({ ...(await platform()), nodes: ['a', 'b', 'c'], seed: 1, mips: 1 })
  const { state } = world.coordinator.coordinator
  const vm = () => state.vms.get(asVmId('vm'))
  await world.pass(600)
  const args = 'workload=dirty wss=1 rate=200'
  world.run('vm', { args, memoryMib: 4, clock: 'instructions' }, 'a')
  await world.until('the VM to run', () => vm()?.phase === 'running')
  await world.pass(1000)
  world.migrate('vm', 'b')
  await world.until('it to be on b', () => vm()?.nodeId === 'b' && vm()?.phase === 'running')
  await world.pass(500)
  const slow = { bandwidthBytesPerSecMax: 2_000_000, encoding: 'raw' } as const
  world.migrate('vm', 'c', { ...slow, whenStuck: 'post-copy' })
  await world.pass(300)
  const [open] = state.openMigrations
  expect(state.migrations.get(asMigrationId(open ?? ''))?.live.round).toBe(0)
  world.ask({ do: 'post-copy', migrationId: asMigrationId(open ?? '') })
  await world.until('its end', () => state.openMigrations.size === 0)
  const ended = state.migrations.get(asMigrationId(open ?? ''))
  expect([ended?.fault, ended?.phase, vm()?.nodeId]).toEqual([undefined, 'done', 'c'])
})
