// The replay of the model of Beloglazov and Buyya 2012, on days small enough to be reckoned by
// hand: energy, placement by power, relief of overloaded nodes, emptying of quiet ones, what
// moving costs.
import { expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { consolidationOf } from '#scenarios/experiments/consolidation/experiments.ts'
import { Fleet } from '#scenarios/experiments/consolidation/fleet.ts'
import { detector } from '#scenarios/experiments/consolidation/overload.ts'
import { planRound } from '#scenarios/experiments/consolidation/plan.ts'
import {
  asFirstReleased,
  asLaterReleased,
  asWritten,
  type Reading,
} from '#scenarios/experiments/consolidation/reading.ts'
import { replay } from '#scenarios/experiments/consolidation/replay.ts'
import { selector } from '#scenarios/experiments/consolidation/selection.ts'
import { migrationSec, nodeKinds, wattsAt } from '#scenarios/experiments/consolidation/set-up.ts'
import { drawnWorkload } from '#scenarios/experiments/workload.ts'

const trace = (...percents: readonly number[]) => ({
  percents: Uint8Array.from(percents),
  everyMs: 300_000,
})
const [g4, g5] = nodeKinds as [(typeof nodeKinds)[0], (typeof nodeKinds)[0]]

test('a node draws what lies on the line between two tenths of use', () => {
  expect(wattsAt(g4, 0)).toBe(86)
  expect(wattsAt(g4, 0.25)).toBeCloseTo(92.6 + (96 - 92.6) / 2, 12)
  expect(wattsAt(g5, 1)).toBe(135)
})

test('a migration takes as long as its memory over half of 1 Gbit/s', () => {
  expect(migrationSec(1000)).toBe(16)
})

const trial = (policy: string, reading: Reading = asLaterReleased) => ({
  ...{ consolidation: consolidationOf(policy), reading, random: new SeededRandom(0) },
})

test('without power awareness every node draws its most, from the start to the last look', () => {
  const { measures } = replay({ nodes: 4, traces: [trace(50, 50, 50)], ...trial('npa') })
  expect(measures.energyKwh).toBeCloseTo((2 * (117 + 135) * 600.1) / 3_600_000, 12)
})

test('with voltage scaling VMs stay where there was room first, nodes draw what they use', () => {
  // Two VMs of 2,500 MIPS: both on the first G5, which has 5,320. At 40 %: 2,000 of them.
  const traces = [trace(40, 40, 40), trace(40, 40, 40)]
  // Of eight VMs the first two are of the first kind; the others ask for nothing and are gone.
  const idle = Array.from({ length: 6 }, () => trace(0, 0, 0))
  const { measures } = replay({ nodes: 8, traces: [...traces, ...idle], ...trial('dvfs') })
  // Counted from the first look on.
  expect(measures.energyKwh).toBeCloseTo((wattsAt(g5, 2000 / 5320) * 300) / 3_600_000, 9)
  expect(measures.migrations).toBe(0)
})

/** A fleet whose VMs are where the test says, with some history. */
function fleetOf(nodes: number, at: readonly number[], percents: readonly number[]): Fleet {
  const traces = percents.map((percent) => trace(...Array.from({ length: 16 }, () => percent)))
  const fleet = new Fleet(nodes, traces, asLaterReleased)
  for (const [i, vm] of fleet.vms.entries()) {
    const node = fleet.nodes[at[i] ?? 0]
    if (!node) continue
    vm.at = node
    node.vms.push(vm)
  }
  for (let round = 1; round <= 12; round++) {
    fleet.advance(300 * round)
    fleet.remember()
  }
  return fleet
}

const thr = (reading: Reading) => ({
  ...{ isOver: detector('thr', 0.8, false), reading },
  select: selector('mmt', new SeededRandom(0)),
})
const movesOf = (fleet: Fleet, reading: Reading = asLaterReleased) =>
  planRound(fleet.nodes, thr(reading)).map(({ vm, to }) => [
    fleet.vms.indexOf(vm),
    fleet.nodes.indexOf(to),
  ])

test('of an overloaded node the smallest leaves, to where it costs the least power', () => {
  // Four VMs (2,500, 2,000, 1,000 and 500 MIPS) on node 0, a G4 with 3,720 MIPS: 50 % of 6,000 is
  // more than 80 % of it. Without the last they ask for 2,750: 74 %.
  const fleet = fleetOf(4, [0, 0, 0, 0], [50, 50, 50, 50])
  // A G5 takes 250 MIPS for 1.55 W, a G4 for 2.28 W; the first of them is node 1.
  expect(movesOf(fleet)).toEqual([[3, 1]])
})

test('the least used node is emptied wholly onto those that are on', () => {
  // 250 MIPS on node 0; 1,000 and 500 on node 1: all of it fits there.
  const fleet = fleetOf(4, [0, 1, 1, 1], [10, 50, 50, 50])
  expect(movesOf(fleet)).toEqual([[0, 1]])
})

test('a node is not emptied in part', () => {
  // Node 1 has room for one of the two VMs of node 0, not for both.
  const fleet = fleetOf(2, [0, 0, 1, 1], [45, 55, 99, 99])
  expect(movesOf(fleet).length).toBe(0)
})

test('when memory counts, a full node takes nothing', () => {
  const fleet = fleetOf(4, [0, 1, 1, 1], [10, 50, 50, 50])
  // Node 1 holds 1,740 + 1,740 + 613 of 4,096 MiB.
  expect(movesOf(fleet, { ...asLaterReleased, keepsMemory: true })).toEqual([])
})

test('when waking counts, a node that is off is the dearest', () => {
  // VM 3 must leave node 0. Node 3 is on, a little used; node 1 is off.
  const fleet = fleetOf(6, [0, 0, 0, 0, 3, 3, 3, 3], [95, 95, 5, 5, 5, 5, 5, 5])
  const counted = { ...asLaterReleased, countsWaking: true }
  const firstOf = (reading: Reading) => movesOf(fleet, reading)[0]?.[1]
  expect([firstOf(asLaterReleased), firstOf(counted)]).toEqual([1, 3])
})

test('a VM that moves gets a tenth less for as long as its memory takes', () => {
  // As above: VM 0 leaves node 0 at once, and nothing else moves after that.
  const traces = [10, 50, 50, 50].map((percent) => trace(percent, percent, percent, percent))
  const { measures } = replay({ nodes: 4, traces, ...trial('thr-mmt') })
  expect(measures.migrations).toBeGreaterThan(0)
  // Each loses a tenth of what it asks for meanwhile; at most all four moved that often.
  const moving = [
    { mips: 250, mib: 870 },
    { mips: 1000, mib: 1740 },
    { mips: 500, mib: 1740 },
    { mips: 250, mib: 613 },
  ]
  const lost = moving.reduce((sum, { mips, mib }) => sum + 0.1 * mips * migrationSec(mib), 0)
  const asked = moving.reduce((sum, { mips }) => sum + mips * 600, 0)
  expect(measures.pdm).toBeGreaterThan(0)
  expect(measures.pdm).toBeLessThanOrEqual((measures.migrations * lost) / asked)
  expect(measures.slav).toBe(measures.slatah * measures.pdm)
  expect(measures.esv).toBeCloseTo(measures.energyKwh * measures.slav, 15)
})

test('who asks for nothing is gone in the released program, and stays as written', () => {
  const traces = [trace(20, 0, 0, 20), trace(20, 20, 20, 20), trace(9, 9, 9, 9), trace(9, 9, 9, 9)]
  const energyKwh = (reading: Reading) =>
    replay({ nodes: 4, traces, ...trial('dvfs', reading) }).measures.energyKwh
  expect(energyKwh({ ...asLaterReleased, keepsIdleVms: true })).toBeGreaterThan(
    energyKwh(asLaterReleased),
  )
})

test.each(['thr-mmt', 'iqr-rs', 'mad-mu', 'lr-mc', 'lrr-mmt'])('%s twice is the same', (policy) => {
  const [day] = drawnWorkload(1, 12, 60).days
  const once = () => replay({ nodes: 12, traces: day?.traces ?? [], ...trial(policy) })
  expect(once()).toEqual(once())
})

test.each([asFirstReleased, asLaterReleased, asWritten])(
  'consolidation saves energy',
  (reading) => {
    const [day] = drawnWorkload(1, 20, 100).days
    const energyKwh = (policy: string) =>
      replay({ nodes: 20, traces: day?.traces ?? [], ...trial(policy, reading) }).measures.energyKwh
    const [npa, dvfs, dynamic] = ['npa', 'dvfs', 'thr-mmt'].map(energyKwh)
    expect(dvfs).toBeLessThan(npa ?? 0)
    expect(dynamic).toBeLessThan(dvfs ?? 0)
  },
)
