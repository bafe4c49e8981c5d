// Dirty logs, as laws: a log taken holds every page whose bytes changed since it was last taken,
// and no page that nobody stored to; logs do not disturb each other. Stores of every kind count:
// the guest's, the page walker's, a device's. A page is marked when it is first stored to, and
// again after each take.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import { busyHart } from '../busy-program.ts'
import { identity, PageTables, readOnly, readWrite } from '../page-tables.ts'
import { pageBytes, ramStart, TestHart } from '../test-hart.ts'

const pagesOf = (bitmap: Uint8Array): number[] =>
  Array.from({ length: bitmap.length * 8 }, (_, page) => page).filter(
    (page) => ((bitmap[page >> 3] ?? 0) >> (page & 7)) & 1,
  )

/** Pages stored to by `body` between two takes; s0 = page 32, s1 = page 33. */
function storedTo(body: (a: Assembler) => void): number[] {
  const hart = new TestHart((a) => {
    body(a)
    a.ecall()
  })
  hart.set('s0', BigInt(ramStart + 32 * pageBytes)).set('s1', BigInt(ramStart + 33 * pageBytes))
  const log = hart.core.openLog()
  hart.toEcall()
  return pagesOf(hart.core.takeLog(log))
}

type Case = readonly [what: string, body: (a: Assembler) => void, pages: number[]]

describe('a log holds the page of', () => {
  // tidy: data table
  // biome-ignore format: a table
  const cases: readonly Case[] = [
    ['a byte', (a) => a.sb('a0', 7, 's0'), [32]],
    ['a doubleword', (a) => a.sd('a0', 0, 's0'), [32]],
    ['a misaligned store in one page', (a) => a.sw('a0', 1, 's0'), [32]],
    ['both pages of a store across them', (a) => a.sd('a0', -1, 's1'), [32, 33]],
    ['an AMO, even one that changes nothing', (a) => a.amoaddw('a0', 'zero', 's1'), [33]],
    ['a store-conditional', (a) => { a.lrd('a0', 's1'); a.scd('a1', 'a0', 's1') }, [33]],
    ['no load', (a) => { a.ld('a0', 0, 's0'); a.lrd('a0', 's1') }, []],
    ['no store-conditional without a reservation', (a) => a.scd('a1', 'a0', 's1'), []],
  ]
  test.each(cases)('%s', (_what, body, pages) => expect(storedTo(body)).toEqual(pages))

  test('an entry of a page table that the walker marks', () => {
    const va = 0x12_3456_7000n
    const hart = new TestHart((a) => {
      a.csrrw('zero', 'satp', 's1')
      a.ecall()
      a.ld('a0', 0, 's0')
      a.ecall()
      a.ld('a0', 8, 's0')
      a.ecall()
    })
    const tables = identity(new PageTables(hart, 0x8004_0000))
    tables.map(va, 0x8002_0000n, readOnly)
    hart.set('s0', va).set('s1', tables.satp).toEcall()
    const log = hart.core.openLog()
    hart.toEcall()
    expect(pagesOf(hart.core.takeLog(log))).toEqual([(tables.entryAt(va) - ramStart) >> 12])
    hart.toEcall()
    expect(pagesOf(hart.core.takeLog(log))).toEqual([])
  })
  test('every byte that a device wrote, and none that it read', () => {
    const { core } = new TestHart((a) => a.nop())
    const log = core.openLog()
    core.dmaRead(ramStart, new Uint8Array(3 * pageBytes))
    core.dmaWrite(ramStart + 5 * pageBytes - 1, new Uint8Array(pageBytes + 2))
    expect(pagesOf(core.takeLog(log))).toEqual([4, 5, 6])
  })
  test('a store through one of two mappings of it', () => {
    const hart = new TestHart((a) => {
      a.csrrw('zero', 'satp', 's1')
      a.sd('a0', 0, 's0')
      a.sd('a0', 0, 's2')
      a.ecall()
      a.sd('a0', 8, 's2')
      a.ecall()
    })
    const tables = identity(new PageTables(hart, 0x8004_0000))
    tables.map(0x1000_0000n, 0x8002_0000n, readWrite).map(0x2000_0000n, 0x8002_0000n, readWrite)
    hart.set('s0', 0x1000_0000n).set('s1', tables.satp).set('s2', 0x2000_0000n).toEcall()
    const log = hart.core.openLog()
    hart.toEcall()
    expect(pagesOf(hart.core.takeLog(log))).toEqual([32])
  })
})

describe('taking a log', () => {
  const storing = () => {
    const hart = new TestHart((a) => {
      a.label('again')
      a.sd('a0', 0, 's0')
      a.ecall()
      a.jal('zero', 'again')
    })
    return hart.set('s0', BigInt(ramStart + 32 * pageBytes))
  }
  test('empties it, and the next store marks again', () => {
    const hart = storing()
    const log = hart.core.openLog()
    hart.toEcall()
    expect(pagesOf(hart.core.takeLog(log))).toEqual([32])
    expect(pagesOf(hart.core.takeLog(log))).toEqual([])
    hart.toEcall()
    expect(pagesOf(hart.core.takeLog(log))).toEqual([32])
  })
  test('takes nothing from another one', () => {
    const hart = storing()
    const [one, other] = [hart.core.openLog(), hart.core.openLog()]
    hart.toEcall()
    hart.core.takeLog(one)
    hart.core.takeLog(one)
    expect(pagesOf(hart.core.takeLog(other))).toEqual([32])
  })
  test('a log begins empty when it is opened', () => {
    const hart = storing().toEcall()
    expect(pagesOf(hart.core.takeLog(hart.core.openLog()))).toEqual([])
  })
  test('there are six, and a closed one can be had again, empty', () => {
    const hart = storing()
    const logs = [0, 1, 2, 3, 4, 5].map(() => hart.core.openLog())
    expect(new Set(logs).size).toBe(6)
    expect(() => hart.core.openLog()).toThrow(/close one/)
    hart.toEcall()
    hart.core.closeLog(2)
    expect(pagesOf(hart.core.takeLog(hart.core.openLog()))).toEqual([])
    expect(() => hart.core.takeLog(7)).toThrow(/not open/)
  })
})

test('law: what changed is in the log, however a run and its takes fall', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 8 }),
      (pieces) => {
        const hart = busyHart().untilRetired(50)
        const log = hart.core.openLog()
        let before = ramOf(hart)
        for (const piece of pieces) {
          hart.core.run(piece)
          const after = ramOf(hart)
          const logged = new Set(pagesOf(hart.core.takeLog(log)))
          const missing = changedPages(before, after).filter((page) => !logged.has(page))
          expect(missing).toEqual([])
          before = after
        }
      },
    ),
    { numRuns: 25 },
  )
})

test('law: pages that are in the log were stored to', () => {
  const pages = fc.array(fc.integer({ min: 40, max: 200 }), { maxLength: 12 })
  fc.assert(
    fc.property(fc.array(pages, { maxLength: 5 }), (rounds) => {
      const hart = new TestHart((a) => {
        a.label('again')
        a.sb('a0', 0, 's0')
        a.ecall()
        a.jal('zero', 'again')
      })
      const log = hart.core.openLog()
      for (const round of rounds) {
        for (const page of round) hart.set('s0', BigInt(ramStart + page * pageBytes)).toEcall()
        const stored = [...new Set(round)].sort((a, b) => a - b)
        expect(pagesOf(hart.core.takeLog(log))).toEqual(stored)
      }
    }),
    { numRuns: 50 },
  )
})

function ramOf(hart: TestHart): Uint8Array {
  const ram = new Uint8Array(hart.memory.ramBytes)
  hart.core.dmaRead(ramStart, ram)
  return ram
}

function changedPages(before: Uint8Array, after: Uint8Array): number[] {
  const changed: number[] = []
  for (let page = 0; page * pageBytes < after.length; page++) {
    const from = page * pageBytes
    const [old, now] = [before, after].map((ram) =>
      Buffer.from(ram.subarray(from, from + pageBytes)),
    )
    if (old && now && !old.equals(now)) changed.push(page)
  }
  return changed
}
