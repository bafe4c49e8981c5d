// A post-copy asks ahead for what its link carries, no more.

import { expect, it } from 'vitest'
import { ReadAhead, requestsMost } from '#node-agent/migration/read-ahead.ts'

/** What is asked ahead after 50 answers over a link of that latency, in ms, and ms a request. */
function settled(latencyMs: number, transferMs: number): number[] {
  const ahead = new ReadAhead()
  const seen = Array.from({ length: 50 }, () => {
    ahead.answered(latencyMs + ahead.requests * transferMs)
    return ahead.requests
  })
  return seen.slice(20)
}

it('fills a far link', () => {
  expect(Math.min(...settled(20, 1))).toBe(requestsMost)
})

it('leaves the way free on a near one, fast or slow', () => {
  expect(Math.max(...settled(0.1, 0.3))).toBeLessThanOrEqual(2)
  expect(Math.max(...settled(0.1, 13))).toBeLessThanOrEqual(2)
})

it('asks for one at least, however long the answers take', () => {
  const ahead = new ReadAhead()
  for (const ms of [1, 100, 100, 100]) ahead.answered(ms)
  expect(ahead.requests).toBe(1)
})
