// Names in lists: as people count.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareNames } from '#proto/name-order.ts'

test('a number is more when it is more, not when it begins higher', () => {
  const names = ['web-10', 'n10', 'web-2', 'n2', 'web', 'n1', 'n02', 'db']
  expect(names.sort(compareNames)).toEqual([
    'db',
    'n1',
    'n02',
    'n2',
    'n10',
    'web',
    'web-2',
    'web-10',
  ])
})

test('it is an order: of two different names one comes first, whoever asks', () => {
  const name = fc.stringMatching(/^[a-b0-2-]{1,6}$/)
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      expect(Math.sign(compareNames(a, b)) + Math.sign(compareNames(b, a))).toBe(0)
      expect(compareNames(a, b) === 0).toBe(a === b)
      if (compareNames(a, b) < 0 && compareNames(b, c) < 0)
        expect(compareNames(a, c)).toBeLessThan(0)
    }),
    { numRuns: 500 },
  )
})
