// Any interleaving of faults and commands: never two runners, never memory older than its disk,
// invariants after every step; and when the faults are healed, every VM that should run runs and
// every migration has ended.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { VmId } from '#proto/ids.ts'
import { ModelCluster, nodeNames } from './model-cluster.ts'
import { type Act, plan, startFailed, told, wanted } from './random-acts.ts'

function play({ seed, acts }: { seed: number; acts: [number, Act][] }): ModelCluster {
  // Half of the clusters have a fence device.
  const fence = seed % 2 === 0 ? { fenceAfterMs: 500 } : {}
  const cluster = new ModelCluster(nodeNames, seed, fence)
  cluster.advance(600)
  // And half of those, and of the others, pause what they run when they are cut off.
  const isolation = seed % 4 < 2 ? 'pause' : 'stop'
  cluster.run('a', { isolation, diskMib: 4 })
  cluster.run('b', { isolation, diskMib: 0 })
  cluster.run('c', { ha: false, diskMib: 4 })
  cluster.advance(600)
  for (const [ms, perform] of acts) {
    perform(cluster)
    cluster.advance(ms)
  }
  return cluster
}

describe('whatever happens', () => {
  test('no VM is ever executed twice, and after healing each runs once', () => {
    fc.assert(
      fc.property(plan, (chosen) => {
        const cluster = play(chosen)
        cluster.heal()
        // What the device was asked for before, it does after the healing.
        cluster.advance(2000)
        cluster.heal()
        cluster.advance(20_000)
        startFailed(cluster)
        const open = [...(cluster.state?.openMigrations ?? [])]
        expect(open, told(cluster)).toEqual([])
        expect(Object.keys(cluster.runners()).sort(), told(cluster)).toEqual(wanted(cluster).sort())
        for (const [vmId, runner] of Object.entries(cluster.runners()))
          expect(cluster.state?.vms.get(vmId as VmId)?.nodeId, told(cluster)).toBe(runner)
      }),
      { numRuns: Number(process.env.GODWIT_PROPERTY_RUNS ?? 150) },
    )
  })

  test('some VMs stand still where they are cut off, and go on there', () => {
    const plans = fc.sample(plan, { numRuns: 40, seed: 1 })
    const wentOn = plans.map(({ acts }) => {
      const cluster = play({ seed: 0, acts })
      cluster.heal()
      cluster.advance(10_000)
      return [...cluster.agents.values()].reduce((sum, agent) => sum + agent.wentOn, 0)
    })
    expect(wentOn.filter((count) => count > 0).length).toBeGreaterThan(3)
  })

  test('the same seed gives the same story', () => {
    const [chosen] = fc.sample(plan, { numRuns: 1, seed: 7 })
    if (!chosen) throw new Error('no sample')
    expect(told(play(chosen))).toBe(told(play(chosen)))
  })
})
