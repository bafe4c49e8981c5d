// What is due first of a machine's alarms, and what stands for "never".

import { describe, expect, test } from 'vitest'
import { type Alarms, nextAlarmTicks } from '#engine/alarms.ts'

const never = Number.POSITIVE_INFINITY
const none: Alarms = {
  nowTicks: 1000,
  timerTicks: never,
  rtcInNs: undefined,
  watchdogTicks: never,
}

describe('the next alarm', () => {
  test('is the first of timer, watchdog and clock, whose ns count from now', () => {
    expect(nextAlarmTicks(none)).toBe(never)
    expect(nextAlarmTicks({ ...none, timerTicks: 5000, watchdogTicks: 4000 })).toBe(4000)
    expect(nextAlarmTicks({ ...none, timerTicks: 5000, rtcInNs: 201n })).toBe(1003)
  })

  test('is none when it is so far away that ticks are no longer exact', () => {
    expect(nextAlarmTicks({ ...none, timerTicks: 2 ** 63 })).toBe(never)
    expect(nextAlarmTicks({ ...none, rtcInNs: 2n ** 63n })).toBe(never)
    expect(nextAlarmTicks({ ...none, timerTicks: 2 ** 52 })).toBe(2 ** 52)
  })
})
