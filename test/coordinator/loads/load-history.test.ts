// Means of what was looked at, over time: of each subject alone, no more than are kept, and nothing
// invented where nothing was told.
import { expect, test } from 'vitest'
import { LoadHistory, type Look } from '#coordinator/loads/load-history.ts'

const history = (kept = 3) => new LoadHistory<string>({ quantities: 2, looksPerMean: 2, kept })
const subjects = (all: Record<string, Look>) => new Map(Object.entries(all))

test('a mean is that of its looks, and of those alone that told something', () => {
  const loads = history()
  loads.look(1000, subjects({ a: [10, 1], b: [5, undefined] }))
  expect(loads.meansOf('a')).toEqual({ atMs: [], columns: [[], []] })
  loads.look(2000, subjects({ a: [20, undefined], b: [7, undefined] }))
  expect(loads.meansOf('a')).toEqual({ atMs: [2000], columns: [[15], [1]] })
  expect(loads.meansOf('b')).toEqual({ atMs: [2000], columns: [[6], [null]] })
})

test('what is older than what is kept is gone, and the rest is in order', () => {
  const loads = history()
  for (let at = 1; at <= 10; at++) loads.look(at, subjects({ a: [at, -at] }))
  expect(loads.meansOf('a')).toEqual({
    atMs: [6, 8, 10],
    columns: [
      [5.5, 7.5, 9.5],
      [-5.5, -7.5, -9.5],
    ],
  })
})

test('who came later has nothing of the time before, and takes no old numbers', () => {
  const loads = history()
  for (let at = 1; at <= 8; at++) loads.look(at, subjects({ a: [1, 1] }))
  loads.look(9, subjects({ b: [3, 3] }))
  loads.look(10, subjects({ b: [4, 4] }))
  expect(loads.meansOf('b')).toEqual({ atMs: [10], columns: [[3.5], [3.5]] })
  expect(loads.meansOf('a')).toEqual({ atMs: [], columns: [[], []] })
})

test('a silence is a gap', () => {
  const loads = history()
  const silent = [undefined, undefined]
  for (const [at, look] of [[1, 1], [2, 2], silent, silent, [5, 5], [6, 6]].entries())
    loads.look(at, subjects({ a: look }))
  expect(loads.meansOf('a').columns[0]).toEqual([1.5, null, 5.5])
})
