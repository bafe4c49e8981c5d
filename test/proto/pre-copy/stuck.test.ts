// What is done about a VM that writes faster than its pages are sent.

import { describe, expect, test } from 'vitest'
import { limitFactorMax, remedyFor, type Stuck } from '#proto/pre-copy/stuck.ts'

/** A round that sent `pages`, while so many were dirtied. */
const round = (pages: number, dirtyPages: number) => ({ pages, dirtyPages, bytes: 0, ms: 1 })
const stuck = (given: Partial<Stuck>): Stuck => ({
  policy: 'stop',
  downtimeMsMax: 30,
  expectedDowntimeMs: 200,
  rounds: [round(1000, 1000), round(1000, 1000)],
  roundsMax: 30,
  limitFactor: 1,
  percent: 100,
  fullPercent: 100,
  ...given,
})

describe('stop', () => {
  test('stops the VM for up to ten times the limit, and beyond leaves it where it is', () => {
    expect(remedyFor(stuck({ expectedDowntimeMs: 300 }))).toEqual({ do: 'stop' })
    expect(remedyFor(stuck({ expectedDowntimeMs: 301 }))).toEqual({ do: 'give-up' })
  })
})

test('give-up and post-copy do what they say', () => {
  expect(remedyFor(stuck({ policy: 'give-up' }))).toEqual({ do: 'give-up' })
  expect(remedyFor(stuck({ policy: 'post-copy' }))).toEqual({ do: 'post-copy' })
})

describe('raise-limit', () => {
  test('doubles it, up to its most, and then leaves the VM where it is', () => {
    const factors = []
    for (let limitFactor = 1; limitFactor !== undefined; ) {
      const remedy = remedyFor(stuck({ policy: 'raise-limit', limitFactor }))
      if (remedy.do !== 'raise-limit') break
      factors.push(remedy.factor)
      limitFactor = remedy.factor
    }
    expect(factors).toEqual([2, 4, 8, limitFactorMax])
  })
})

describe('throttle', () => {
  const percentAfter = (given: Partial<Stuck>) => {
    const remedy = remedyFor(stuck({ policy: 'throttle', ...given }))
    return remedy.do === 'throttle' ? remedy.percent : remedy.do
  }

  test('slows it down by as little as makes each round half of the one before', () => {
    expect(percentAfter({ rounds: [round(1000, 800)] })).toBe(62.5)
    expect(percentAfter({ rounds: [round(1000, 600)], percent: 50 })).toBe(40)
  })

  test('to a quarter, when all that it works on was dirtied: perhaps many times over', () => {
    expect(percentAfter({ rounds: [round(1000, 1000)] })).toBe(25)
    const all = [round(1000, 950)]
    expect(percentAfter({ rounds: all, percent: 60, fullPercent: 60 })).toBe(15)
    // It is slowed down, and dirties everything all the same: many times over, surely.
    expect(percentAfter({ rounds: all, percent: 25 })).toBe(3.1)
    expect(percentAfter({ rounds: all, percent: 0.5 })).toBe(0.1)
  })

  test('by a fifth at the least: what was tried did not suffice', () => {
    expect(percentAfter({ rounds: [round(1000, 510)] })).toBe(80)
  })

  test('when there is nothing left to take, it is stopped if that is bearable', () => {
    expect(percentAfter({ percent: 0.1, expectedDowntimeMs: 100 })).toBe('stop')
    expect(percentAfter({ percent: 0.1, expectedDowntimeMs: 1000 })).toBe('give-up')
    expect(percentAfter({ rounds: Array(30).fill(round(1, 1)), expectedDowntimeMs: 1000 })).toBe(
      'give-up',
    )
  })
})
