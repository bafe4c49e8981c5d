import { expect, test } from 'vitest'
import { GuestClock } from '#engine/guest-clock.ts'

function clocks() {
  const host = { ms: 1_000_000.25, nowMs: () => host.ms, wallMs: () => 0 }
  return { host, clock: new GuestClock(host) }
}

test('guest time begins at 0 and runs at 10 MHz while the VM runs', () => {
  const { host, clock } = clocks()
  host.ms += 5
  expect(clock.ticks()).toBe(0)
  clock.start()
  host.ms += 5
  expect(clock.ticks()).toBe(50_000)
})

test('it stands still while the VM is paused', () => {
  const { host, clock } = clocks()
  clock.start()
  host.ms += 1
  clock.stop()
  host.ms += 1000
  clock.start()
  host.ms += 1
  expect(clock.ticks()).toBe(20_000)
})

test('it never goes back, whatever the host does', () => {
  const { host, clock } = clocks()
  clock.start()
  host.ms += 5
  clock.ticks()
  host.ms -= 3
  expect(clock.ticks()).toBe(50_000)
})

test('it goes on from where another VM’s stood', () => {
  const { host, clock } = clocks()
  clock.set(123)
  host.ms += 5
  clock.start()
  host.ms += 1
  expect(clock.ticks()).toBe(10_123)
})
