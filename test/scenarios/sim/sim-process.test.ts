// The clock of a simulated process: it may go otherwise from one instant on, without a jump, and
// what it was to ring for rings by the new rate.

import { expect, test } from 'vitest'
import { VirtualClock } from '#env/memory.ts'
import { SimProcess } from '#scenarios/sim/sim-process.ts'

test('a clock that begins to drift does not jump, and rings its alarms by its own time', () => {
  const world = new VirtualClock()
  const process = new SimProcess('a', world)
  const rang: [string, number][] = []
  const note = (name: string) => () => void rang.push([name, Math.round(world.nowMs())])
  world.advance(1000)
  process.wakeAt(3000, note('before'))
  const cancel = process.wakeAt(2500, note('never'))
  process.changeRate(2)
  expect(process.nowMs()).toBe(1000)
  process.wakeAt(4000, note('after'))
  cancel()
  world.advance(500)
  expect(process.nowMs()).toBe(2000)
  process.changeRate(0.5)
  world.advance(10_000)
  expect(rang).toEqual([
    ['before', 3500],
    ['after', 5500],
  ])
})
