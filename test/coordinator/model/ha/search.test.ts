// Seeds after each other: a random cluster, random declarations and faults, and judges who know
// docs/high-availability.md, and not the code. A seed that breaks a law is made as short as it can
// be, and told. Many more: GODWIT_HA_RUNS=20000 GODWIT_HA_FROM=1000 vitest run …/ha/search

import { expect, test } from 'vitest'
import { search, shortest, told } from './search.ts'
import { planOf } from './search-plan.ts'
import { seenIn, sometimes } from './sometimes.ts'

const runs = Number(process.env.GODWIT_HA_RUNS ?? 160)
const from = Number(process.env.GODWIT_HA_FROM ?? 1)
/** Few seeds are looked at quickly, many for as long as anything may take. */
const restMs = runs > 1000 ? 70_000 : 5000

test('whatever happens, high availability does what it says', { timeout: 86_400_000 }, () => {
  const count = new Map(Object.keys(sometimes).map((what) => [what, 0]))
  for (let seed = from; seed < from + runs; seed++) {
    const end = search(planOf(seed), restMs)
    if (end.wrong.length > 0) throw new Error(told(shortest(end)))
    for (const what of seenIn(end.story)) count.set(what, (count.get(what) ?? 0) + 1)
  }
  const never = [...count].flatMap(([what, times]) => (times > 0 ? [] : [what]))
  if (runs >= 160) expect(never).toEqual([])
  if (runs > 1000) console.info([...count].map(([what, n]) => `${n} × ${what}`).join('\n'))
})

test('the same seed gives the same story', () => {
  const [one, other] = [search(planOf(7), 0), search(planOf(7), 0)]
  expect(one.story.length).toBeGreaterThan(20)
  expect(other.story).toEqual(one.story)
})
