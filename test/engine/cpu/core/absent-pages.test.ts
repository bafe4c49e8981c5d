// Absent pages: whatever touches one leaves the run loop before anything of the instruction has
// happened, names the page, and does the whole instruction once the page is there.

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import type { Assembler } from '../assembler.ts'
import { everything, identity, PageTables, pte, readWrite } from '../page-tables.ts'
import { pageBytes, ramStart, TestHart } from '../test-hart.ts'

const data = 0x8002_0000
const pageOf = (gpa: number) => (gpa - ramStart) / pageBytes

/** Runs `body` with s0 = data and the page of `gpa` absent; brings it, and runs on to the ecall. */
function absentOnce(body: (a: Assembler) => void, gpa: number, prepare?: (hart: TestHart) => void) {
  const hart = new TestHart((a) => {
    a.label('body')
    body(a)
    a.ecall()
  })
  hart.setDword(data, 0x1111n)
  hart.set('s0', BigInt(data)).set('a1', 0x2222n)
  prepare?.(hart)
  hart.core.setPresent(pageOf(gpa), false)
  const exit = hart.core.run(1000)
  const then = {
    exit,
    absent: hart.core.absentPage(),
    pc: hart.core.pc,
    retired: hart.core.retired,
  }
  hart.core.setPresent(pageOf(gpa), true)
  hart.toEcall()
  return { hart, then }
}

// tidy: data table
// biome-ignore format: a table
const accesses: readonly (readonly [what: string, body: (a: Assembler) => void, gpa: number])[] = [
  ['a load', (a) => a.ld('a0', 0, 's0'), data],
  ['a misaligned load', (a) => a.ld('a0', 3, 's0'), data],
  ['a load across pages, the first absent', (a) => a.ld('a0', -4, 's0'), data - pageBytes],
  ['a load across pages, the second absent', (a) => a.ld('a0', -4, 's0'), data],
  ['a store', (a) => a.sd('a1', 0, 's0'), data],
  ['a store across pages, the second absent', (a) => a.sd('a1', -4, 's0'), data],
  ['an AMO', (a) => a.amoaddd('a0', 'a1', 's0'), data],
  ['a load-reserved', (a) => a.lrd('a0', 's0'), data],
]

describe.each(accesses)('%s', (_what, body, gpa) => {
  test('of an absent page has not begun, and is done when the page is there', () => {
    const { hart, then } = absentOnce(body, gpa)
    expect(then).toEqual({ exit: Exit.absent, absent: gpa, pc: 0x8000_0000n, retired: 0 })
    const never = new TestHart((a) => {
      body(a)
      a.ecall()
    })
    never.setDword(data, 0x1111n)
    never.set('s0', BigInt(data)).set('a1', 0x2222n).toEcall()
    expect(hart.core.capture()).toEqual(never.core.capture())
    expect(hart.memory.fullHash()).toBe(never.memory.fullHash())
  })
})

test('a store across pages leaves its present page as it was', () => {
  const hart = new TestHart((a) => a.sd('a1', -4, 's0'))
  hart.set('s0', BigInt(data)).set('a1', -1n)
  hart.core.setPresent(pageOf(data), false)
  expect(hart.core.run(1)).toBe(Exit.absent)
  expect(hart.dword(data - 8)).toBe(0n)
})

describe('a fetch', () => {
  test('from an absent page', () => {
    const { then } = absentOnce(
      (a) => a.jalr('ra', 's0', 0),
      data,
      (hart) => hart.setDword(data, 0x8082n), // c.jr ra
    )
    expect(then).toMatchObject({ exit: Exit.absent, absent: data, pc: BigInt(data), retired: 1 })
  })
  test('of an instruction whose second half is in an absent page', () => {
    const jump = (a: Assembler) => {
      a.la('t0', 'home')
      a.addi('ra', 't0', -7)
      a.jalr('zero', 's0', -8)
      a.label('home')
    }
    const { then, hart } = absentOnce(jump, data, (hart) => {
      hart.setDword(data - 8, 0x8093_0001_0001_0001n) // addi ra, ra, 7 begins in the last halfword
      hart.setDword(data, 0x8082_0070n) // and ends here; then c.jr ra
    })
    expect(then).toMatchObject({ exit: Exit.absent, absent: data, pc: BigInt(data - 2) })
    expect(hart.core.retired).toBe(then.retired + 3)
  })
})

describe('under translation', () => {
  const tablesAt = 0x8004_0000
  const page = 0x12_3456_7000n

  function translated(body: (a: Assembler) => void) {
    const hart = new TestHart((a) => {
      a.csrrw('zero', 'satp', 's1')
      body(a)
      a.ecall()
    })
    const tables = identity(new PageTables(hart, tablesAt))
    tables.map(page, BigInt(data), readWrite | everything)
    hart.set('s0', page).set('s1', tables.satp)
    return { hart, tables }
  }
  test('an absent page table is named', () => {
    const { hart, tables } = translated((a) => a.ld('a0', 0, 's0'))
    const table = (tables.entryAt(page) & ~0xfff) >>> 0
    hart.core.setPresent(pageOf(table), false)
    expect(hart.core.run(100)).toBe(Exit.absent)
    expect(hart.core.absentPage()).toBe(table)
  })
  test('an absent frame is named before its entry is marked', () => {
    const { hart, tables } = translated((a) => a.sd('a0', 0, 's0'))
    hart.core.setPresent(pageOf(data), false)
    expect(hart.core.run(100)).toBe(Exit.absent)
    expect(hart.core.absentPage()).toBe(data)
    expect(tables.entry(page) & (pte.accessed | pte.dirty)).toBe(0n)
    hart.core.setPresent(pageOf(data), true)
    hart.toEcall()
    expect(tables.entry(page) & (pte.accessed | pte.dirty)).toBe(pte.accessed | pte.dirty)
  })
  test('a page that becomes absent is in no TLB any more', () => {
    const { hart } = translated((a) => {
      a.ld('a0', 0, 's0')
      a.ecall()
      a.ld('a0', 0, 's0')
    })
    hart.toEcall()
    hart.core.setPresent(pageOf(data), false)
    expect(hart.core.run(100)).toBe(Exit.absent)
  })
})

describe('a device', () => {
  test('is refused an absent page, and told which', () => {
    const { core } = new TestHart((a) => a.nop())
    core.setPresent(pageOf(data), false)
    const bytes = new Uint8Array(16)
    expect(core.dmaWrite(data - 8, bytes)).toBe(false)
    expect(core.absentPage()).toBe(data)
    expect(core.dmaRead(data + 8, bytes)).toBe(false)
    core.setPresent(pageOf(data), true)
    expect(core.dmaWrite(data - 8, bytes)).toBe(true)
  })
  test.each([0, ramStart - 8, ramStart + (1 << 20) - 8, ramStart + (1 << 20), 2 ** 40])(
    'is refused what is not all RAM: %i',
    (gpa) => {
      const { core } = new TestHart((a) => a.nop())
      expect(core.dmaRead(gpa, new Uint8Array(16))).toBe(false)
      expect(core.dmaWrite(gpa, new Uint8Array(16))).toBe(false)
      expect(core.absentPage()).toBe(-1)
    },
  )
})
