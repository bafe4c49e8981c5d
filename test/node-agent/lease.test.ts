// The node's side of Gray and Cheriton's leases: never later than the coordinator believes.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holdsLease, type LeaseInput, newLease, stepLease } from '#node-agent/lease.ts'

const leaseMs = 1000

test('a lease counts from when the heartbeat was sent, not from when the answer came', () => {
  const lease = newLease()
  stepLease(lease, { on: 'heartbeat-sent', seq: 0, nowMs: 100 })
  const effects = stepLease(lease, { on: 'acknowledged', seq: 0, leaseMs, nowMs: 400 })
  expect(effects).toEqual([
    { do: 'run-until', atMs: 1100 },
    { do: 'wake-at', atMs: 1100 },
  ])
  expect(holdsLease(lease, 1099)).toBe(true)
  expect(holdsLease(lease, 1100)).toBe(false)
})

test('the alarm finds a renewed lease and sets itself again; without renewal it fences', () => {
  const lease = newLease()
  stepLease(lease, { on: 'heartbeat-sent', seq: 0, nowMs: 0 })
  stepLease(lease, { on: 'acknowledged', seq: 0, leaseMs, nowMs: 1 })
  stepLease(lease, { on: 'heartbeat-sent', seq: 1, nowMs: 500 })
  expect(stepLease(lease, { on: 'acknowledged', seq: 1, leaseMs, nowMs: 501 })).toEqual([
    { do: 'run-until', atMs: 1500 },
  ])
  expect(stepLease(lease, { on: 'woken', nowMs: 1000 })).toEqual([{ do: 'wake-at', atMs: 1500 }])
  expect(stepLease(lease, { on: 'woken', nowMs: 1500 })).toEqual([{ do: 'fence' }])
  expect(stepLease(lease, { on: 'woken', nowMs: 1600 })).toEqual([])
})

test('a process that slept through its lease fences before it takes the answer that waited', () => {
  const lease = newLease()
  stepLease(lease, { on: 'heartbeat-sent', seq: 0, nowMs: 0 })
  stepLease(lease, { on: 'acknowledged', seq: 0, leaseMs, nowMs: 1 })
  stepLease(lease, { on: 'heartbeat-sent', seq: 1, nowMs: 900 })
  const late = stepLease(lease, { on: 'acknowledged', seq: 1, leaseMs, nowMs: 1200 })
  expect(late.map((effect) => effect.do)).toEqual(['fence', 'run-until', 'wake-at'])
})

test('an answer to a heartbeat nobody sent, or one that is too old, renews nothing', () => {
  const lease = newLease()
  stepLease(lease, { on: 'heartbeat-sent', seq: 0, nowMs: 0 })
  expect(stepLease(lease, { on: 'acknowledged', seq: 7, leaseMs, nowMs: 10 })).toEqual([])
  expect(stepLease(lease, { on: 'acknowledged', seq: 0, leaseMs, nowMs: 1000 })).toEqual([])
  expect(lease.phase).toBe('none')
})

test('law: whatever is lost or late, none runs beyond the last answered sending + lease', () => {
  const move = fc.record({
    waitMs: fc.integer({ min: 0, max: 700 }),
    what: fc.constantFrom('send', 'answer', 'wake'),
    back: fc.nat(3),
  })
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const lease = newLease()
      const sentAtMs: number[] = []
      let [nowMs, lastAnswered, fenced] = [0, Number.NEGATIVE_INFINITY, false]
      for (const { waitMs, what, back } of moves) {
        nowMs += waitMs
        const seq = Math.max(0, sentAtMs.length - 1 - back)
        const input: LeaseInput =
          what === 'send'
            ? { on: 'heartbeat-sent', seq: sentAtMs.push(nowMs) - 1, nowMs }
            : what === 'wake'
              ? { on: 'woken', nowMs }
              : { on: 'acknowledged', seq, leaseMs, nowMs }
        const effects = stepLease(lease, input)
        if (what === 'answer') lastAnswered = Math.max(lastAnswered, sentAtMs[seq] ?? -1e9)
        fenced = effects.some((effect) => effect.do === 'fence') || fenced
        expect(lease.runUntilMs).toBeLessThanOrEqual(Math.max(0, lastAnswered + leaseMs))
        if (holdsLease(lease, nowMs)) expect(nowMs).toBeLessThan(lastAnswered + leaseMs)
        if (lease.phase === 'expired') expect(fenced).toBe(true)
      }
    }),
  )
})
