// Single directions between processes of the local world: cut, healed, and made slow. Against small
// doubles of the programs. Not here: what a shape does to each piece (road.test.ts).

import { expect, test } from 'vitest'
import { asNodeId } from '#proto/ids.ts'
import { clusterOf } from './cluster-of-doubles.ts'
import { callPeer, newWorld } from './launcher.ts'

const eventually = { timeout: 45_000, interval: 50 }

test('a node whose words are cut is not heard, and hears; healed one by one, all is well', async () => {
  const { world, folder } = newWorld()
  await world.startCluster(clusterOf('n1', 'n2'))
  const phases = async () =>
    (await world.api.nodes()).map(({ id, phase }) => `${id} ${phase}`).toSorted()
  await world.roads.cut({ from: 'n1', to: 'coordinator' })
  await expect.poll(phases, eventually).toEqual(['n1 suspect', 'n2 online'])
  await world.roads.heal({ from: 'n1', to: 'coordinator' })
  await expect.poll(phases, eventually).toEqual(['n1 online', 'n2 online'])

  // Neither direction alone carries a call and its answer.
  await world.cutNode(asNodeId('n1'), { coordinator: false, peers: true })
  await world.roads.heal({ from: 'n1', to: 'n2' })
  expect(await callPeer(folder, 'n1', 'n2')).toBe('silence')
  await world.roads.heal({ from: 'n2', to: 'n1' })
  expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
})

test('a way that is long takes its time, there and back, until it is as it was', async () => {
  const { world, folder } = newWorld()
  await world.startCluster(clusterOf('n1', 'n2'))
  await world.roads.shape({ from: 'n1', to: 'n2' }, { latencyMs: 150 })
  await world.roads.shape({ from: 'n2', to: 'n1' }, { latencyMs: 150 })
  const beganMs = performance.now()
  expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
  expect(performance.now() - beganMs).toBeGreaterThan(300)
  await world.roads.shape({ from: 'n1', to: 'n2' }, { latencyMs: 5000 })
  expect(await callPeer(folder, 'n1', 'n2')).toBe('silence')
  for (const [from, to] of [
    ['n1', 'n2'],
    ['n2', 'n1'],
  ] as const)
    await world.roads.shape({ from, to }, undefined)
  expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
})
