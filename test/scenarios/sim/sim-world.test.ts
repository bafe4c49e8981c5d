// The simulated world itself: guests run in it, move and recover; and the same seed gives the same
// transcript.

import { beforeAll, expect, test } from 'vitest'
import { asVmId } from '#proto/ids.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { platform } from './platform.ts'

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

const spec = { args: 'workload=dirty wss=1 rate=200', memoryMib: 4, clock: 'instructions' } as const
const vmOf = (world: SimWorld) => world.coordinator.coordinator.state.vms.get(asVmId('vm'))
const runsOn = (world: SimWorld, node: string) => () =>
  vmOf(world)?.phase === 'running' && vmOf(world)?.nodeId === node

async function begun(seed = 1): Promise<SimWorld> {
  const world = new SimWorld({ ...ours, nodes: ['a', 'b', 'c'], seed })
  await world.pass(1000)
  world.run('vm', spec, 'a')
  await world.until('the VM to run', runsOn(world, 'a'))
  await world.pass(1000)
  return world
}

test('a VM moves, and a killed node loses it to another one', async () => {
  const world = await begun()
  world.migrate('vm', 'b', { verify: 'full' })
  await world.until('it to move', runsOn(world, 'b'))
  await world.pass(1000)
  world.process('b').kill()
  await world.until('it to come back', () => vmOf(world)?.recoveries === 1)
  await world.pass(2000)
  expect(vmOf(world)?.phase).toBe('running')
  expect(world.violations).toEqual([])
})

test('one seed, one transcript', async () => {
  const transcript = async () => {
    const world = await begun(7)
    world.migrate('vm', 'b')
    await world.pass(3000)
    return JSON.stringify(world.log.lines)
  }
  const first = await transcript()
  expect(first.length).toBeGreaterThan(500)
  expect(await transcript()).toBe(first)
})
