// The pace of guesses and of requests, in a time of its own.

import { expect, test } from 'vitest'
import { LoginPace } from '#coordinator/accounts/login-pace.ts'
import { TokenBuckets } from '#coordinator/accounts/token-bucket.ts'

const keys = ['account ann', 'address a'] as const

test('three tries are free; then each next one waits twice as long, to a minute', () => {
  const pace = new LoginPace()
  const waits: number[] = []
  for (let nowMs = 0, n = 0; n < 11; n++) {
    const waitMs = pace.waitMs(keys, nowMs)
    waits.push(waitMs)
    nowMs += Math.max(0, waitMs)
    pace.count(keys, nowMs)
  }
  expect(waits).toEqual([0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
})

test('an account is guessed at from many addresses no faster, nor many accounts from one', () => {
  const pace = new LoginPace()
  for (let n = 0; n < 4; n++) pace.count(['account ann', `address ${n}`], 0)
  expect(pace.waitMs(['account ann', 'address new'], 0)).toBeGreaterThan(0)
  expect(pace.waitMs(['account bob', 'address 0'], 0)).toBe(0)
  for (let n = 0; n < 4; n++) pace.count([`account ${n}`, 'address one'], 0)
  expect(pace.waitMs(['account new', 'address one'], 0)).toBeGreaterThan(0)
})

test('a right password ends the wait of its account, but not that of its address', () => {
  const pace = new LoginPace()
  for (let n = 0; n < 6; n++) pace.count(keys, 0)
  pace.forgive(...keys)
  expect(pace.waitMs(['account ann'], 0)).toBe(0)
  expect(pace.waitMs(['address a'], 0)).toBeGreaterThan(0)
  expect(pace.waitMs(['address a'], 16 * 60_000)).toBe(0)
})

test('a bucket of requests empties, says when to come again, and fills up again', () => {
  const buckets = new TokenBuckets()
  const taken = (isStranger: boolean, key: string) => {
    let count = 0
    while (buckets.take(key, 0, isStranger) === 0) count++
    return count
  }
  expect(taken(false, 'ann')).toBe(300)
  expect(taken(true, '10.0.0.7')).toBe(60)
  expect(buckets.take('ann', 0, false)).toBe(10)
  expect(buckets.take('bob', 0, false)).toBe(0)
  expect(buckets.take('ann', 10, false)).toBe(0)
  expect(buckets.take('ann', 10, false)).toBeGreaterThan(0)
})
