import { describe, expect, test } from 'vitest'
import { answered, refused, SbiError } from '#engine/sbi/call.ts'
import { Watchdog, watchdog } from '#engine/sbi/watchdog.ts'
import { SnapshotError } from '#engine/snapshots/section-bytes.ts'
import { captureSections, restoreSections } from '#engine/snapshots/vm-sections.ts'

const ticksPerMs = 10_000

function guest() {
  const dog = new Watchdog()
  let [now, looks] = [0, 0]
  const ports = {
    watchdog: dog,
    ticks: () => now,
    lookAgain: () => {
      looks++
    },
  }
  const say = (ms: number | bigint, fid = 0n) => watchdog(fid, [BigInt(ms)], ports as never)
  const pass = (ms: number) => {
    now += ms * ticksPerMs
  }
  return { dog, say, pass, barks: () => dog.barks(now), looks: () => looks }
}

describe('the watchdog', () => {
  test('barks when its guest is not heard of in time, and not before', () => {
    const { say, pass, barks, looks } = guest()
    expect(say(100)).toEqual(answered())
    expect(looks()).toBe(1)
    pass(99)
    expect(barks()).toBeUndefined()
    say(100)
    pass(99)
    expect(barks()).toBeUndefined()
    pass(1)
    expect(barks()).toContain('not heard of for 100 ms')
  })

  test('is off until it is asked for, and again when it is told so', () => {
    const { dog, say, pass, barks } = guest()
    pass(1e6)
    expect(barks()).toBeUndefined()
    expect(dog.dueTicks).toBe(Number.POSITIVE_INFINITY)
    say(10)
    say(0)
    pass(1e6)
    expect(barks()).toBeUndefined()
  })

  test('of an hour at most; other functions are not there', () => {
    const { dog, say } = guest()
    expect(say(3_600_001)).toEqual(refused(SbiError.invalidParam))
    expect(say(2n ** 63n)).toEqual(refused(SbiError.invalidParam))
    expect(say(1, 1n)).toEqual(refused(SbiError.notSupported))
    expect(dog.isAtRest).toBe(true)
  })

  test('travels with the VM, and only with one that uses it', () => {
    const { dog, say } = guest()
    expect(captureSections([dog])).toEqual([])
    say(100)
    const sections = captureSections([dog])
    const other = new Watchdog()
    restoreSections([other], sections)
    expect(other.dueTicks).toBe(dog.dueTicks)
    restoreSections([other], [])
    expect(other.isAtRest).toBe(true)
    expect(() => restoreSections([], sections)).toThrow(SnapshotError)
  })
})
