// Medians, their intervals, and what others published beside them.
import { expect, test } from 'vitest'
import type { Measures } from '#scenarios/experiments/consolidation/account.ts'
import { comparisonsOf, estimate } from '#scenarios/experiments/summary.ts'

test('five samples make no 95 % interval, six do', () => {
  expect(estimate([5, 1, 3, 2, 4])).toEqual({
    ...{ median: 3, low: 1, high: 5, isInterval: false, samples: 5 },
  })
  // All six on one side of the median: 2 · 0.5⁶ is 3.1 %.
  expect(estimate([1, 2, 3, 4, 5, 6])).toMatchObject({ low: 1, high: 6, isInterval: true })
})

test('of ten samples the second and the ninth bound the median', () => {
  // Of ten, at most one below: 11 / 1,024 is 1.1 %; at most two: 5.5 %.
  const { low, high } = estimate([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect([low, high]).toEqual([2, 9])
})

const measures = (energyKwh: number): Measures => ({
  ...{ energyKwh, migrations: 1, slatah: 0, pdm: 0, slav: 0, esv: 0, shutdowns: 0, nodesOn: 1 },
})

test('a published day is compared with that day, published medians with the median of all', () => {
  const outcome = (day: string, energyKwh: number) => ({
    ...{
      variant: 'a',
      day,
      seed: 0,
      measures: measures(energyKwh),
      nodesOn: [],
      lookEverySec: 300,
    },
  })
  const outcomes = [outcome('one', 90), outcome('two', 110), outcome('three', 130)]
  const published = [
    { variant: 'a', day: 'one', source: 's', measures: { energyKwh: 100 } },
    { variant: 'a', day: 'median', source: 's', measures: { energyKwh: 100 } },
    { variant: 'b', day: 'one', source: 's', measures: { energyKwh: 100 } },
  ]
  const found = comparisonsOf(published, outcomes)
  expect(found.map(({ ours }) => ours)).toEqual([90, 110])
  expect(found.map(({ deviation }) => deviation.toFixed(2))).toEqual(['-0.10', '0.10'])
})
