// What is about to be written at once is wished for in large pages, once a block; little is not.

import { expect, test } from 'vitest'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { LargeBlocks } from '#engine/memory/large-blocks.ts'
import { mebibyte, pageBytes } from '#proto/units.ts'
import { coreModule } from '../cpu/test-hart.ts'

const block = 2 * mebibyte

function wishing(ramBytes = 8 * mebibyte) {
  const wishes: (readonly [number, number])[] = []
  const had: (readonly [number, number])[] = []
  const host = {
    wish: (_: WebAssembly.Memory, address: number, bytes: number) =>
      void wishes.push([address, bytes]),
    have: (_: WebAssembly.Memory, address: number, bytes: number) =>
      void had.push([address, bytes]),
  }
  return { wishes, had, host, ram: WasmGuestMemory.create(coreModule, ramBytes, host) }
}

const pagesFrom = (first: number, count: number) =>
  Uint32Array.from({ length: count }, (_, n) => first + n)
const bytesOf = (pages: Uint32Array) => new Uint8Array(pages.length * pageBytes).fill(1)

test('a run of pages wishes for each block that it reaches, and once', () => {
  const { wishes, ram } = wishing()
  const run = pagesFrom(450, 128)
  ram.store(run, bytesOf(run))
  ram.store(run, bytesOf(run))
  expect(wishes).toEqual([
    [block, block],
    [2 * block, block],
  ])
})

test('single pages and short runs wish for nothing', () => {
  const { wishes, ram } = wishing()
  const few = Uint32Array.from({ length: 200 }, (_, n) => 3 * n)
  ram.store(few, bytesOf(few))
  ram.bring(pagesFrom(700, 40), bytesOf(pagesFrom(700, 40)))
  expect(wishes).toEqual([])
})

test('pages that are brought to a guest that waits for them count as well', () => {
  const { wishes, ram } = wishing()
  ram.makeAbsent(new Uint8Array(ram.pageCount / 8).fill(0xff))
  const run = pagesFrom(512, 128)
  ram.bring(run, bytesOf(run))
  expect(wishes).toEqual([[2 * block, block]])
})

test('all of RAM, and what is kept behind it, is wished for where a whole system boots', () => {
  const { wishes, ram } = wishing()
  ram.expectWhole()
  const blocks = Math.ceil(ram.memory.buffer.byteLength / block)
  expect(wishes.map(([address]) => address / block)).toEqual(
    Array.from({ length: blocks - 1 }, (_, n) => n + 1),
  )
})

test('where one block is filled after the other the next ones are had ahead, not beyond RAM', () => {
  const { wishes, had, ram } = wishing(24 * mebibyte)
  const pagesPerBlock = block / pageBytes
  const fill = (n: number) => {
    const run = pagesFrom(n * pagesPerBlock, pagesPerBlock)
    ram.store(run, bytesOf(run))
  }
  fill(3)
  expect(had).toEqual([])
  fill(4)
  // RAM begins at the second block of the memory.
  const of = (n: number) => [(n + 1) * block, block]
  expect(had).toEqual([5, 6, 7, 8].map(of))
  fill(5)
  fill(6)
  fill(7)
  fill(8)
  expect(had).toEqual([5, 6, 7, 8, 9, 10, 11].map(of))
  expect(wishes).toEqual([3, 4].map(of))
})

test('a system that will fill all of its RAM has nothing ahead', () => {
  const { had, ram } = wishing()
  ram.expectWhole()
  expect(had).toEqual([])
})

test('where the host has none nothing is asked', () => {
  const { memory } = WasmGuestMemory.create(coreModule, mebibyte)
  const blocks = new LargeBlocks(memory, undefined, 4 * block)
  expect(() => blocks.expect(0, 4 * block)).not.toThrow()
})
