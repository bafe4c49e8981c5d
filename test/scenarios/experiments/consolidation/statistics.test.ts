// The statistics behind the detectors, against numbers worked out by hand from the formulas of
// Beloglazov and Buyya 2012, section 4, and Cleveland 1979.
import { expect, test } from 'vitest'
import {
  bisquareWeights,
  interquartileRange,
  lineThrough,
  loess,
  median,
  medianAbsoluteDeviation,
  robustLoess,
  tricubeWeights,
} from '#scenarios/experiments/consolidation/statistics.ts'

test('the median of an even number of samples lies half-way between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([10, 4, 3, 1])).toBe(3.5)
})

test('one sample far away does not change the median absolute deviation', () => {
  // Median 3; distances 2, 1, 0, 1, 97.
  expect(medianAbsoluteDeviation([1, 2, 3, 4, 100])).toBe(1)
  expect(medianAbsoluteDeviation([1, 2, 3, 4, 5])).toBe(1)
})

test('quartiles are the samples nearest to (n + 1) / 4 and 3 (n + 1) / 4', () => {
  // n = 11: the 3rd and the 9th.
  expect(interquartileRange([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])).toBe(6)
  // n = 12: 3.25 and 9.75, so the 3rd and the 10th.
  expect(interquartileRange([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])).toBe(7)
})

test('least squares finds the line that samples lie on', () => {
  expect(lineThrough([1, 3, 5])).toEqual({ start: -1, slope: 2 })
  // Means 2 and 2; slope (−1·−1 + 1·0) / 2.
  expect(lineThrough([1, 3, 2])).toEqual({ start: 1, slope: 0.5 })
})

test('the newest sample weighs 1, one half-way (1 − 1/8)³, the oldest nothing', () => {
  expect(tricubeWeights(3)).toEqual([0, 0.875 ** 3, 1])
})

test('so Loess of three samples is the line through the last two', () => {
  const { start, slope } = loess([9, 1, 2])
  expect(slope).toBeCloseTo(1, 12)
  expect(start).toBeCloseTo(-1, 12)
})

test('a residual beyond six medians weighs nothing, one of three medians (1 − 1/4)²', () => {
  expect(bisquareWeights([1, -1, 1, 3, 7])).toEqual([
    ...[(1 - 1 / 36) ** 2, (1 - 1 / 36) ** 2, (1 - 1 / 36) ** 2],
    ...[0.5625, 0],
  ])
})

test('the robust line is not led astray by an outlier, the plain one is', () => {
  const straight = Array.from({ length: 10 }, (_, i) => 0.2 + 0.01 * i + 0.0001 * (i % 2))
  const bent = straight.with(7, 0.9)
  const off = (slope: number) => Math.abs(slope - 0.01)
  expect(off(loess(bent).slope)).toBeGreaterThan(0.015)
  expect(off(robustLoess(bent).slope)).toBeLessThan(0.001)
})
