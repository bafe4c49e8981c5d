// Sv39: what is mapped where, who may touch it, the accessed and dirty bits, and when changes are
// seen. Programs run in the identity map of RAM; the page under test lies elsewhere.
// Source: privileged specification, chapter "Supervisor-Level ISA".

import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import {
  everything,
  executeOnly,
  identity,
  PageTables,
  pte,
  readOnly,
  readWrite,
} from '../page-tables.ts'
import { TestHart } from '../test-hart.ts'

const tablesAt = 0x8001_0000
const frame = 0x8002_0000n
const otherFrame = 0x8003_0000n
const page = 0x12_3456_7000n
const { accessed, dirty, user, valid, write, execute } = pte

const sum = 1n << 18n
const mxr = 1n << 19n

/**
 * `write` runs translated, with s0 = the page under test. A trap ends it: a7 = scause, a6 = stval.
 */
function translated(body: (a: Assembler) => void) {
  const hart = new TestHart((a) => {
    a.la('t0', 'handler')
    a.csrrw('zero', 'stvec', 't0')
    a.csrrw('zero', 'satp', 's1')
    a.sfence('zero')
    body(a)
    a.li('a7', 0)
    a.ecall()
    a.align(4)
    a.label('handler')
    a.csrrs('a7', 'scause', 'zero')
    a.csrrs('a6', 'stval', 'zero')
    a.ecall()
  })
  const tables = identity(new PageTables(hart, tablesAt))
  hart.set('s0', page).set('s1', tables.satp)
  hart.setDword(Number(frame), 0x1111n)
  hart.setDword(Number(otherFrame), 0x2222n)
  return { hart, tables }
}

const load = (a: Assembler) => a.ld('a0', 0, 's0')
const save = (a: Assembler) => a.sd('s0', 0, 's0')
const jump = (a: Assembler) => a.jalr('ra', 's0', 0)

describe('a mapping', () => {
  test('leads a virtual page to a frame', () => {
    const { hart, tables } = translated(load)
    tables.map(page, frame, readOnly)
    expect(hart.toEcall().get('a0')).toBe(0x1111n)
  })
  test.each([
    [1, 0x20_0000n],
    [2, 0x4000_0000n],
  ])('of level %i spans its superpage', (level, span) => {
    const base = (page / span) * span
    const ramBase = (frame / span) * span
    const { hart, tables } = translated(load)
    tables.map(base, ramBase, readOnly, level)
    hart.set('s0', base + (frame - ramBase)).toEcall()
    expect(hart.get('a0')).toBe(0x1111n)
  })
  test('serves accesses across two pages that lie apart', () => {
    const { hart, tables } = translated((a) => {
      a.sd('a1', -4, 's0')
      a.ld('a0', -4, 's0')
    })
    tables.map(page - 0x1000n, frame, readWrite).map(page, otherFrame, readWrite)
    hart.set('a1', 0x1122334455667788n).toEcall()
    expect(hart.get('a0')).toBe(0x1122334455667788n)
    expect(hart.dword(Number(frame) + 0xff8) >> 32n).toBe(0x55667788n)
    expect(hart.dword(Number(otherFrame)) & 0xffffffffn).toBe(0x11223344n)
  })
  test('may lead to a device', () => {
    const { hart, tables } = translated(load)
    tables.map(page, 0x1000_0000n, readOnly)
    expect(hart.toEcall().get('a7')).toBe(5n)
  })
})

type Case = readonly [why: string, entry: bigint, body: (a: Assembler) => void, cause: bigint]

describe('a page fault comes', () => {
  // tidy: data table
  // biome-ignore format: a table
  const cases: readonly Case[] = [
    ['from a load where nothing is mapped', 0n, load, 13n],
    ['from a store where nothing is mapped', 0n, save, 15n],
    ['from a fetch where nothing is mapped', 0n, jump, 12n],
    ['from a store to a read-only page', readOnly, save, 15n],
    ['from a load of an execute-only page', executeOnly, load, 13n],
    ['from a fetch of a page without execute', readWrite, jump, 12n],
    ['from an AMO on a read-only page', readOnly, (a) => a.amoaddw('a0', 'a1', 's0'), 15n],
    ['from a load of a user page', readWrite | user, load, 13n],
    ['from a fetch of a user page', everything | user, jump, 12n],
    ['from an entry that may be written but not read', valid | write, load, 13n],
    ['from write and execute without read', valid | write | execute, jump, 12n],
    ['from reserved bits', readWrite | (1n << 54n), load, 13n],
    ['from bits of an extension that is not there (Svnapot)', readWrite | (1n << 63n), load, 13n],
    ['from a pointer to a table at the last level', valid, load, 13n],
  ]
  test.each(cases)('%s', (_why, entry, body, cause) => {
    const { hart, tables } = translated(body)
    tables.map(page, frame, entry)
    hart.toEcall()
    expect([hart.get('a7'), hart.get('a6')]).toEqual([cause, page])
  })
  test('from a misaligned superpage', () => {
    const { hart, tables } = translated(load)
    tables.map(page, frame, readOnly, 1)
    expect(hart.toEcall().get('a7')).toBe(13n)
  })
  test('from an address whose upper bits do not follow bit 38', () => {
    const { hart, tables } = translated(load)
    tables.map(page, frame, readOnly)
    hart.set('s0', page | (1n << 39n)).toEcall()
    expect([hart.get('a7'), hart.get('a6')]).toEqual([13n, page | (1n << 39n)])
  })
  test('for the second page of an access across two, with nothing stored to the first', () => {
    const { hart, tables } = translated((a) => a.sd('s0', -4, 's0'))
    tables.map(page - 0x1000n, frame, readWrite)
    hart.toEcall()
    expect([hart.get('a7'), hart.get('a6')]).toEqual([15n, page])
    expect(hart.dword(Number(frame) + 0xff8)).toBe(0n)
  })
  test('for the second half of an instruction across two pages', () => {
    const { hart, tables } = translated(jump)
    tables.map(page, frame, executeOnly)
    hart.setDword(Number(frame) + 0xff8, 0x0003_0001_0001_0001n)
    hart.set('s0', page + 0xff8n).toEcall()
    expect([hart.get('a7'), hart.get('a6')]).toEqual([12n, page + 0x1000n])
  })
  test('as an access fault when the tables lie outside RAM', () => {
    const { hart, tables } = translated(load)
    tables.setEntry(page, ((0x1000_0000n >> 12n) << 10n) | valid, 2)
    expect(hart.toEcall().get('a7')).toBe(5n)
  })
})

describe('sstatus', () => {
  test('SUM lets S-mode load and store user pages, and only while it is set', () => {
    const { hart, tables } = translated((a) => {
      a.csrrs('zero', 'sstatus', 's2')
      a.ld('a0', 0, 's0')
      a.sd('s0', 8, 's0')
      a.csrrc('zero', 'sstatus', 's2')
      a.ld('a1', 0, 's0')
    })
    tables.map(page, frame, readWrite | user)
    hart.set('s2', sum).toEcall()
    expect(hart.get('a0')).toBe(0x1111n)
    expect(hart.dword(Number(frame) + 8)).toBe(page)
    expect([hart.get('a7'), hart.get('a1')]).toEqual([13n, 0n])
  })
  test('SUM never lets it execute them', () => {
    const { hart, tables } = translated((a) => {
      a.csrrs('zero', 'sstatus', 's2')
      a.jalr('ra', 's0', 0)
    })
    tables.map(page, frame, everything | user)
    expect(hart.set('s2', sum).toEcall().get('a7')).toBe(12n)
  })
  test('MXR lets loads read what may be executed, and only while it is set', () => {
    const { hart, tables } = translated((a) => {
      a.csrrs('zero', 'sstatus', 's2')
      a.ld('a0', 0, 's0')
      a.csrrc('zero', 'sstatus', 's2')
      a.ld('a1', 0, 's0')
    })
    tables.map(page, frame, executeOnly)
    hart.set('s2', mxr).toEcall()
    expect([hart.get('a0'), hart.get('a1'), hart.get('a7')]).toEqual([0x1111n, 0n, 13n])
  })
})

describe('the accessed and dirty bits', () => {
  test.each([
    ['a load', load, readOnly, accessed],
    ['a store', save, readWrite, accessed | dirty],
    ['a load of a page that may be written', load, readWrite, accessed],
    ['a fetch', jump, executeOnly, accessed],
  ] as const)('are set by %s', (_what, body, flags, set) => {
    const { hart, tables } = translated(body)
    tables.map(page, frame, flags)
    hart.setDword(Number(frame), 0x8082n) // c.jr ra
    hart.toEcall()
    expect(tables.entry(page) & 0xffn).toBe(flags | set)
  })
  test('the dirty bit comes with the first store after loads', () => {
    const { hart, tables } = translated((a) => {
      a.ld('a0', 0, 's0')
      a.ecall()
      a.sd('a0', 0, 's0')
    })
    tables.map(page, frame, readWrite)
    hart.toEcall()
    expect(tables.entry(page) & dirty).toBe(0n)
    hart.toEcall()
    expect(tables.entry(page) & dirty).toBe(dirty)
  })
  test('stay as they are when the access faults', () => {
    const { hart, tables } = translated(save)
    tables.map(page, frame, readOnly)
    hart.toEcall()
    expect(tables.entry(page) & 0xffn).toBe(readOnly)
  })
})

describe('a changed mapping is seen', () => {
  const changing = (fence: (a: Assembler) => void) => {
    const { hart, tables } = translated((a) => {
      a.ld('a0', 0, 's0')
      a.ecall()
      fence(a)
      a.ld('a1', 0, 's0')
    })
    tables.map(page, frame, readOnly)
    hart.toEcall()
    tables.map(page, otherFrame, readOnly)
    hart.toEcall()
    return [hart.get('a0'), hart.get('a1')]
  }
  test('after sfence.vma of everything', () => {
    expect(changing((a) => a.sfence('zero'))).toEqual([0x1111n, 0x2222n])
  })
  test('after sfence.vma of its address', () => {
    expect(changing((a) => a.sfence('s0'))).toEqual([0x1111n, 0x2222n])
  })
  test('after a change of satp', () => {
    expect(changing((a) => a.csrrw('zero', 'satp', 's1'))).toEqual([0x1111n, 0x2222n])
  })
  test('in all of a superpage after sfence.vma of any address in it', () => {
    const span = 0x20_0000n
    const base = (page / span) * span
    const { hart, tables } = translated((a) => {
      a.ld('a0', 0, 's0')
      a.ecall()
      a.sfence('s2')
      a.ld('a1', 0, 's0')
    })
    tables.map(base, 0x8000_0000n, readOnly, 1)
    hart
      .set('s0', base + 0x2_0000n)
      .set('s2', base)
      .toEcall()
    tables.setEntry(base, 0n, 1)
    hart.toEcall()
    expect([hart.get('a0'), hart.get('a7')]).toEqual([0x1111n, 13n])
  })
})

test('satp takes Sv39 and bare, has no ASIDs, and ignores other modes', () => {
  const hart = new TestHart((a) => {
    a.csrrw('zero', 'satp', 's1')
    a.csrrs('a0', 'satp', 'zero')
    a.csrrw('zero', 'satp', 's2')
    a.csrrs('a1', 'satp', 'zero')
    a.ecall()
  })
  const tables = identity(new PageTables(hart, tablesAt))
  hart.set('s1', tables.satp | (0xffffn << 44n)).set('s2', 9n << 60n)
  hart.toEcall()
  expect(hart.get('a0')).toBe(tables.satp)
  expect(hart.get('a1')).toBe(tables.satp)
})
