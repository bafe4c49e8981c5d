import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { setPage } from '#engine/memory/page-bitmap.ts'
import { pagesPerScreenFrameMax } from '#proto/screen-frame.ts'
import { readPages } from '../../node-agent/screen-pages.ts'

const module = new WebAssembly.Module(readFileSync(coreWasmUrl))
const ramBytes = 4 << 20
const first = 100
const memoryWith = (pages: readonly [page: number, fill: (word: number) => number][]) => {
  const memory = WasmGuestMemory.create(module, ramBytes)
  for (const [page, fill] of pages) {
    const words = Uint32Array.from({ length: 1024 }, (_, word) => fill(word))
    memory.store(Uint32Array.of(first + page), new Uint8Array(words.buffer))
  }
  return memory
}

describe('pages of a screen', () => {
  test('of one colour are named, in runs; the fourth byte of a pixel is nothing', () => {
    const memory = memoryWith([
      [1, (word) => 0x00112233 | ((word & 0xff) << 24)],
      [2, () => 0x00112233],
      [3, () => 0x00445566],
    ])
    const { change, taken } = readPages(memory, first, [0, 1, 2, 3])
    expect(change.solid).toEqual([
      { page: 0, pages: 1, colour: 0 },
      { page: 1, pages: 2, colour: 0x112233 },
      { page: 3, pages: 1, colour: 0x445566 },
    ])
    expect(change.pages).toEqual([])
    expect(taken).toEqual([0, 1, 2, 3])
  })

  test('of several are copied: what the guest draws later is not in them', () => {
    const memory = memoryWith([[2, (word) => word]])
    const { change } = readPages(memory, first, [2])
    memory.storeZero(Uint32Array.of(first + 2))
    expect(change.pages).toEqual([2])
    expect([...new Uint32Array(change.bytes.slice().buffer)].slice(0, 4)).toEqual([0, 1, 2, 3])
  })

  test('that have not come yet are asked for, and are not in it', () => {
    const memory = memoryWith([])
    const absent = new Uint8Array(memory.pageCount / 8)
    setPage(absent, first + 1)
    memory.makeAbsent(absent)
    const read = readPages(memory, first, [0, 1, 2])
    expect([read.taken, read.absent]).toEqual([[0, 2], [first + 1]])
    memory.bring(Uint32Array.of(first + 1), new Uint8Array(4096).fill(7))
    expect(readPages(memory, first, [1]).taken).toEqual([1])
  })

  test('a frame takes only so many; the others wait, but for those that are only named', () => {
    const many = Array.from({ length: pagesPerScreenFrameMax + 3 }, (_, page) => page)
    const memory = memoryWith(many.slice(0, -1).map((page) => [page, (word) => word + page]))
    const { change, taken } = readPages(memory, first, many)
    expect(change.pages).toHaveLength(pagesPerScreenFrameMax)
    expect(taken).toHaveLength(pagesPerScreenFrameMax + 1)
    expect(taken.at(-1)).toBe(many.at(-1))
  })
})
