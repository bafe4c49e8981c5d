// Page frames: what goes in comes out; any damage is a named fault and never a page.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { decodePageFrame, encodePageFrame, type PageFrame } from '#proto/page-frame.ts'
import { pageBytes } from '#proto/units.ts'

const frameOf = (pages: number[], fill: number): PageFrame => ({
  vmId: asVmId('web-1'),
  epoch: asEpoch(2 ** 40 + 1),
  round: 3,
  frameNumber: 9,
  encoding: 'raw',
  pages: Uint32Array.from(pages),
  contentSum: 0xfedcba98,
  bytes: new Uint8Array(pages.length * pageBytes).map((_, i) => (i * fill) & 255),
})
const received = (frame: PageFrame) => encodePageFrame(frame).subarray(1)

test('a frame survives the wire, wherever it lies in its buffer', () => {
  const frame = frameOf([0, 5, 1023], 7)
  for (const shift of [0, 1, 2, 3]) {
    const moved = new Uint8Array(received(frame).length + shift)
    moved.set(received(frame), shift)
    expect(decodePageFrame(moved.subarray(shift), 1024)).toEqual({ frame })
  }
})

test('zero pages travel as indices alone', () => {
  const frame: PageFrame = {
    ...frameOf([], 0),
    encoding: 'zero',
    pages: Uint32Array.from({ length: 4000 }, (_, i) => i),
  }
  expect(encodePageFrame(frame).length).toBeLessThan(4000 * 4 + 200)
  expect(decodePageFrame(received(frame), 4000)).toEqual({ frame })
})

test('a page beyond the RAM is refused by name', () => {
  expect(decodePageFrame(received(frameOf([1024], 1)), 1024)).toMatchObject({
    fault: { code: 'bad-frame', message: expect.stringContaining('1024') },
  })
})

test('one flipped bit in header or indices is found; the content has its own sum', () => {
  const good = received(frameOf([1, 2], 3))
  const before = good.length - 2 * pageBytes
  fc.assert(
    fc.property(fc.nat(before * 8 - 1), (bit) => {
      fc.pre(bit >= 24) // The first three bytes only pad.
      const damaged = good.slice()
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(decodePageFrame(damaged, 1024)).toMatchObject({ fault: { code: 'bad-frame' } })
    }),
  )
})

test('cut short, made longer, or any bytes: a fault, never a throw', () => {
  const good = received(frameOf([1], 3))
  fc.assert(
    fc.property(fc.nat(good.length - 1), (length) => {
      expect(decodePageFrame(good.subarray(0, length), 1024)).toHaveProperty('fault')
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect(decodePageFrame(bytes, 1024)).toHaveProperty('fault')
    }),
  )
})
