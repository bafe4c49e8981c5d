// Clark et al., "Live Migration of Virtual Machines", NSDI 2005, §5.3-5.4: when to stop copying.

import { expect, test } from 'vitest'
import { decideAfterRound, type RoundMeasured } from '#proto/pre-copy/stop-rule.ts'

const limits = { downtimeMsMax: 30, roundsMax: 30, patienceRounds: 4, sinceRound: 0 }
/** A round at 100 MB/s that left so many pages dirty. */
const round = (dirtyPages: number, bytes = 10 << 20): RoundMeasured => ({
  bytes,
  ms: bytes / 100_000,
  dirtyPages,
})

test('an idle guest is stopped after its first round', () => {
  expect(decideAfterRound([round(0)], limits)).toMatchObject({
    ...{ verdict: 'stop', expectedDowntimeMs: 4 },
  })
})

test('the estimate: dirty bytes over measured bandwidth, plus the cost of a switchover', () => {
  const { verdict, expectedDowntimeMs } = decideAfterRound([round(200)], limits)
  expect(expectedDowntimeMs).toBeCloseTo((200 * 4096) / 100_000 + 4)
  expect(verdict).toBe('stop')
})

test('while the rest shrinks, another round is worth its time', () => {
  expect(decideAfterRound([round(20_000), round(9000), round(4000)], limits).verdict).toBe('again')
})

test('a working set that will not shrink is stuck, as soon as patience ends', () => {
  const rounds = Array.from({ length: 5 }, () => round(2000))
  expect(decideAfterRound(rounds.slice(0, 4), limits).verdict).toBe('again')
  expect(decideAfterRound(rounds, limits).verdict).toBe('stuck')
  const hasty = { ...limits, patienceRounds: 2 }
  expect(decideAfterRound(rounds.slice(0, 3), hasty).verdict).toBe('stuck')
})

test('of a guest that writes again all that is sent two such rounds tell as much as four others', () => {
  const all = Array.from({ length: 3 }, () => round(2560))
  expect(decideAfterRound(all.slice(0, 2), limits).verdict).toBe('again')
  expect(decideAfterRound(all, limits).verdict).toBe('stuck')
  expect(decideAfterRound([round(9000), round(5000), round(2560)], limits).verdict).toBe('again')
  const hasty = { ...limits, patienceRounds: 1 }
  expect(decideAfterRound(all.slice(0, 2), hasty).verdict).toBe('stuck')
})

test('what was before the conditions changed says nothing of progress', () => {
  const rounds = Array.from({ length: 6 }, () => round(3000))
  expect(decideAfterRound(rounds, { ...limits, sinceRound: 4 }).verdict).toBe('again')
})

test('no more rounds than allowed', () => {
  const shrinking = [round(8000), round(4000)]
  expect(decideAfterRound(shrinking, { ...limits, roundsMax: 2 }).verdict).toBe('stuck')
})

test('a round too small to measure does not spoil the bandwidth', () => {
  const tiny = { bytes: 4096, ms: 20, dirtyPages: 500 }
  expect(decideAfterRound([round(600), tiny], limits).verdict).toBe('stop')
})

test('a VM that could be stopped runs on for a round that leaves much less', () => {
  // 105 ms for 10 MiB: what is left takes 20 ms, in which a fifth of it is dirtied.
  expect(decideAfterRound([round(500)], limits)).toMatchObject({
    verdict: 'again',
    isBearable: true,
  })
  const slow = { ...limits, downtimeMsMax: 300 }
  expect(decideAfterRound([round(2000)], slow).verdict).toBe('stop') // 82 of 105 ms.
  expect(decideAfterRound([round(2000), round(1900, 2000 * 4096)], slow).verdict).toBe('stop')
  expect(decideAfterRound([round(500)], { ...limits, roundsMax: 1 }).verdict).toBe('stop')
})
