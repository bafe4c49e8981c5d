// The dirty-page curve from the logs of the load: unions, and the short window.

import { expect, test } from 'vitest'
import { setPage } from '#engine/memory/page-bitmap.ts'
import { DirtyMeter } from '#node-agent/dirty-meter.ts'

const log = (...pages: number[]): Uint8Array => {
  const bitmap = new Uint8Array(32)
  for (const page of pages) setPage(bitmap, page)
  return bitmap
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)

test('the same pages again and again make a flat curve, new ones a straight one', () => {
  const [flat, straight] = [new DirtyMeter(), new DirtyMeter()]
  for (let look = 0; look < 8; look++) {
    flat.see(log(1, 2, 3), 3, 500)
    straight.see(log(look * 3, look * 3 + 1, look * 3 + 2), 3, 500)
  }
  const points = (pages: number[]) => pages.map((of, at) => ({ ms: 500 * 2 ** at, pages: of }))
  expect(flat.curve()).toEqual(points([3, 3, 3, 3]))
  expect(straight.curve()).toEqual(points([3, 6, 12, 24]))
})

test('the short window is part of the look that it took its pages from', () => {
  const meter = new DirtyMeter()
  meter.seeShort(log(...range(0, 100)), { ms: 40, pages: 100 })
  expect(meter.see(log(...range(50, 150)), 100, 500)).toBe(150)
  expect(meter.curve()).toEqual([
    { ms: 40, pages: 100 },
    { ms: 500, pages: 150 },
  ])
  // Of the next look it is not.
  expect(meter.see(log(...range(0, 70)), 70, 500)).toBe(70)
})

test('a VM that became quiet has no short window any more', () => {
  const meter = new DirtyMeter()
  meter.seeShort(log(...range(0, 100)), { ms: 40, pages: 100 })
  meter.see(log(), 0, 500)
  meter.see(log(1), 1, 500)
  expect(meter.curve()[0]).toEqual({ ms: 500, pages: 1 })
})
