// The published figures, on the published traces. Needs a folder with the days 20110303 and
// 20110306 of the PlanetLab data of Beloglazov and Buyya 2012 as NAME.csv.gz (docs/experiments.md
// says where they come from), named by GODWIT_TRACES; without it only the arithmetic of NPA is
// looked at.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readDays } from '#cli/trace-folder.ts'
import { SeededRandom } from '#env/memory.ts'
import { consolidationOf } from '#scenarios/experiments/consolidation/experiments.ts'
import { byPaper, byProgram } from '#scenarios/experiments/consolidation/published.ts'
import {
  asFirstReleased,
  asLaterReleased,
  type Reading,
} from '#scenarios/experiments/consolidation/reading.ts'
import { replay } from '#scenarios/experiments/consolidation/replay.ts'

const folder = process.env.GODWIT_TRACES ?? ''
const isThere = existsSync(join(folder, '20110303.csv.gz'))

function measures(name: string, policy: string, reading: Reading) {
  const traces = readDays(folder).find((day) => day.name === name)?.traces ?? []
  const consolidation = consolidationOf(policy)
  return replay({ nodes: 800, traces, consolidation, reading, random: new SeededRandom(0) })
    .measures
}

test('both figures of NPA are 400 · (117 W + 135 W), for a day and to the last look at it', () => {
  const kwh = (sec: number) => (400 * (117 + 135) * sec) / 3_600_000
  const ofNpa = [...byPaper, ...byProgram].filter(({ variant }) => variant === 'npa')
  const [paper, program] = ofNpa.map((one) => one.measures.energyKwh)
  expect(paper).toBeCloseTo(kwh(86_400), 1)
  expect(program).toBeCloseTo(kwh(86_100.1), 1)
})

// skipped: without the data there is nothing to compare; set GODWIT_TRACES to a folder that has it
describe.skipIf(!isThere)('on the published traces', { timeout: 600_000 }, () => {
  test('what later papers compare with is met: energy within 2 %, migrations within 4 %', () => {
    for (const { variant, measures: theirs } of byProgram.slice(1, 3)) {
      const ours = measures('20110303', variant, asLaterReleased)
      expect(Math.abs(ours.energyKwh / (theirs.energyKwh ?? 0) - 1), variant).toBeLessThan(0.02)
      const migrations = theirs.migrations ?? 0
      expect(Math.abs(ours.migrations - migrations), variant).toBeLessThanOrEqual(0.04 * migrations)
    }
  })

  test('LR-MMT has the least ESV, migrates least and is far below DVFS, as the paper says', () => {
    const of = (policy: string) => measures('20110306', policy, asFirstReleased)
    const [dvfs, thr, iqr, lr] = ['dvfs', 'thr-mmt', 'iqr-mmt', 'lr-mmt'].map(of)
    if (!dvfs || !thr || !iqr || !lr) throw new Error('four policies')
    expect(lr.esv).toBeLessThan(Math.min(thr.esv, iqr.esv))
    expect(lr.migrations).toBeLessThan(Math.min(thr.migrations, iqr.migrations))
    for (const one of [thr, iqr, lr]) {
      expect(one.energyKwh).toBeLessThan(dvfs.energyKwh / 4)
      expect(one.migrations).toBeGreaterThan(5_000)
      expect(one.migrations).toBeLessThan(30_000)
    }
  })
})
