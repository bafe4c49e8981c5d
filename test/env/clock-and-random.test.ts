// The acceptance suites of Clock and Random, and what only the virtual ones promise.

import { describe, expect, test } from 'vitest'
import type { Clock } from '#env/env.ts'
import { SeededRandom, VirtualClock } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'

const virtual = (() => {
  const clock = new VirtualClock(1000)
  return { clock, pass: async (ms: number) => clock.advance(ms) }
})()
const real = {
  clock: realClock as Clock,
  pass: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
}

describe.each([
  ['real', real],
  ['virtual', virtual],
])('a %s clock', (_name, { clock, pass }) => {
  test('does not go backwards', async () => {
    const before = clock.nowMs()
    await pass(5)
    expect(clock.nowMs()).toBeGreaterThanOrEqual(before)
  })

  test('wakes not before its time, and never inside the call', async () => {
    let wokenAtMs = 0
    const dueMs = clock.nowMs() + 20
    clock.wakeAt(dueMs, () => {
      wokenAtMs = clock.nowMs()
    })
    expect(wokenAtMs).toBe(0)
    while (wokenAtMs === 0) await pass(10)
    expect(wokenAtMs).toBeGreaterThanOrEqual(dueMs)
  })

  test('an instant in the past is woken soon, but not at once', async () => {
    let woken = false
    clock.wakeAt(clock.nowMs() - 100, () => {
      woken = true
    })
    expect(woken).toBe(false)
    while (!woken) await pass(1)
  })

  test('a cancelled alarm stays silent', async () => {
    let woken = false
    const cancel = clock.wakeAt(clock.nowMs() + 5, () => {
      woken = true
    })
    cancel()
    cancel()
    await pass(30)
    expect(woken).toBe(false)
  })
})

describe('the virtual clock', () => {
  test('rings alarms in order of time, and those of one instant in order of setting', () => {
    const clock = new VirtualClock()
    const rung: string[] = []
    clock.wakeAt(20, () => rung.push(`b@${clock.nowMs()}`))
    clock.wakeAt(10, () => {
      rung.push(`a@${clock.nowMs()}`)
      clock.wakeAt(15, () => rung.push(`late@${clock.nowMs()}`))
    })
    clock.wakeAt(20, () => rung.push(`c@${clock.nowMs()}`))
    expect(clock.nextAlarmMs).toBe(10)
    clock.advance(30)
    expect(rung).toEqual(['a@10', 'late@15', 'b@20', 'c@20'])
    expect(clock.nowMs()).toBe(30)
  })
})

describe.each([
  ['real', () => realRandom],
  ['seeded', () => new SeededRandom(7)],
])('a %s random', (_name, make) => {
  test('stays within its bounds and is not constant', () => {
    const random = make()
    const floats = Array.from({ length: 200 }, () => random.float())
    const whole = Array.from({ length: 200 }, () => random.below(6))
    expect(floats.every((x) => x >= 0 && x < 1)).toBe(true)
    expect(new Set(floats).size).toBeGreaterThan(100)
    expect(new Set(whole)).toEqual(new Set([0, 1, 2, 3, 4, 5]))
    expect(random.bytes(32)).toHaveLength(32)
  })
})

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed)
    return [random.float(), random.below(1000), [...random.bytes(8)]]
  }
  expect(draw(3)).toEqual(draw(3))
  expect(draw(3)).not.toEqual(draw(4))
})
