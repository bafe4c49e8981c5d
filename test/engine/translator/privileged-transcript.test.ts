// The law of two engines for programs that own the machine: interpreter and translator give the
// same transcript, whatever happens to modes, page tables, protection and interrupts meanwhile.
// HOT_SEED replays one; HOT_SEEDS says how many.

import { expect, test } from 'vitest'
import { privilegedHart, trapCounter } from './privileged-soup.ts'
import { play } from './two-engines.ts'

const { HOT_SEED: seedAsked, HOT_SEEDS: countAsked, HOT_FROM: from = '0' } = process.env
const first = Number(seedAsked ?? from)
const count = seedAsked ? 1 : Number(countAsked ?? 16)
const instructions = 10_000

test('random programs in M-mode end alike on both engines', () => {
  let regions = 0
  for (let seed = first; seed < first + count; seed++) {
    const played = play(seed, instructions, privilegedHart)
    expect(played.difference).toBeUndefined()
    regions += played.regions
  }
  expect(regions).toBeGreaterThan(count)
}, 60_000)

test('they trap in all modes, and go on', () => {
  const hart = privilegedHart(first, 0)
  hart.core.run(100_000)
  expect(hart.get(trapCounter)).toBeGreaterThan(100n)
  expect(hart.core.retired).toBeGreaterThan(1000)
})
