// What the TLB still holds after a fence or a change of satp: nothing of the old translation,
// whether few entries had been made or more than are listed.
// Source: privileged specification, "Supervisor Memory-Management Fence Instruction".

import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import { identity, PageTables, pte, readWrite } from '../page-tables.ts'
import { TestHart } from '../test-hart.ts'

const before = 0x8008_0000n
const after = 0x8008_1000n
const mapped = 0x4000_0000n
const flags = readWrite | pte.accessed | pte.dirty
const pageOf = (n: number) => mapped + 4096n * BigInt(n)

/**
 * Loads from `pages` pages, changes where the last of them leads, drops, and loads from it again:
 * what the two loads saw.
 */
function lastPageAround(pages: number, drop: (a: Assembler) => void): [bigint, bigint] {
  const hart = new TestHart(
    (a) => {
      a.csrrw('zero', 'satp', 's1')
      a.sfence('zero')
      a.li('s0', mapped)
      a.li('t1', pages)
      a.li('t2', 4096)
      a.label('page')
      a.ld('a2', 0, 's0')
      a.addi('t1', 't1', -1)
      a.beq('t1', 'zero', 'all')
      a.add('s0', 's0', 't2')
      a.jal('zero', 'page')
      a.label('all')
      a.ecall()
      drop(a)
      a.ld('a3', 0, 's0')
      a.ecall()
    },
    { ramBytes: 2 << 20 },
  )
  hart.setDword(Number(before), 1n)
  hart.setDword(Number(after), 2n)
  const tables = identity(new PageTables(hart, 0x8010_0000))
  for (let n = 0; n < pages; n++) tables.map(pageOf(n), before, flags)
  hart.set('s1', tables.satp).toEcall()
  tables.map(pageOf(pages - 1), after, flags)
  hart.toEcall()
  return [hart.get('a2'), hart.get('a3')]
}

// tidy: data table
const drops: readonly (readonly [string, (a: Assembler) => void])[] = [
  ['sfence.vma of everything', (a) => a.sfence('zero')],
  ['sfence.vma of the address', (a) => a.sfence('s0')],
  ['a write of satp', (a) => a.csrrw('zero', 'satp', 's1')],
]

describe.each(drops)('%s', (_, drop) => {
  test.each([1, 3, 500, 1023, 1024, 1025, 3000])('after loads from %d pages', (pages) => {
    expect(lastPageAround(pages, drop)).toEqual([1n, 2n])
  })
})

test('without any of these the old translation may stay, and does', () => {
  expect(lastPageAround(3, () => {})).toEqual([1n, 1n])
})
