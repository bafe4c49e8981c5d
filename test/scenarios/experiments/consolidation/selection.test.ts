// Which VM leaves: Beloglazov and Buyya 2012, section 5.
import { expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import {
  explainedPart,
  explainedParts,
  selector,
} from '#scenarios/experiments/consolidation/selection.ts'

const random = new SeededRandom(1)
const vm = (memoryMib: number, use: number, history: readonly number[] = []) => ({
  ...{ memoryMib, use, history },
})

test('the one whose memory is sent soonest, the first of several', () => {
  const vms = [vm(870, 0.1), vm(613, 0.9), vm(613, 0.1)]
  expect(selector('mmt', random)(vms)).toBe(vms[1])
})

test('the one that uses the least of its core', () => {
  const vms = [vm(870, 0.5), vm(1740, 0.1), vm(613, 0.2)]
  expect(selector('mu', random)(vms)).toBe(vms[1])
})

test('any of them, and the same ones from the same seed', () => {
  const vms = [vm(1, 0), vm(2, 0), vm(3, 0)]
  const draws = (seed: number) => {
    const select = selector('rs', new SeededRandom(seed))
    return Array.from({ length: 30 }, () => select(vms)?.memoryMib)
  }
  expect(draws(7)).toEqual(draws(7))
  expect(new Set(draws(7))).toEqual(new Set([1, 2, 3]))
})

test('the part that others explain is R² of the regression on them', () => {
  // y on x = 1, 2, 3: the line 1 + 0.5 x leaves 1.5 of 2 unexplained.
  expect(explainedPart([1, 3, 2], [[1, 2, 3]], 3)).toBeCloseTo(0.25, 12)
  // A sum of two others is explained wholly; a constant not at all.
  const [a, b] = [
    [1, 5, 2, 8, 3],
    [4, 1, 9, 2, 2],
  ] as const
  const sum = a.map((value, i) => value + (b[i] as number))
  expect(explainedPart(sum, [a, b], 5)).toBeCloseTo(1, 12)
  expect(explainedPart([2, 2, 2, 2, 2], [a, b], 5)).toBe(0)
})

test('one inversion says the same as one regression each', () => {
  const draw = new SeededRandom(3)
  const histories = Array.from({ length: 6 }, () => Array.from({ length: 30 }, () => draw.float()))
  const parts = explainedParts(histories, 30)
  for (const [i, history] of histories.entries()) {
    const others = histories.filter((_, other) => other !== i)
    expect(parts[i]).toBeCloseTo(explainedPart(history, others, 30), 9)
  }
})

test('the one whose load the others explain best leaves', () => {
  const draw = new SeededRandom(5)
  const noise = () => Array.from({ length: 30 }, () => draw.float())
  const [a, b, c] = [noise(), noise(), noise()]
  const both = a.map((value, i) => value + (b[i] as number) + 0.01 * draw.float())
  const vms = [vm(1, 0, c), vm(2, 0, both), vm(3, 0, noise())]
  const led = [...vms, vm(4, 0, a), vm(5, 0, b)]
  expect(selector('mc', random)(led)?.memoryMib).toBe(2)
})

test('with fewer samples than VMs it is the one with the least memory', () => {
  const vms = [vm(870, 0, [1, 2]), vm(613, 0, [2, 1]), vm(900, 0, [1, 1])]
  expect(selector('mc', random)(vms)).toBe(vms[1])
})

test('of no VMs none leaves', () => {
  for (const name of ['mmt', 'rs', 'mc', 'mu'] as const)
    expect(selector(name, random)([])).toBeUndefined()
})
