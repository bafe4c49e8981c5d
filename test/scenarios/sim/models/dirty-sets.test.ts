// The dirty-page curve of a model: as many different pages as random writes leave, and the same
// ones that its log names.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countPages } from '#engine/memory/page-bitmap.ts'
import { SeededRandom } from '#env/memory.ts'
import { pagesWithin } from '#proto/pre-copy/dirty-curve.ts'
import { curveOf, distinctPages, markWritten } from '#scenarios/sim/models/dirty-sets.ts'

const nothing = { pages: 0, perSec: 0 }
const atRandom = (pages: number, perSec: number) =>
  ({ hot: { pages, perSec }, cold: nothing, order: 'random' }) as const

test('writes at random leave as many different pages as the closed form says', () => {
  const random = new SeededRandom(7)
  const [pages, writes] = [2000, 3000]
  const written = new Set(Array.from({ length: writes }, () => random.below(pages)))
  const told = distinctPages(atRandom(pages, writes), 1000)
  // The standard deviation of the count is about 18 here.
  expect(Math.abs(told - written.size)).toBeLessThan(60)
  expect(told).toBe(Math.round(2000 * (1 - Math.exp(-1.5))))
})

test('writes in turn are all different until the set has been gone through', () => {
  const inTurn = { ...atRandom(1000, 500), order: 'in-turn' } as const
  expect([500, 1000, 2000, 9000].map((ms) => distinctPages(inTurn, ms))).toEqual([
    250, 500, 1000, 1000,
  ])
})

const set = fc.record({ pages: fc.nat(3000), perSec: fc.nat(20_000) })
const writing = fc.record({
  hot: set,
  cold: set,
  order: fc.constantFrom('random' as const, 'in-turn' as const),
})

test('a log marks so many pages, all of them in the sets', () => {
  fc.assert(
    fc.property(writing, fc.nat(5000), fc.nat(5000), (of, fromMs, ms) => {
      const bitmap = new Uint8Array(1024)
      const marked = markWritten(of, { fromMs, toMs: fromMs + ms }, bitmap)
      expect(countPages(bitmap)).toBe(marked)
      const { hot, cold } = of
      expect(countPages(bitmap.subarray(Math.ceil((hot.pages + cold.pages) / 8)))).toBe(0)
      expect(marked).toBeLessThanOrEqual(hot.pages + cold.pages)
    }),
  )
})

test('the longer, the more pages, and the curve that is told says the same', () => {
  fc.assert(
    fc.property(writing, (of) => {
      const points = curveOf(of, 1)
      for (const [at, { pages }] of points.entries())
        expect(pages).toBeGreaterThanOrEqual(points[at - 1]?.pages ?? 0)
      expect(pagesWithin(points, 1000)).toBe(distinctPages(of, 1000))
    }),
  )
})
