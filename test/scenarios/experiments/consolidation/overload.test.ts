// When a node is overloaded: each detector on both sides of its threshold, by hand from Beloglazov
// and Buyya 2012, section 4.
import { expect, test } from 'vitest'
import { detector, type Load } from '#scenarios/experiments/consolidation/overload.ts'

const load = (use: number, oldestFirst: readonly number[] = []): Load => ({
  ...{ use, history: [...oldestFirst].reverse(), memoryMibMax: 870 },
})
const steps = (from: number, step: number, count: number) =>
  Array.from({ length: count }, (_, i) => from + step * i)

test('a static threshold looks at the use of now alone', () => {
  const isOver = detector('thr', 0.8, false)
  expect(isOver(load(0.8, steps(0.9, 0, 12)))).toBe(false)
  expect(isOver(load(0.81))).toBe(true)
})

test('the threshold of IQR is 1 − 1.5 · the interquartile range of what was', () => {
  const isOver = detector('iqr', 1.5, false)
  // 0.01 … 0.12: the 10th less the 3rd is 0.07; the threshold 0.895.
  const history = steps(0.01, 0.01, 12)
  expect(isOver(load(0.89, history))).toBe(false)
  expect(isOver(load(0.9, history))).toBe(true)
})

test('the threshold of MAD is 1 − 2.5 · the median absolute deviation', () => {
  const isOver = detector('mad', 2.5, false)
  // Median 0.065; distances 0.005, 0.005, 0.015, … 0.055: half-way between 0.025 and 0.035 is 0.03.
  const history = steps(0.01, 0.01, 12)
  expect(isOver(load(0.92, history))).toBe(false)
  expect(isOver(load(0.93, history))).toBe(true)
})

test.each([false, true])('regression looks one interval ahead (weighed: %s)', (weighs) => {
  for (const name of ['lr', 'lrr'] as const) {
    const isOver = detector(name, 1.2, weighs)
    // 0.5 at the first of ten, then 0.03 more each: 0.8 at the eleventh, 0.96 with safety.
    expect(isOver(load(0.1, steps(0.5, 0.03, 10)))).toBe(false)
    // 0.04 more each: 0.9, and 1.08.
    expect(isOver(load(0.1, steps(0.5, 0.04, 10)))).toBe(true)
  }
})

test('with less history than it takes, the threshold is 0.7', () => {
  for (const [name, parameter, samples] of [
    ['iqr', 1.5, 11],
    ['mad', 2.5, 11],
    ['lr', 1.2, 9],
    ['lrr', 1.2, 9],
  ] as const) {
    const isOver = detector(name, parameter, false)
    expect(isOver(load(0.7, steps(0.3, 0, samples)))).toBe(false)
    expect(isOver(load(0.71, steps(0.3, 0, samples)))).toBe(true)
  }
})
