// A clock that goes as it is told: it never jumps, no alarm rings before its time, and all threads
// read the same.

import { expect, test } from 'vitest'
import { driftingClock, SharedDrift } from '#env/drifting-clock.ts'
import { VirtualClock } from '#env/memory.ts'

function drifting() {
  const world = new VirtualClock()
  const drift = new SharedDrift()
  const clock = driftingClock(world, drift)
  const rings: number[] = []
  const setFor = (atMs: number) => clock.wakeAt(atMs, () => rings.push(clock.nowMs()))
  return { world, drift, clock, rings, setFor }
}

test('it goes as the one below, until it is told otherwise, and then without a jump', () => {
  const { world, drift, clock } = drifting()
  world.advance(1000)
  expect(clock.nowMs()).toBe(1000)
  drift.change(0.98, world.nowMs())
  expect(clock.nowMs()).toBe(1000)
  world.advance(1000)
  expect(clock.nowMs()).toBeCloseTo(1980, 9)
  drift.change(1.02, world.nowMs())
  world.advance(1000)
  expect(clock.nowMs()).toBeCloseTo(3000, 9)
})

test('an alarm rings by it, and never before its time, also when it goes more slowly by then', () => {
  const { world, drift, rings, setFor } = drifting()
  setFor(1000)
  setFor(2000)
  drift.change(0.98, 0)
  world.advance(1000)
  expect(rings).toEqual([])
  world.advance(2000)
  expect(rings).toHaveLength(2)
  for (const [at, due] of [1000, 2000].entries()) {
    expect(rings[at]).toBeGreaterThanOrEqual(due)
    expect(rings[at]).toBeCloseTo(due, 6)
  }
})

test('an alarm that was set again for it can be cancelled all the same', () => {
  const { world, drift, rings, setFor } = drifting()
  const cancel = setFor(1000)
  drift.change(0.98, 0)
  world.advance(1001)
  cancel()
  world.advance(1000)
  expect(rings).toEqual([])
})

test('another thread reads the same by what the first has changed', () => {
  const { world, drift } = drifting()
  const other = new SharedDrift(drift.buffer)
  world.advance(500)
  drift.change(1.015, world.nowMs())
  expect(other.rate).toBe(1.015)
  expect(other.read(1500)).toBe(drift.read(1500))
})
