// What is about to be written at once is wished for in large pages, once a block; little is not.

import { expect, test } from 'vitest'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { LargeBlocks } from '#engine/memory/large-blocks.ts'
import { mebibyte, pageBytes } from '#proto/units.ts'
import { coreModule } from '../cpu/test-hart.ts'

const block = 2 * mebibyte

function wishing(ramBytes = 8 * mebibyte) {
  const wishes: (readonly [number, number])[] = []
  const host = {
    wish: (_: WebAssembly.Memory, address: number, bytes: number) =>
      void wishes.push([address, bytes]),
  }
  return { wishes, host, ram: WasmGuestMemory.create(coreModule, ramBytes, host) }
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

test('where the host has none nothing is asked', () => {
  const { memory } = WasmGuestMemory.create(coreModule, mebibyte)
  expect(() => new LargeBlocks(memory, undefined).expect(0, 4 * block)).not.toThrow()
})
