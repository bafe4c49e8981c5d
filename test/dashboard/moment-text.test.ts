// A moment as the page says it.

import { expect, test } from 'vitest'
import { momentText } from '../../dashboard/moment-text.ts'

test('has its date when it is of another day than now', () => {
  const at = (day: number, hour: number) => new Date(2026, 3, day, hour, 5, 9).getTime()
  expect(momentText(at(11, 14), at(11, 23))).toMatch(/^14.05.09$/)
  expect(momentText(at(11, 14), at(12, 0))).toMatch(/^2026-04-11 14.05.09$/)
})
