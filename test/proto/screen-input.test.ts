import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeInput, encodeShown, readClientWord, readScreenSize } from '#proto/screen.ts'
import {
  axisMax,
  decodeEvents,
  devices,
  encodeEvents,
  HeldKeys,
  keyEvents,
  pointEvents,
  types,
} from '#proto/screen-input.ts'

describe('events', () => {
  test('law: what is written is read', () => {
    const event = fc.record({
      device: fc.nat(1),
      type: fc.nat(3),
      code: fc.nat(0xffff),
      value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), (events) => {
        expect(decodeEvents(encodeEvents(events))).toEqual(events)
      }),
    )
  })

  test('half an event, or one for a device that there is not, is refused', () => {
    const bytes = encodeEvents(keyEvents(devices.keyboard, 30, 1))
    expect(decodeEvents(bytes.subarray(0, 15))).toBeUndefined()
    bytes[0] = 2
    expect(decodeEvents(bytes)).toBeUndefined()
    bytes.set([0, 0x14])
    expect(decodeEvents(bytes)).toBeUndefined()
  })

  test('the pointer stays on its axes, wherever it is said to be', () => {
    const values = pointEvents(-3, 1.5).filter(({ type }) => type === types.absolute)
    expect(values.map(({ value }) => value)).toEqual([0, axisMax])
  })

  test('who goes away lets go of what it holds, and of nothing else', () => {
    const held = new HeldKeys()
    held.see(keyEvents(devices.keyboard, 42, 1))
    held.see(keyEvents(devices.keyboard, 30, 1))
    held.see(keyEvents(devices.keyboard, 30, 0))
    held.see(pointEvents(0, 0))
    expect(held.release()).toEqual(keyEvents(devices.keyboard, 42, 0))
    expect(held.release()).toEqual([])
  })

  test('a client that holds every key there is costs no more than a keyboard', () => {
    const held = new HeldKeys()
    for (let code = 0; code < 1000; code++) held.see(keyEvents(devices.keyboard, code, 1))
    expect(held.release().length).toBeLessThan(300)
  })
})

describe('words of a client', () => {
  test('it has shown a frame, or does something', () => {
    expect(readClientWord(encodeShown(70_000))).toEqual({ is: 'shown', frame: 70_000 })
    const events = encodeEvents(keyEvents(devices.keyboard, 30, 1))
    expect(readClientWord(encodeInput(events))).toEqual({ is: 'input', events })
  })

  test('anything else is no word', () => {
    for (const bytes of [[], [0], [3, 1], [1], [1, 2, 3, 4, 5, 6]])
      expect(readClientWord(Uint8Array.from(bytes))).toBeUndefined()
  })
})

test('a size is asked for in pixels, within limits', () => {
  expect(readScreenSize('800x600')).toEqual({ width: 800, height: 600 })
  for (const text of [
    '',
    '800',
    '800 x 600',
    '63x48',
    '64x47',
    '1921x1080',
    '800x1201',
    '-800x600',
  ])
    expect(readScreenSize(text)).toBeUndefined()
})
