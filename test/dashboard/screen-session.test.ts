// What a session makes of frames and of a person, without a browser.

import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keptKeysMax, placeOn, ScreenSession } from '#dashboard/screen-session.ts'
import { readClientWord } from '#proto/screen.ts'
import { encodeBody, encodeFrame } from '#proto/screen-frame.ts'
import { decodeEvents, devices, type InputEvent, keyEvents, types } from '#proto/screen-input.ts'

const size = { width: 64, height: 48 }
const header = (epoch: number) => JSON.stringify({ vmId: 'desk', epoch, nodeId: 'n1', ...size })

function frame(number: number, colour: number): ArrayBuffer {
  const solid = [{ page: 0, pages: 3, colour }]
  const body = encodeBody({ solid, pages: [], bytes: new Uint8Array(0) })
  const about = { frame: number, ...size, pages: 3 }
  return encodeFrame(about, body.length, deflateRawSync(body)).buffer
}

function opened() {
  const [shown, events, pictures, headers]: [number[], InputEvent[], number[], boolean[]] = [
    [],
    [],
    [],
    [],
  ]
  const link = { isUp: true }
  const waits: [kept: number, lost: number][] = []
  const session = new ScreenSession({
    send: (bytes) => {
      const word = readClientWord(bytes)
      if (link.isUp && word?.is === 'shown') shown.push(word.frame)
      if (link.isUp && word?.is === 'input') events.push(...(decodeEvents(word.events) ?? []))
      return link.isUp
    },
    inflate: async (packed, bytesMax) => {
      const body = inflateRawSync(packed)
      return body.length > bytesMax ? undefined : body
    },
    onHeader: (_, isBack) => headers.push(isBack),
    onPicture: (rgba) => pictures.push(rgba[0] ?? 0),
    onWaiting: (kept, lost) => waits.push([kept, lost]),
  })
  return { session, link, shown, events, pictures, headers, waits }
}

describe('keys while the coordinator is away', () => {
  const codes = (events: readonly InputEvent[]) =>
    events.filter(({ type }) => type === types.key).map(({ code, value }) => `${code}:${value}`)

  test('are sent when it is back, once and in order, and come up again', () => {
    const { session, link, events, waits } = opened()
    link.isUp = false
    session.key(30, 1)
    session.key(30, 2)
    session.key(30, 0)
    session.key(31, 1)
    session.release()
    expect(waits.at(-1)).toEqual([2, 0])
    link.isUp = true
    session.comeBack()
    session.comeBack()
    session.key(32, 1)
    expect(codes(events)).toEqual(['30:1', '30:0', '31:1', '31:0', '32:1'])
    expect(waits.at(-1)).toEqual([0, 0])
  })

  test('that were down before come up behind what was typed meanwhile', () => {
    const { session, link, events } = opened()
    session.key(42, 1)
    link.isUp = false
    session.key(30, 1)
    session.key(30, 0)
    session.key(42, 0)
    link.isUp = true
    session.comeBack()
    expect(codes(events)).toEqual(['42:1', '30:1', '30:0', '42:0'])
  })

  test('are counted as lost when there are too many, and no key stays down', () => {
    const { session, link, events, waits } = opened()
    link.isUp = false
    for (let n = 0; n < keptKeysMax + 5; n++) {
      session.key(30, 1)
      session.key(30, 0)
    }
    expect(waits.at(-1)).toEqual([keptKeysMax, 5])
    link.isUp = true
    session.comeBack()
    expect(codes(events)).toHaveLength(2 * keptKeysMax)
    expect(codes(events).at(-1)).toBe('30:0')
  })

  test('go before what was pasted, of which nothing is lost either', () => {
    const { session, link, events } = opened()
    session.paste('aaaaab')
    session.nextFrame()
    link.isUp = false
    session.nextFrame()
    session.key(31, 1)
    session.key(31, 0)
    session.nextFrame()
    link.isUp = true
    session.nextFrame()
    expect(codes(events)).toHaveLength(8)
    session.comeBack()
    session.nextFrame()
    session.nextFrame()
    const later = ['31:1', '31:0', '30:1', '30:0', '48:1', '48:0']
    expect(codes(events).slice(8)).toEqual(later)
  })

  test('are all that waits: what the pointer did was done to an old picture', () => {
    const { session, link, events } = opened()
    link.isUp = false
    session.point(0.5, 0.5)
    session.buttons(1)
    session.buttons(0)
    session.wheel(1)
    link.isUp = true
    session.comeBack()
    expect(events).toEqual([])
  })
})

describe('frames', () => {
  test('are drawn in order, and each said to be shown when it is', async () => {
    const { session, shown, pictures } = opened()
    session.hear(header(1))
    session.hear(frame(1, 0x110000))
    session.hear(frame(2, 0x220000))
    await expect.poll(() => shown).toEqual([1, 2])
    expect(pictures).toEqual([0x11, 0x22])
  })

  test('of another size, or before a header, or none at all, are passed over', async () => {
    const { session, shown } = opened()
    session.hear(frame(1, 0))
    session.hear(JSON.stringify({ vmId: 'desk', epoch: 1, width: 65, height: 48 }))
    session.hear(frame(2, 0))
    session.hear('no header')
    session.hear(new ArrayBuffer(3))
    session.hear(header(1))
    session.hear(frame(3, 0))
    await expect.poll(() => shown).toEqual([3])
  })

  test('a header of another epoch says that the session is back', () => {
    const { session, headers } = opened()
    for (const epoch of [1, 1, 2]) session.hear(header(epoch))
    expect(headers).toEqual([false, false, true])
  })
})

describe('a person', () => {
  test('holds what went out or waits, and lets go of it', () => {
    const { session, link, events } = opened()
    session.key(42, 1)
    link.isUp = false
    session.key(30, 1)
    session.release()
    link.isUp = true
    session.comeBack()
    const key = (code: number, value: 0 | 1) => keyEvents(devices.keyboard, code, value)
    expect(events.slice(2)).toEqual([...key(30, 1), ...key(42, 0), ...key(30, 0)])
  })

  test('points: only the last place goes out, and a button goes down where the pointer is', () => {
    const { session, events } = opened()
    session.point(0, 0)
    session.point(1, 1)
    session.buttons(1)
    session.movePointer()
    const places = events.filter(({ type }) => type === types.absolute).map(({ value }) => value)
    expect(places).toEqual([32767, 32767])
    expect(events.at(-2)).toMatchObject({ type: types.key, code: 0x110, value: 1 })
  })

  test('writes letters as keys, and leaves out what no key writes', () => {
    const { session, events } = opened()
    session.write('aéB')
    const keys = events.filter(({ type }) => type === types.key).map((e) => [e.code, e.value])
    expect(keys).toEqual([
      [30, 1],
      [30, 0],
      [42, 1],
      [48, 1],
      [48, 0],
      [42, 0],
    ])
  })
})

describe('where on the screen a point of its box is', () => {
  test('the picture is in the middle of a box of another shape', () => {
    const box = { width: 200, height: 100 }
    expect(placeOn({ width: 100, height: 100 }, box, { x: 50, y: 0 })).toEqual({ x: 0, y: 0 })
    expect(placeOn({ width: 100, height: 100 }, box, { x: 100, y: 50 })).toEqual({ x: 0.5, y: 0.5 })
    expect(placeOn({ width: 100, height: 100 }, box, { x: 10, y: 90 }).x).toBe(0)
  })

  test('law: wherever it is, it is on the screen', () => {
    const length = fc.integer({ min: 1, max: 3000 })
    const shape = fc.record({ width: length, height: length })
    const at = fc.record({ x: fc.integer({ min: -99, max: 3000 }), y: fc.nat(3000) })
    fc.assert(
      fc.property(shape, shape, at, (screen, box, point) => {
        for (const part of Object.values(placeOn(screen, box, point))) {
          expect(part).toBeGreaterThanOrEqual(0)
          expect(part).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})
