// A VM's RAM as the agent's thread has it: what leaves is a private copy, what comes in is there
// and marked, and the hashes of what was sent and of what is there agree exactly when the pages do.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { coreModule, pageBytes, ramStart, TestHart } from '../cpu/test-hart.ts'

const mebibyte = 1 << 20
const fresh = (ramBytes = mebibyte) => WasmGuestMemory.create(coreModule, ramBytes)
const everyPage = (memory: WasmGuestMemory) => new Uint8Array(memory.pageCount / 8).fill(0xff)
const filled = (value: number) => new Uint8Array(pageBytes).fill(value)
const pagesOf = (bitmap: Uint8Array): number[] =>
  Array.from({ length: bitmap.length * 8 }, (_, page) => page).filter(
    (page) => ((bitmap[page >> 3] ?? 0) >> (page & 7)) & 1,
  )

function bitmapOf(memory: WasmGuestMemory, pages: readonly number[]): Uint8Array {
  const bitmap = new Uint8Array(memory.pageCount / 8)
  for (const page of pages) bitmap[page >> 3] = (bitmap[page >> 3] ?? 0) | (1 << (page & 7))
  return bitmap
}

function storeAll(memory: WasmGuestMemory, pages: ReadonlyMap<number, Uint8Array>): void {
  const bytes = new Uint8Array(pages.size * pageBytes)
  for (const [i, page] of [...pages.values()].entries()) bytes.set(page, i * pageBytes)
  memory.store(Uint32Array.from(pages.keys()), bytes)
}

/** Everything a bitmap names, call by call. */
function collectAll(memory: WasmGuestMemory, bitmap: Uint8Array, pagesMax = 256) {
  const contents = new Map<number, Uint8Array>()
  const zeros: number[] = []
  for (let from = 0; from < memory.pageCount; ) {
    const got = memory.collect(bitmap, from, pagesMax)
    for (const [i, page] of got.pages.entries()) {
      contents.set(page, got.bytes.subarray(i * pageBytes, (i + 1) * pageBytes))
    }
    zeros.push(...got.zeroPages)
    expect(got.pages.length + got.zeroPages.length).toBeLessThanOrEqual(pagesMax)
    expect(got.nextPage).toBeGreaterThan(from)
    from = got.nextPage
  }
  return { contents, zeros }
}

/** Sparse RAM: pages of bytes, of which some are zero. */
const someRam = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 3 })), {
    maxLength: 40,
  })
  .map((pages) => new Map(pages.map(([page, value]) => [page, filled(value)] as const)))

describe('collecting', () => {
  test('gives the pages of the bitmap in order, and tells the zero ones apart', () => {
    const memory = fresh()
    const ram = new Map([3, 9, 200].map((page) => [page, filled(page)] as const))
    storeAll(memory, ram)
    const { contents, zeros } = collectAll(memory, bitmapOf(memory, [3, 4, 9, 255]))
    expect([...contents.keys()]).toEqual([3, 9])
    expect(contents.get(9)).toEqual(filled(9))
    expect(zeros).toEqual([4, 255])
  })
  test('goes on where it stopped, a few pages at a time', () => {
    const memory = fresh()
    const ram = new Map(Array.from({ length: 100 }, (_, i) => [i * 2, filled(i)] as const))
    storeAll(memory, ram)
    for (const pagesMax of [1, 7, 256, 100_000]) {
      const { contents, zeros } = collectAll(memory, everyPage(memory), Math.min(pagesMax, 256))
      expect(contents.size + zeros.length).toBe(memory.pageCount)
      expect(contents.size).toBe(99)
    }
  })
  test('gives copies that later writes do not reach, in memory of their own', () => {
    const memory = fresh()
    memory.store(Uint32Array.of(5), filled(1))
    const got = memory.collect(everyPage(memory), 0, 256)
    memory.store(Uint32Array.of(5), filled(2))
    expect(got.bytes).toEqual(filled(1))
    for (const array of [got.bytes, got.pages, got.zeroPages]) {
      expect(array.buffer).toBeInstanceOf(ArrayBuffer)
    }
  })
  test('knows a page zero that was written and cleared', () => {
    const memory = fresh()
    memory.store(Uint32Array.of(5), filled(1))
    memory.store(Uint32Array.of(5), filled(0))
    expect(collectAll(memory, everyPage(memory)).contents.size).toBe(0)
  })
})

describe('storing', () => {
  test('writes pages where the guest finds them', () => {
    const hart = new TestHart((a) => {
      a.ld('a0', 0, 's0')
      a.ecall()
    })
    hart.memory.store(Uint32Array.of(40), filled(0x11))
    hart.set('s0', BigInt(ramStart + 40 * pageBytes)).toEcall()
    expect(hart.get('a0')).toBe(0x1111111111111111n)
  })
  test('marks pages in the open logs of that VM, zero ones too', () => {
    const { core, memory } = new TestHart((a) => a.nop())
    const log = core.openLog()
    memory.store(Uint32Array.of(40, 90), new Uint8Array(2 * pageBytes))
    memory.storeZero(Uint32Array.of(41, 0))
    expect(pagesOf(core.takeLog(log))).toEqual([0, 40, 41, 90])
    expect(pagesOf(core.takeLog(log))).toEqual([])
  })
  test('zero clears what was there', () => {
    const memory = fresh()
    memory.store(Uint32Array.of(5), filled(1))
    memory.storeZero(Uint32Array.of(5, 6))
    expect(memory.fullHash()).toBe(fresh().fullHash())
  })
  test('takes more pages at once than a frame holds', () => {
    const memory = fresh(4 * mebibyte)
    const ram = new Map(Array.from({ length: 700 }, (_, i) => [i, filled(i % 251)] as const))
    storeAll(memory, ram)
    expect(collectAll(memory, everyPage(memory)).contents.get(699)).toEqual(filled(699 % 251))
  })
  test('refuses pages outside RAM, and changes nothing', () => {
    const memory = fresh()
    expect(() =>
      memory.store(Uint32Array.of(1, 256), new Uint8Array(2 * pageBytes).fill(1)),
    ).toThrow()
    expect(() => memory.storeZero(Uint32Array.of(0xffffffff))).toThrow()
    expect(() => memory.store(Uint32Array.of(1), new Uint8Array(5))).toThrow()
    expect(memory.fullHash()).toBe(fresh().fullHash())
  })
})

describe('the hashes', () => {
  test('law: what was stored, and what is there, hash alike, whatever the order', () => {
    fc.assert(
      fc.property(someRam, (ram) => {
        const [forth, back] = [fresh(), fresh()]
        storeAll(forth, ram)
        storeAll(back, new Map([...ram].reverse()))
        expect(forth.trackedHash()).toBe(forth.fullHash())
        expect(back.fullHash()).toBe(forth.fullHash())
      }),
      { numRuns: 30 },
    )
  })
  test('law: pages that are collected and stored elsewhere make equal hashes', () => {
    fc.assert(
      fc.property(someRam, someRam, (ram, later) => {
        const [source, destination] = [new TestHart((a) => a.nop()), fresh()]
        const log = source.core.openLog()
        const send = (bitmap: Uint8Array) => {
          const { contents, zeros } = collectAll(source.memory, bitmap)
          storeAll(destination, contents)
          destination.storeZero(Uint32Array.from(zeros))
        }
        storeAll(source.memory, ram)
        send(everyPage(source.memory))
        source.core.takeLog(log)
        for (const [page, bytes] of later) source.core.dmaWrite(ramStart + page * pageBytes, bytes)
        send(source.core.takeLog(log))
        expect(destination.trackedHash()).toBe(source.memory.trackedHash())
        expect(destination.trackedHash()).toBe(source.memory.fullHash())
        expect(destination.fullHash()).toBe(source.memory.fullHash())
      }),
      { numRuns: 20 },
    )
  })
  test('what was sent does not follow what is there now', () => {
    const { core, memory } = new TestHart((a) => a.nop())
    memory.collect(everyPage(memory), 0, 256)
    const sent = memory.trackedHash()
    core.dmaWrite(ramStart, Uint8Array.of(9))
    expect(memory.trackedHash()).toBe(sent)
    expect(memory.fullHash()).not.toBe(sent)
    memory.collect(bitmapOf(memory, [0]), 0, 256)
    expect(memory.trackedHash()).toBe(memory.fullHash())
  })
  test('every bit of a page counts, and so does which page it is', () => {
    const memory = fresh()
    const seen = new Set<string>([memory.fullHash()])
    const bits = Array.from({ length: pageBytes * 8 }, (_, bit) => bit).filter(
      (bit) => bit % 17 < 3,
    )
    for (const bit of bits) {
      const page = new Uint8Array(pageBytes)
      page[bit >> 3] = 1 << (bit & 7)
      memory.store(Uint32Array.of(bit & 1), page)
      memory.storeZero(Uint32Array.of(1 - (bit & 1)))
      seen.add(memory.trackedHash())
    }
    expect(seen.size).toBe(bits.length + 1)
  })
  test('pages that change places change the hash', () => {
    const [one, other] = [fresh(), fresh()]
    storeAll(
      one,
      new Map([
        [1, filled(1)],
        [2, filled(2)],
      ]),
    )
    storeAll(
      other,
      new Map([
        [1, filled(2)],
        [2, filled(1)],
      ]),
    )
    expect(one.fullHash()).not.toBe(other.fullHash())
  })
  test('a changed bit changes about half of the bits of the hash', () => {
    const memory = fresh()
    const hashOf = (bytes: Uint8Array) => BigInt(`0x${memory.hashBytes(bytes)}`)
    const page = new Uint8Array(pageBytes).map((_, i) => i * 31)
    const plain = hashOf(page)
    const flips = [0, 1, 77, 4000, 4095].flatMap((at) => [0, 5, 7].map((bit) => [at, bit] as const))
    const differing = flips.map(([at, bit]) => {
      const difference = plain ^ hashOf(page.with(at, (page[at] ?? 0) ^ (1 << bit)))
      return difference.toString(2).replaceAll('0', '').length
    })
    expect(Math.min(...differing)).toBeGreaterThan(16)
    expect(Math.max(...differing)).toBeLessThan(48)
  })
  test('of other bytes depends on all of them and on their length', () => {
    const memory = fresh()
    const lengths = [0, 1, 8, 4095, 4096, 4097, 3 * mebibyte]
    const hashes = lengths.map((length) => memory.hashBytes(new Uint8Array(length)))
    expect(new Set(hashes).size).toBe(lengths.length)
    const long = new Uint8Array(3 * mebibyte)
    expect(memory.hashBytes(long.with(long.length - 1, 1))).not.toBe(memory.hashBytes(long))
    expect(memory.hashBytes(long.with(mebibyte, 1))).not.toBe(memory.hashBytes(long))
  })
  test('are the same on every machine and in every release that calls them so', () => {
    const memory = fresh()
    const bytes = new Uint8Array(5000).map((_, i) => i)
    expect(memory.hashBytes(bytes)).toBe('538117218ea23796')
    memory.store(Uint32Array.of(7), bytes.slice(0, pageBytes))
    expect(memory.fullHash()).toBe('dee8813864828095')
    expect(fresh().fullHash()).toBe('0000000000000000')
  })
})

describe('touched bytes', () => {
  test('count pages that were ever written, by anyone, once', () => {
    const hart = new TestHart((a) => {
      a.sd('a0', 0, 's0')
      a.sd('a0', 8, 's0')
      a.ecall()
    })
    const programPages = 1
    expect(hart.memory.touchedBytes()).toBe(programPages * pageBytes)
    hart.set('s0', BigInt(ramStart + 40 * pageBytes)).toEcall()
    expect(hart.memory.touchedBytes()).toBe((programPages + 1) * pageBytes)
    hart.memory.store(Uint32Array.of(40, 41), new Uint8Array(2 * pageBytes))
    hart.memory.storeZero(Uint32Array.of(90))
    expect(hart.memory.touchedBytes()).toBe((programPages + 2) * pageBytes)
  })
})

describe('copying another memory', () => {
  test('law: makes them equal, RAM and what was tracked', () => {
    fc.assert(
      fc.property(someRam, someRam, (from, into) => {
        const [source, copy] = [fresh(), fresh()]
        storeAll(source, from)
        storeAll(copy, into)
        copy.copyFrom(source)
        expect(copy.fullHash()).toBe(source.fullHash())
        expect(copy.trackedHash()).toBe(source.trackedHash())
        copy.store(Uint32Array.of(8), filled(77))
        expect(copy.fullHash()).not.toBe(source.fullHash())
      }),
      { numRuns: 30 },
    )
  })
  test('marks what it changes as dirty', () => {
    const source = fresh()
    const { core, memory } = new TestHart((a) => a.nop())
    source.store(Uint32Array.of(70, 71), new Uint8Array(2 * pageBytes).fill(3))
    const log = core.openLog()
    memory.copyFrom(source)
    expect(pagesOf(core.takeLog(log))).toEqual([0, 70, 71])
  })
})

// Of address space: what of it is memory, is what a guest touches (bench/instance.ts).
test('beside its RAM, a VM of 64 MiB takes at most 16 MiB', () => {
  const memory = fresh(64 * mebibyte)
  expect(memory.memory.buffer.byteLength - memory.ramBytes).toBeLessThanOrEqual(16 * mebibyte)
})
