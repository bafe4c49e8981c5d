import { describe, expect, test } from 'vitest'
import { GuestPulse } from '#engine/pcpu/guest-pulse.ts'

const silent = { use: undefined, answers: 0 }
const answered = (answers: number) => ({ use: {}, answers })
/** All the time that it wanted. */
const idle = { ranMs: 0, stolenMs: 0 }

describe('the pulse of a guest', () => {
  test('nothing is known of one that has never answered', () => {
    const pulse = new GuestPulse()
    expect(pulse.isDue(silent, 0, 1000, idle)).toBe(false)
    expect(pulse.isSilent(1e6, 1000, idle)).toBe(false)
  })

  test('it is asked every ten seconds, or three times in a heartbeat', () => {
    const pulse = new GuestPulse()
    const due = (ms: number, heartbeatMs?: number) =>
      pulse.isDue(answered(1), ms, heartbeatMs, idle)
    expect([0, 9_999, 10_000].map((ms) => due(ms))).toEqual([true, false, true])
    expect([10_999, 11_000].map((ms) => due(ms, 3000))).toEqual([false, true])
  })

  test('it is silent from the first question that it leaves open until it answers', () => {
    const pulse = new GuestPulse()
    const isSilent = (ms: number) => pulse.isSilent(ms, 3000, idle)
    pulse.isDue(answered(1), 0, 3000, idle)
    pulse.isDue(answered(1), 1000, 3000, idle)
    expect([isSilent(2999), isSilent(3000)]).toEqual([false, true])
    pulse.isDue(answered(2), 2600, 3000, idle)
    expect([isSilent(5599), isSilent(5600)]).toEqual([false, true])
    pulse.forgive()
    expect(isSilent(9000)).toBe(false)
  })

  test('one that boots anew has said nothing, and owes nothing', () => {
    const pulse = new GuestPulse()
    pulse.isDue(answered(1), 0, 3000, idle)
    pulse.isDue({ use: undefined, answers: 1 }, 1000, 3000, idle)
    expect(pulse.isSilent(60_000, 3000, idle)).toBe(false)
  })

  test('one that may have next to nothing of its pCPU is not taken for hung', () => {
    const pulse = new GuestPulse()
    pulse.isDue(answered(1), 0, 3000, { ranMs: 500, stolenMs: 100 })
    const had = (ranMs: number, stolenMs: number) =>
      pulse.isSilent(4000, 3000, { ranMs: 500 + ranMs, stolenMs: 100 + stolenMs })
    expect(had(29, 3900)).toBe(false)
    // It was kept back for most of the time, and spins in what it had: that was enough to answer.
    expect(had(30, 3900)).toBe(true)
    // It wanted nothing: it sleeps.
    expect(had(0, 0)).toBe(true)
  })
})
