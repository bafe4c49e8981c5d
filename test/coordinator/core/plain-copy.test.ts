// A plain copy is what structuredClone makes, for all that a record may hold, and for what it may
// not.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainCopy } from '#coordinator/core/plain-copy.ts'

test('it is the same as a structured clone, and shares nothing with what it was made of', () => {
  const values = fc.anything({ withMap: true, withSet: true, withTypedArray: true, withDate: true })
  fc.assert(
    fc.property(values, (value) => {
      const copy = plainCopy(value)
      expect(copy).toStrictEqual(structuredClone(value))
      if (typeof value === 'object' && value !== null) expect(copy).not.toBe(value)
    }),
  )
})

test('what changes in the copy changes nowhere else', () => {
  const record = { disk: { layers: ['a'] }, rounds: [{ pages: 1 }] }
  const copy = plainCopy(record)
  copy.disk.layers.push('b')
  for (const round of copy.rounds) round.pages = 2
  expect(record).toEqual({ disk: { layers: ['a'] }, rounds: [{ pages: 1 }] })
})
