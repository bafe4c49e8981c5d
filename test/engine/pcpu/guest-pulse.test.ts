import { describe, expect, test } from 'vitest'
import { GuestPulse } from '#engine/pcpu/guest-pulse.ts'

const silent = { use: undefined, answers: 0 }
const answered = (answers: number) => ({ use: {}, answers })

describe('the pulse of a guest', () => {
  test('nothing is known of one that has never answered', () => {
    const pulse = new GuestPulse()
    expect(pulse.isDue(silent, 0, 1000)).toBe(false)
    expect(pulse.silentMs(1e6)).toBe(0)
  })

  test('it is asked every ten seconds, or three times in a heartbeat', () => {
    const pulse = new GuestPulse()
    const due = (ms: number, heartbeatMs?: number) => pulse.isDue(answered(1), ms, heartbeatMs)
    expect([0, 9_999, 10_000].map((ms) => due(ms))).toEqual([true, false, true])
    expect([10_999, 11_000].map((ms) => due(ms, 3000))).toEqual([false, true])
  })

  test('it is silent from the first question that it leaves open until it answers', () => {
    const pulse = new GuestPulse()
    pulse.isDue(answered(1), 0, 3000)
    pulse.isDue(answered(1), 1000, 3000)
    expect(pulse.silentMs(2500)).toBe(2500)
    pulse.isDue(answered(2), 2600, 3000)
    expect(pulse.silentMs(2700)).toBe(100)
    pulse.forgive()
    expect(pulse.silentMs(9000)).toBe(0)
  })

  test('one that boots anew has said nothing, and owes nothing', () => {
    const pulse = new GuestPulse()
    pulse.isDue(answered(1), 0, 3000)
    pulse.isDue({ use: undefined, answers: 1 }, 1000, 3000)
    expect(pulse.silentMs(60_000)).toBe(0)
  })
})
