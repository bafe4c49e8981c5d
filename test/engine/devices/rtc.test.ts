import { describe, expect, test } from 'vitest'
import { Rtc } from '#engine/devices/rtc.ts'

const second = 1_000_000_000n

function board() {
  const seen = { interrupt: false, wallNs: 5n * second + (7n << 32n), alarmsSet: 0 }
  const rtc = new Rtc({
    wallNs: () => seen.wallNs,
    interrupt: (level) => {
      seen.interrupt = level
    },
    alarmSet: () => {
      seen.alarmsSet++
    },
  })
  const time = () => BigInt(rtc.read(0, 4) ?? 0) | (BigInt(rtc.read(4, 4) ?? 0) << 32n)
  const set = (low: number, high: number, ns: bigint) => {
    rtc.write(high, 4, Number(ns >> 32n))
    rtc.write(low, 4, Number(ns & 0xffff_ffffn))
  }
  return {
    rtc,
    seen,
    time,
    setTime: (ns: bigint) => set(0, 4, ns),
    setAlarm: (ns: bigint) => set(8, 0xc, ns),
  }
}

describe('the goldfish RTC', () => {
  test('reading the low half latches the high one', () => {
    const { rtc, seen, time } = board()
    expect(time()).toBe(seen.wallNs)
    rtc.read(0, 4)
    seen.wallNs += 1n << 32n
    expect(rtc.read(4, 4)).toBe(8)
  })

  test('an access of 8 bytes is one of both halves', () => {
    const { rtc, seen } = board()
    expect(rtc.readWide(0)).toBe(seen.wallNs)
    rtc.writeWide(8, 5n << 32n)
    rtc.writeWide(8, (6n << 32n) | 7n)
    expect(rtc.readWide(8)).toBe((6n << 32n) | 7n)
  })

  test('the guest may set it, and it runs on from there', () => {
    const { seen, time, setTime } = board()
    setTime(100n * second)
    seen.wallNs += second
    expect(time()).toBe(101n * second)
  })

  test('an alarm interrupts once when it is due and enabled', () => {
    const { rtc, seen, setAlarm, time } = board()
    rtc.write(0x10, 4, 1)
    setAlarm(time() + second)
    expect(seen.alarmsSet).toBe(1)
    expect([rtc.alarmInNs, rtc.read(0x18, 4), rtc.tick()]).toEqual([second, 1, false])
    seen.wallNs += 2n * second
    expect([rtc.alarmInNs, rtc.tick(), seen.interrupt]).toEqual([0n, true, true])
    rtc.write(0x1c, 4, 1)
    expect([seen.interrupt, rtc.tick(), rtc.alarmInNs]).toEqual([false, false, undefined])
  })

  test('an alarm can be cleared', () => {
    const { rtc, setAlarm, time } = board()
    setAlarm(time() + second)
    rtc.write(0x14, 4, 1)
    expect(rtc.alarmInNs).toBeUndefined()
  })

  test('a copy keeps the set time and the alarm', () => {
    const { rtc, setTime, setAlarm } = board()
    setTime(100n * second)
    setAlarm(101n * second)
    const copy = board()
    copy.rtc.restore(rtc.capture())
    expect(copy.rtc.capture()).toEqual(rtc.capture())
    expect(copy.time()).toBe(100n * second)
    expect(copy.rtc.alarmInNs).toBe(second)
  })
})
