// The law of two engines: interpreter and translator give the same transcript, instruction for
// instruction, for random programs that run hot. HOT_SEED replays one; HOT_SEEDS says how many.

import { describe, expect, test } from 'vitest'
import { play } from './two-engines.ts'

const { HOT_SEED: seedAsked, HOT_SEEDS: countAsked, HOT_FROM: from = '0' } = process.env
const first = Number(seedAsked ?? from)
const count = seedAsked ? 1 : Number(countAsked ?? 32)
const instructions = 60_000
const perTest = 8

describe('random hot programs end alike on both engines', () => {
  const batches = Array.from({ length: Math.ceil(count / perTest) }, (_, n) => first + n * perTest)
  test.each(batches)('seeds from %d on', (from) => {
    let regions = 0
    for (let seed = from; seed < Math.min(from + perTest, first + count); seed++) {
      const played = play(seed, instructions)
      expect(played.difference).toBeUndefined()
      regions += played.regions
    }
    expect(regions).toBeGreaterThan(0)
  })
})
