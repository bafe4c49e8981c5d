import { expect, test } from 'vitest'
import { SliceLength, sliceMs } from '#engine/pcpu/slice-length.ts'

/** Slices of a guest of that speed, each used up. */
function used(slices: SliceLength, perMs: number, times: number): number {
  let budget = 0
  for (let n = 0; n < times; n++) {
    budget = slices.budget(0)
    slices.measured(budget, budget / perMs)
  }
  return budget
}

test.each([200, 50_000, 2_000_000])(
  'a guest of %i instructions a ms has slices of 1 ms',
  (perMs) => {
    expect(used(new SliceLength(), perMs, 60) / perMs).toBeCloseTo(sliceMs, 1)
  },
)

test('one that has become slow has one slice too long, and one that is fast again grows', () => {
  const slices = new SliceLength()
  used(slices, 1_000_000, 40)
  expect(used(slices, 1000, 2)).toBeLessThan(1100)
  expect(used(slices, 1_000_000, 60)).toBeGreaterThan(900_000)
})

test('a slice that ended early says nothing of how long one may be', () => {
  const slices = new SliceLength()
  used(slices, 100_000, 40)
  const before = slices.budget(0)
  for (let n = 0; n < 50; n++) {
    slices.budget(0)
    slices.measured(170, 0.1)
  }
  expect(slices.budget(0)).toBe(before)
})

test('a shorter slice has a part of the budget, and a declared speed bounds it', () => {
  const slices = new SliceLength()
  used(slices, 100_000, 40)
  expect(slices.budget(0, 0.25) / slices.budget(0)).toBeCloseTo(0.25, 2)
  expect(slices.budget(20)).toBe(20_000)
})

test('a clock that stands still makes slices no longer than there may be, however many there are', () => {
  const length = new SliceLength()
  for (let slice = 0; slice < 5000; slice++) length.measured(length.budget(0), 0)
  expect(length.budget(0)).toBeGreaterThan(1_000_000)
  expect(length.budget(0)).toBeLessThanOrEqual(4_000_000)
})
