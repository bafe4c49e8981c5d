// Sets of pages, against a set that counts by itself.

import { expect, test } from 'vitest'
import { countPages, hasPage, setPage, unionOf } from '#engine/memory/page-bitmap.ts'

/** 48 pages are six bytes: a word and a rest. */
const pageCount = 48

function bitmapOf(pages: readonly number[]): Uint8Array {
  const bitmap = new Uint8Array(pageCount / 8)
  for (const page of pages) setPage(bitmap, page)
  return bitmap
}

const pagesOf = (bitmap: Uint8Array): number[] =>
  Array.from({ length: pageCount }, (_, page) => page).filter((page) => hasPage(bitmap, page))

/** As a message has it: at an odd place of a longer one. */
function askew(bitmap: Uint8Array): Uint8Array {
  const longer = new Uint8Array(bitmap.length + 3).fill(0xff)
  longer.set(bitmap, 3)
  return longer.subarray(3)
}

test('pages are counted, wherever they are and the bitmap lies', () => {
  for (const pages of [[], [0], [31, 32, 47], Array.from({ length: pageCount }, (_, at) => at)]) {
    expect(countPages(bitmapOf(pages))).toBe(pages.length)
    expect(countPages(askew(bitmapOf(pages)))).toBe(pages.length)
  }
})

test('a union has what either has, and leaves both as they were', () => {
  const [one, other] = [bitmapOf([0, 7, 33]), bitmapOf([7, 31, 32, 47])]
  const both = [0, 7, 31, 32, 33, 47]
  expect(pagesOf(unionOf(one, other))).toEqual(both)
  expect(pagesOf(unionOf(askew(one), askew(other)))).toEqual(both)
  expect(pagesOf(one)).toEqual([0, 7, 33])
  expect(pagesOf(other)).toEqual([7, 31, 32, 47])
})

test('a union shares no memory with a Buffer that it was made of', () => {
  const message = Buffer.from(bitmapOf([5]))
  for (const made of [unionOf(message, bitmapOf([])), unionOf(new Uint8Array(0), message)]) {
    setPage(made, 6)
    expect(pagesOf(made)).toEqual([5, 6])
  }
  expect(pagesOf(message)).toEqual([5])
})
