// The bandwidth limit of a migration.

import { expect, test } from 'vitest'
import { newPace, pieceBytesMax, spend } from '#node-agent/migration/pace.ts'

test('without a limit nobody waits', () => {
  expect(spend(newPace(0, 0), 1e9, 0)).toBe(0)
})

test('over any second no more is sent than the limit and one burst', () => {
  const pace = newPace(1_000_000, 0)
  let [nowMs, sent] = [0, 0]
  while (nowMs < 10_000) {
    sent += 50_000
    nowMs += spend(pace, 50_000, nowMs)
  }
  expect(sent / (nowMs / 1000)).toBeGreaterThan(950_000)
  expect(sent / (nowMs / 1000)).toBeLessThan(1_050_000)
})

test('what was not used is saved up for a tenth of a second only', () => {
  const pace = newPace(1_000_000, 0)
  expect(spend(pace, 200_000, 60_000)).toBe(100)
})

test('pieces are small under a low limit', () => {
  expect(pieceBytesMax(newPace(100_000, 0))).toBe(10_000)
})
