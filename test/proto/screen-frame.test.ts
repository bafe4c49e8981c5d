import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyChange,
  encodeBody,
  encodeFrame,
  pagesOfScreen,
  readBody,
  readFrame,
  type ScreenChange,
} from '#proto/screen-frame.ts'

const size = { width: 100, height: 50 }
const pages = pagesOfScreen(size.width, size.height)
const header = { frame: 3, ...size, pages: 2 }

const change: fc.Arbitrary<ScreenChange> = fc
  .record({
    solid: fc.array(
      fc.record({
        page: fc.nat(pages - 2),
        pages: fc.integer({ min: 1, max: 2 }),
        colour: fc.nat(0xffffff),
      }),
      { maxLength: 4 },
    ),
    pages: fc.uniqueArray(fc.nat(pages - 1), { maxLength: pages }),
    seed: fc.nat(255),
  })
  .map(({ seed, ...rest }) => ({
    ...rest,
    bytes: Uint8Array.from({ length: rest.pages.length * 4096 }, (_, at) => (at * 7 + seed) & 0xff),
  }))

describe('a frame', () => {
  test('law: what is written is read', () => {
    fc.assert(
      fc.property(change, (one) => {
        const body = encodeBody(one)
        const read = readFrame(encodeFrame(header, body.length, body))
        expect(read).toMatchObject({ ...header, bodyBytes: body.length })
        expect(read && readBody(read.packed, read)).toEqual(one)
      }),
    )
  })

  test('law: bytes from anywhere are read, or refused, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, hasMagic) => {
        if (hasMagic) bytes.set([0x47, 0x57, 0x53, 0x43].slice(0, bytes.length))
        readFrame(bytes)
        const read = readBody(bytes, header)
        if (read) applyChange(new Uint8Array(size.width * size.height * 4), read)
      }),
    )
  })

  test('one that says more than a screen can have is none', () => {
    const with32 = (at: number, value: number) => {
      const bytes = encodeFrame(header, 4, new Uint8Array(4))
      new DataView(bytes.buffer).setUint32(at, value, true)
      return readFrame(bytes)
    }
    expect(with32(4, 9)).toMatchObject({ frame: 9 })
    expect(with32(0, 1)).toBeUndefined()
    expect(with32(8, 0xffff_ffff)).toBeUndefined()
    expect(with32(12, pages + 1)).toBeUndefined()
    expect(with32(16, 1 << 30)).toBeUndefined()
  })

  test('pages beyond the screen are no body of it', () => {
    const bytes = new Uint8Array(4096)
    expect(readBody(encodeBody({ solid: [], pages: [pages], bytes }), header)).toBeUndefined()
    const solid = [{ page: pages - 1, pages: 2, colour: 1 }]
    expect(readBody(encodeBody({ solid, pages: [], bytes: bytes.subarray(0, 0) }), header)).toBe(
      undefined,
    )
  })

  test('a pixel is blue, green, red in RAM, and red, green, blue on a canvas', () => {
    const rgba = new Uint8Array(size.width * size.height * 4)
    const bytes = new Uint8Array(4096)
    bytes.set([1, 2, 3, 99])
    applyChange(rgba, { solid: [{ page: 1, pages: 1, colour: 0x0a0b0c }], pages: [0], bytes })
    expect([...rgba.subarray(0, 4)]).toEqual([3, 2, 1, 255])
    expect([...rgba.subarray(4096, 4100)]).toEqual([0x0a, 0x0b, 0x0c, 255])
  })

  test('the last page may reach beyond the picture, and is cut', () => {
    const rgba = new Uint8Array(size.width * size.height * 4).fill(7)
    const last = pages - 1
    applyChange(rgba, { solid: [{ page: last, pages: 1, colour: 0 }], pages: [], bytes: rgba })
    expect(rgba).toHaveLength(size.width * size.height * 4)
    expect([...rgba.subarray(-4)]).toEqual([0, 0, 0, 255])
  })
})
