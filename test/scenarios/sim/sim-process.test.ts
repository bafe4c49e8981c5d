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

test('one that has hung does what it had to do; if that ends it, it has not gone on', () => {
  const process = new SimProcess('a', new VirtualClock())
  let goings = 0
  process.onGoOn(() => goings++)
  process.hang()
  process.goOn()
  expect(goings).toBe(1)
  process.hang()
  process.do(() => process.kill())
  process.goOn()
  expect(goings).toBe(1)
})
