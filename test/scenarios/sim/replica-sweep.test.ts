// The sweep of replication: a store with a replica is written to all along, and at some message
// that the three nodes and the coordinator send meanwhile one thing goes wrong. Then all is healed:
// one copy runs, nothing that was acknowledged is lost, it has a replica again, and nothing else of
// any is left. GODWIT_SWEEP=all tries every message; without, some of them, from GODWIT_SEED on.

import { beforeAll, describe, expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { platform } from './platform.ts'
import { disturb, disturbLoss, type Interval, intervals, replicaFaults } from './replica-run.ts'

const seed = Number(process.env.GODWIT_SEED ?? 1)
const isWhole = process.env.GODWIT_SWEEP === 'all'
const sampled = 3
/** Messages from the order to have a replica on: the first rounds, and some checkpoints. */
const messages = { often: 260, seldom: 120 } as const

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

describe.each(Object.keys(intervals) as Interval[])('checkpoints %s', (interval) => {
  test.each(Object.keys(replicaFaults))('%s', { timeout: 1_200_000 }, async (fault) => {
    const random = new SeededRandom(seed + fault.length)
    const last = messages[interval]
    const all = Array.from({ length: last }, (_, at) => at + 1)
    const chosen = isWhole ? all : Array.from({ length: sampled }, () => 1 + random.below(last))
    const wrong: string[][] = []
    for (const at of chosen) {
      const story = await disturb(ours, { seed, interval, fault, at })
      if (story.length > 0) wrong.push(story)
    }
    expect(wrong).toEqual([])
  })
})

describe('a primary that has lost its replica', () => {
  test.each(Object.keys(replicaFaults))('%s as it is told', { timeout: 240_000 }, async (fault) => {
    const story = await disturbLoss(ours, { seed, interval: 'often', fault, of: 'end-replication' })
    expect(story).toEqual([])
  })
})
