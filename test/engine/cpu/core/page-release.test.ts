// Pages that the guest gave up are as if it had never had them, and a store makes them its own
// again, however often it was stored to before.

import { describe, expect, test } from 'vitest'
import { pageBytes, ramStart, TestHart } from '../test-hart.ts'

const [first, second] = [32, 33]
const gpaOf = (page: number) => ramStart + page * pageBytes
const everything = (hart: TestHart) => new Uint8Array(hart.memory.pageCount / 8).fill(0xff)

/** Stores 7 to s0 and 9 to s1; again after each ecall. */
function storing(): TestHart {
  const hart = new TestHart((a) => {
    for (let n = 0; n < 4; n++) {
      a.li('a0', 7)
      a.sd('a0', 0, 's0')
      a.li('a0', 9)
      a.sd('a0', 0, 's1')
      a.ecall()
    }
  })
  return hart
    .set('s0', BigInt(gpaOf(first)))
    .set('s1', BigInt(gpaOf(second)))
    .toEcall()
}

const word = (hart: TestHart, page: number) => {
  const bytes = new Uint8Array(8)
  hart.core.dmaRead(gpaOf(page), bytes)
  return bytes[0]
}

describe('a released page', () => {
  test('is zero and untouched; its neighbour is not', () => {
    const hart = storing()
    const touched = hart.memory.touchedBytes()
    expect(hart.core.release([{ gpa: gpaOf(first), bytes: pageBytes }])).toBe(1)
    expect([word(hart, first), word(hart, second)]).toEqual([0, 9])
    expect(hart.memory.touchedBytes()).toBe(touched - pageBytes)
    expect(hart.core.release([{ gpa: gpaOf(first), bytes: pageBytes }])).toBe(0)
  })

  test('is touched and dirty again at the next store, though its address was at hand', () => {
    const hart = storing()
    const touched = hart.memory.touchedBytes()
    const log = hart.core.openLog()
    hart.toEcall()
    hart.core.takeLog(log)
    hart.core.release([{ gpa: gpaOf(first), bytes: 2 * pageBytes }])
    expect(hart.core.takeLog(log)[first >> 3]).toBe(0b11)
    hart.toEcall()
    expect(hart.core.takeLog(log)[first >> 3]).toBe(0b11)
    expect([word(hart, first), word(hart, second)]).toEqual([7, 9])
    expect(hart.memory.touchedBytes()).toBe(touched)
  })

  test('goes to a destination as zero, and to a copy not at all', () => {
    const hart = storing()
    hart.core.release([{ gpa: gpaOf(first), bytes: pageBytes }])
    const { pages, zeroPages } = hart.memory.collect(everything(hart), 0, 256)
    expect([...pages]).not.toContain(first)
    expect([...zeroPages]).toContain(first)
    const copy = new TestHart(() => {})
    copy.memory.copyFrom(hart.memory)
    expect(copy.memory.fullHash()).toBe(hart.memory.fullHash())
    expect(copy.memory.touchedBytes()).toBe(hart.memory.touchedBytes())
  })
})

describe('what is not released', () => {
  test('parts of pages, and what is out of RAM', () => {
    const hart = storing()
    const released = hart.core.release([
      { gpa: gpaOf(first) + 1, bytes: pageBytes },
      { gpa: gpaOf(first) - 1, bytes: pageBytes },
      { gpa: gpaOf(first), bytes: 0 },
      { gpa: 0x1000, bytes: pageBytes },
      { gpa: gpaOf(255), bytes: 2 * pageBytes },
      { gpa: 2 ** 52, bytes: 2 ** 52 },
    ])
    expect([released, word(hart, first)]).toEqual([0, 7])
  })

  test('a page that has not come yet', () => {
    const hart = storing()
    hart.core.setPresent(first, false)
    expect(hart.core.release([{ gpa: gpaOf(first), bytes: 2 * pageBytes }])).toBe(1)
    hart.core.setPresent(first, true)
    expect([word(hart, first), word(hart, second)]).toEqual([7, 0])
  })

  test('a reservation: a store-conditional to a released page fails', () => {
    const hart = new TestHart((a) => {
      a.lrd('a0', 's0')
      a.ecall()
      a.scd('a1', 'a0', 's0')
      a.ecall()
    })
    hart.set('s0', BigInt(gpaOf(first))).toEcall()
    hart.core.release([{ gpa: gpaOf(first), bytes: pageBytes }])
    expect(hart.toEcall().get('a1')).toBe(1n)
  })
})
