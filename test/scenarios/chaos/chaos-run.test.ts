// Chaos against the simulated cluster (the real coordinator, agents and guests, in virtual time),
// in which no promise is broken; and against a small fake one that breaks each promise on purpose,
// in which that is found.

import { describe, expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { asNodeId } from '#proto/ids.ts'
import type { BreakRequest } from '#proto/laboratory.ts'
import { type ChaosReport, ChaosRun } from '#scenarios/chaos/chaos-run.ts'
import { chooseDeed, deedKinds } from '#scenarios/chaos/deeds.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'
import type { World } from '#scenarios/world.ts'
import { drive, FakeWorld } from '../fake-world.ts'

const nodes = ['a', 'b', 'c'].map((id) => ({
  ...{ id: asNodeId(id), cores: 1, mipsPerCore: 40, memoryMib: 64 },
}))
const spec = { nodes, leaseMs: 2500, heartbeatMs: 250, marginMs: 500, rebalance: false }

/** A world as the laboratory of a cluster: the same wishes, carried out. */
const laboratoryOf = (world: World) => ({
  copies: () => world.copies(),
  breakNode: (name: string, request: BreakRequest): Promise<void> => {
    const id = asNodeId(name)
    switch (request.do) {
      case 'kill':
        return world.killNode(id)
      case 'revive':
        return world.startNode(id)
      case 'hang':
        return world.hangNode(id, request.forMs)
      case 'cut':
        return world.cutNode(id, request)
      default:
        return world.healNode(id)
    }
  },
})

async function chaosIn(world: ScenarioSimWorld | FakeWorld, seed: number, forMs: number) {
  const said: string[] = []
  const work = async (): Promise<ChaosReport> => {
    await world.startCluster(spec)
    const ports = {
      ...{ api: world.api, clock: world.clock, laboratory: laboratoryOf(world) },
      ...{ random: new SeededRandom(seed), prefix: 'x' },
      say: (word: string, text: string) => void said.push(`${word}: ${text}`),
    }
    return new ChaosRun(ports, { everyMs: 1000, forMs, kinds: deedKinds }).run()
  }
  const report = await (world instanceof FakeWorld
    ? drive(world.clock, work())
    : world.drive(work()))
  await world.stop()
  return { report, said }
}

describe('a cluster that keeps its promises', () => {
  test('comes to peace after each deed, and has lost nothing', { timeout: 180_000 }, async () => {
    const world = new ScenarioSimWorld(await nodePlatform())
    const { report, said } = await chaosIn(world, 5, 25_000)
    expect(report.violation).toBeUndefined()
    expect(report.lost).toBe(0)
    expect(report.deeds).toBeGreaterThan(2)
    expect(report.acknowledged).toBeGreaterThan(50)
    expect(said.filter((line) => line.startsWith('peace'))).toHaveLength(report.deeds)
    // A write waits for as long as its store is nowhere: longer than lease and margin.
    expect(report.waitMsMax).toBeGreaterThan(1000)
  })
})

describe('a cluster that does not', () => {
  test('is found to lose acknowledged writes', async () => {
    const { report } = await chaosIn(new FakeWorld({ losesWrites: true }), 3, 60_000)
    expect(report.violation).toMatch(/was acknowledged, and it answers none, asked again none/)
  })

  test('is found to run a VM twice', async () => {
    const { report } = await chaosIn(new FakeWorld({ neverFencesItself: true }), 3, 300_000)
    expect(report.violation).toMatch(/ran twice: on . and ./)
  })

  test('is found not to recover', async () => {
    const world = new FakeWorld()
    world.startNode = async () => {}
    const { report } = await chaosIn(world, 3, 300_000)
    expect(report.violation).toMatch(/no peace after 90 s: node . is not online/)
  })
})

describe('deeds', () => {
  const deedsOf = (seed: number) => {
    const random = new SeededRandom(seed)
    return Array.from({ length: 40 }, () => chooseDeed(random, deedKinds, ['a', 'b', 'c']))
  }

  test('are the same for the same seed, others for another', () => {
    expect(deedsOf(1)).toEqual(deedsOf(1))
    expect(deedsOf(1)).not.toEqual(deedsOf(2))
  })

  test('are of all kinds, to all nodes, and each ends', () => {
    const deeds = deedsOf(1)
    expect(new Set(deeds.map(({ request }) => request.do))).toEqual(new Set(deedKinds))
    expect(new Set(deeds.map(({ node }) => node))).toEqual(new Set(['a', 'b', 'c']))
    for (const { request, mend, forMs } of deeds) {
      const ending = { kill: { do: 'revive' }, cut: { do: 'heal' } }[request.do as 'kill' | 'cut']
      expect(mend).toEqual(ending)
      expect(forMs).toBeGreaterThanOrEqual(500)
    }
  })
})
