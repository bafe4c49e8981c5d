// A lease holds between computers whose clocks go differently: the margin is what pays for it.

import { expect, test } from 'vitest'
import { leaseMarginMs } from '#proto/units.ts'
import { coordinatorName } from '#scenarios/sim/sim-coordinator.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { platform } from './platform.ts'

/** A node is cut off while its VM runs; that VM starts elsewhere. What has broken meanwhile. */
async function cutOff(seed: number, marginMs: number, driftMost: number): Promise<string[]> {
  const world = new SimWorld({
    ...(await platform()),
    ...{ nodes: ['n1', 'n2'], seed, mips: 1, memoryMib: 24 },
    ...{ driftMost, settings: { marginMs } },
  })
  const vmOf = () => [...world.coordinator.coordinator.state.vms.values()][0]
  await world.pass(500)
  world.run('v1', { args: 'workload=dirty wss=1 rate=0', memoryMib: 4 }, 'n1')
  await world.until('it runs', () => vmOf()?.phase === 'running')
  await world.pass(1000 + seed * 17)
  world.network.part('n1', coordinatorName)
  await world.until(
    'it runs elsewhere',
    () => vmOf()?.phase === 'running' && vmOf()?.nodeId === 'n2',
  )
  await world.pass(500)
  return world.violations
}

async function brokenSeeds(marginMs: number, driftMost: number): Promise<number> {
  let broken = 0
  for (let seed = 1; seed <= 12; seed++)
    if ((await cutOff(seed, marginMs, driftMost)).length > 0) broken++
  return broken
}

test('clocks that drift by two in a hundred break nothing', { timeout: 180_000 }, async () => {
  expect(await brokenSeeds(leaseMarginMs, 0.02)).toBe(0)
})

test('without a margin they do', { timeout: 180_000 }, async () => {
  expect(await brokenSeeds(0, 0.02)).toBeGreaterThan(0)
})
