// Which loads and stores of a block share one look at the TLB; and that code with such groups does
// what the interpreter does, wherever in a page it works.

import { describe, expect, test } from 'vitest'
import { groupedAccesses } from '#engine/translator/access-groups.ts'
import type { Instruction, OpName } from '#engine/translator/decoded-entry.ts'
import { widthOf } from '#engine/translator/memory-access.ts'
import { TestHart } from '../cpu/test-hart.ts'

const [x0, sp, a0, a1, a2] = [0, 2, 10, 11, 12]

function made(op: OpName, fields: Partial<Instruction>): Instruction {
  return { op, offset: 0, rd: 0, rs1: 0, rs2: 0, immediate: 0, bytes: 4, word: 0, ...fields }
}
const ld = (rd: number, immediate: number, rs1: number) => made('ld', { rd, immediate, rs1 })
const sd = (rs2: number, immediate: number, rs1: number) => made('sd', { rs2, immediate, rs1 })
const addi = (rd: number, rs1: number, immediate: number) => made('addi', { rd, rs1, immediate })

/** Index → distance from the lowest byte of its group. */
function distances(...instructions: Instruction[]): Record<number, number> {
  const block = { offset: 0, instructions, end: { kind: 'indirect' } } as const
  const grouped = groupedAccesses(block, widthOf)
  return Object.fromEntries([...grouped].map(([index, { distance }]) => [index, distance]))
}

describe('a group', () => {
  test('is what goes through one register', () => {
    expect(distances(sd(a0, 8, sp), sd(a1, 16, sp), sd(a2, 0, sp))).toEqual({ 0: 8, 1: 16, 2: 0 })
  })
  test('is of loads or of stores', () => {
    expect(distances(ld(a0, 0, sp), sd(a1, 8, sp))).toEqual({})
    expect(distances(ld(a0, 0, sp), sd(a1, 8, sp), ld(a2, 8, sp))).toEqual({ 0: 0, 2: 8 })
  })
  test('follows sums with constants, and copies', () => {
    const copy = made('add', { rd: a1, rs1: x0, rs2: a0 })
    expect(distances(ld(a2, 0, a0), addi(a0, a0, 64), ld(a2, -8, a0))).toEqual({ 0: 0, 2: 56 })
    expect(distances(ld(a2, 0, a0), copy, ld(a2, 8, a1))).toEqual({ 0: 0, 2: 8 })
  })
  test('ends when its base is something else', () => {
    expect(distances(ld(a0, 0, a0), ld(a1, 8, a0))).toEqual({})
    expect(distances(ld(a1, 0, x0), ld(a1, 8, x0))).toEqual({})
  })
  test('ends where the core may change the TLB', () => {
    expect(distances(ld(a1, 0, a0), made('system', {}), ld(a1, 8, a0))).toEqual({})
    expect(distances(ld(a1, 0, a0), made('amo', {}), ld(a1, 8, a0))).toEqual({})
  })
  test('is not longer than is worth it', () => {
    expect(distances(ld(a1, 0, a0), ld(a1, 2000, a0))).toEqual({})
  })
  test('has no place when four others are open', () => {
    const opened = [3, 4, 5, 6, 7].map((base) => ld(a1, 0, base))
    const closed = [3, 4, 5, 6, 7].map((base) => ld(a1, 8, base))
    const indices = Object.keys(distances(...opened, ...closed))
    expect(indices).toEqual(['0', '1', '2', '3', '5', '6', '7', '8'])
  })
})

test('a frame saved and taken back is the same at each place of two pages', () => {
  const run = (threshold: number) => {
    const hart = new TestHart(
      (a) => {
        a.la('s0', 'memory')
        a.li('s1', 4096 + 64)
        a.label('again')
        a.add('s2', 's0', 's1')
        a.sd('s1', 24, 's2')
        a.sw('s0', 20, 's2')
        a.sb('s1', 3, 's2')
        a.sd('s2', 40, 's2')
        a.ld('t0', 24, 's2')
        a.lw('t1', 20, 's2')
        a.lb('t2', 3, 's2')
        a.ld('t3', 40, 's2')
        for (const register of ['t0', 't1', 't2', 't3'] as const) a.add('a0', 'a0', register)
        a.xor('a1', 'a1', 'a0')
        a.addi('s1', 's1', -1)
        a.bne('s1', 'zero', 'again')
        a.ecall()
        a.align(4096)
        a.label('memory')
      },
      { threshold },
    ).toEcall()
    return [hart.get('a0'), hart.get('a1'), hart.core.retired, hart.memory.fullHash()]
  }
  expect(run(2)).toEqual(run(0))
})
