// A screen in a window: as large as fits, in its own proportions; or with whole pixels only.
import { expect, test } from 'vitest'
import { pictureSize } from '#dashboard/picture-size.ts'

const desk = { width: 800, height: 600 }

test('fills what there is in its own proportions', () => {
  expect(pictureSize(desk, { width: 1000, height: 900 }, 1, false)).toEqual({
    ...{ width: 1000, height: 750 },
    isSharp: false,
  })
  expect(pictureSize(desk, { width: 400, height: 900 }, 1, false)).toMatchObject({ width: 400 })
})

test('whole pixels are those of the display, whatever the browser’s zoom', () => {
  const box = { width: 1000, height: 900 }
  expect(pictureSize(desk, box, 1, true)).toEqual({ ...desk, isSharp: true })
  expect(pictureSize(desk, box, 2, true)).toEqual({ ...desk, isSharp: true })
  // At 150 % the display has 1,500 × 1,350 pixels there: one for each of the guest's.
  expect(pictureSize(desk, box, 1.5, true).width).toBeCloseTo(800 / 1.5)
})

test('a window that is too small for whole pixels shows all of the screen nevertheless', () => {
  expect(pictureSize(desk, { width: 400, height: 400 }, 1, true)).toEqual({
    ...{ width: 400, height: 300 },
    isSharp: false,
  })
})

test('what fits by chance is sharp too', () => {
  expect(pictureSize(desk, { width: 1600, height: 1200 }, 1, false).isSharp).toBe(true)
})
