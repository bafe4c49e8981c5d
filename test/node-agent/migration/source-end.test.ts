// What the record of a migration says that ended in the middle of a round.

import { expect, test } from 'vitest'
import { stepSource } from '#node-agent/migration/source.ts'
import { recordOf } from '#node-agent/migration/source-end.ts'
import { countSent } from '#node-agent/migration/source-rounds.ts'
import { newSource } from '#node-agent/migration/source-state.ts'
import { planOf } from './two-ends.ts'

test('what had left of an unfinished round counts, and nothing counts twice', () => {
  const state = newSource(planOf('migrate'), 0)
  stepSource(state, { on: 'sending', pages: 10, bytes: 40_000, nowMs: 4 })
  expect(recordOf(state, 5)).toMatchObject({ bytes: 40_000, pages: 0, rounds: [] })
  countSent(state, { frames: 1, pages: 20, zeroPages: 0, bytes: 80_000 })
  expect(recordOf(state, 9)).toMatchObject({ bytes: 80_000, pages: 20 })
})
