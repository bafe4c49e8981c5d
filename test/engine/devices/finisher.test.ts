import { expect, test } from 'vitest'
import { Finisher, type GuestEnd } from '#engine/devices/finisher.ts'

test.each([
  [0x5555, 'shut-down'],
  [0x7777, 'reboot'],
  [0x0007_3333, 'crashed'],
])('writing %i ends the run: %s', (value, reason) => {
  const ends: GuestEnd[] = []
  new Finisher((end) => ends.push(end)).write(0, 4, value)
  expect(ends).toMatchObject([{ reason }])
})

test('a failure carries the exit code, and any other value is ignored', () => {
  const ends: GuestEnd[] = []
  const finisher = new Finisher((end) => ends.push(end))
  finisher.write(0, 4, 0x1234)
  finisher.write(4, 4, 0x5555)
  expect(ends).toEqual([])
  finisher.write(0, 4, 0x0007_3333)
  expect(ends[0]?.detail).toContain('failure 7')
})
