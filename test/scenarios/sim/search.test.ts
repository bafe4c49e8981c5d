// The search over seeds: a fixed stretch of them breaks no law and has seen what it must have seen;
// the same seed is the same run. That it can fail at all is told by mutations.test.ts.
// GODWIT_SEEDS sets how many (40), GODWIT_SEED where they begin.

import { beforeAll, expect, test } from 'vitest'
import { addSeen, mustBeSeenOf, planOfSeed, runSeed } from '#scenarios/sim/search.ts'
import { modelVms, realGuests, type SearchSubject } from '#scenarios/sim/search-subject.ts'
import { nodeTurns } from '#scenarios/sim/turns.ts'
import { platform } from './platform.ts'

const seeds = Number(process.env.GODWIT_SEEDS ?? 40)
const first = Number(process.env.GODWIT_SEED ?? 1)

/** Not within some forty seeds. */
const rare = /paging|coordinator lost|empty|disk|lost while layers/

let ours: SearchSubject
beforeAll(async () => {
  ours = realGuests(await platform())
})

const timeout = 60_000 + seeds * 2000
test(`seeds ${first} to ${first + seeds - 1} break no law`, { timeout }, async () => {
  const seen = new Map<string, number>()
  for (let seed = first; seed < first + seeds; seed++) {
    const { outcome } = await runSeed(ours, seed)
    expect(outcome.wrong, `npm run sim -- --seed ${seed} --runs 1`).toEqual([])
    addSeen(seen, outcome.seen)
  }
  // A search that never saw a migration lose an end has not searched.
  const often = mustBeSeenOf(ours).filter((what) => !rare.test(what))
  expect(often.filter((what) => !seen.has(what))).toEqual([])
})

test('with models as VMs many more seeds break no law', { timeout: 180_000 }, async () => {
  const models = modelVms(nodeTurns())
  const seen = new Map<string, number>()
  let [tried, faults] = [0, 0]
  for (let seed = first; seed < first + 3 * seeds; seed++) {
    const { outcome } = await runSeed(models, seed)
    expect(outcome.wrong, `npm run sim -- --models --seed ${seed} --runs 1`).toEqual([])
    addSeen(seen, outcome.seen)
    tried += outcome.tried
    faults += outcome.faults
  }
  const often = mustBeSeenOf(models).filter((what) => !rare.test(what))
  expect(often.filter((what) => !seen.has(what))).toEqual([])
  expect(faults).toBeGreaterThan(0)
  expect(faults).toBeLessThan(tried)
})

test('the same seed is the same run', async () => {
  const [once, again] = [await runSeed(ours, 5), await runSeed(ours, 5)]
  expect(again.outcome.log.lines).toEqual(once.outcome.log.lines)
  expect(again.outcome.seen).toEqual(once.outcome.seen)
})

test('a plan is drawn from its seed alone', () => {
  expect(planOfSeed(3)).toEqual(planOfSeed(3))
  expect(planOfSeed(3)).not.toEqual(planOfSeed(4))
})
