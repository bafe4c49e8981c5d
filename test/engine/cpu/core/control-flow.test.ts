// Where the pc goes: branches and jumps inside a page and out of it, instructions that lie in two
// pages, the end of a page, code outside RAM. Source: unprivileged specification, "Control Transfer
// Instructions".

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import type { Assembler } from '../assembler.ts'
import { ramOrigin, TestHart } from '../test-hart.ts'

const lowest = -(1n << 63n)

describe('a branch', () => {
  // tidy: data table
  // biome-ignore format: a table
  const cases = [
    ['beq', 1n, 1n, true], ['beq', 1n, 2n, false],
    ['bne', 1n, 2n, true], ['bne', 2n, 2n, false],
    ['blt', lowest, 0n, true], ['blt', 0n, lowest, false], ['blt', 3n, 3n, false],
    ['bge', 0n, lowest, true], ['bge', 3n, 3n, true], ['bge', -1n, 0n, false],
    ['bltu', 0n, -1n, true], ['bltu', -1n, 0n, false], ['bltu', 3n, 3n, false],
    ['bgeu', -1n, 0n, true], ['bgeu', 3n, 3n, true], ['bgeu', 0n, -1n, false],
  ] as const
  test.each(cases)('%s of %i and %i: %s', (name, left, right, taken) => {
    const hart = new TestHart((a) => {
      a[name]('a0', 'a1', 'there')
      a.li('a2', 1)
      a.ecall()
      a.label('there')
      a.li('a2', 2)
      a.ecall()
    })
    hart.set('a0', left).set('a1', right).toEcall()
    expect(hart.get('a2')).toBe(taken ? 2n : 1n)
  })
  test('reaches 4 KiB forth and back, into other pages', () => {
    const hart = new TestHart((a) => {
      a.jal('zero', 'middle')
      a.align(4096)
      a.label('back')
      a.ecall()
      a.align(4096)
      a.label('middle')
      a.beq('zero', 'zero', 'forth')
      for (let i = 0; i < 1022; i++) a.nop()
      a.label('forth')
      a.la('t0', 'middle')
      a.beq('zero', 'zero', 'step')
      a.align(4096)
      a.label('step')
      a.jal('zero', 'back')
    }).toEcall()
    expect(hart.core.pc).toBe(hart.program.addressOf('back') + 4n)
  })
})

describe('a jump', () => {
  test('and link: jal and jalr tell where to return to', () => {
    const hart = new TestHart((a) => {
      a.jal('ra', 'call')
      a.label('home')
      a.ecall()
      a.align(4096)
      a.label('call')
      a.addi('a0', 'a0', 1)
      a.jalr('t1', 'ra', 0)
    }).toEcall()
    expect(hart.get('ra')).toBe(hart.program.addressOf('home'))
    expect(hart.get('t1')).toBe(hart.program.addressOf('call') + 8n)
    expect(hart.get('a0')).toBe(1n)
  })
  test('jalr clears the lowest bit, and reads its base before it writes the link', () => {
    const hart = new TestHart((a) => {
      a.la('ra', 'there')
      a.jalr('ra', 'ra', 1)
      a.label('home')
      a.ecall()
      a.label('there')
      a.jalr('zero', 'ra', 0)
    }).toEcall()
    expect(hart.core.pc).toBe(hart.program.addressOf('home') + 4n)
  })
})

/** Ends 2 bytes before a page does: what comes next lies in two pages. */
const toTheEdge = (a: Assembler, compressedNops: number) => {
  a.jal('zero', 'edge')
  a.align(4096)
  for (let i = 0; i < 1023; i++) a.nop()
  a.label('edge')
  for (let i = 0; i < compressedNops; i++) a.half(1)
}

describe('at the end of a page', () => {
  test('straight code goes on in the next', () => {
    const hart = new TestHart((a) => {
      toTheEdge(a, 2)
      a.li('a0', 7)
      a.ecall()
    })
    expect(hart.toEcall().get('a0')).toBe(7n)
  })
  test('an instruction may lie in both', () => {
    const hart = new TestHart((a) => {
      toTheEdge(a, 1)
      a.addi('a0', 'a0', 7)
      a.addi('a0', 'a0', 8)
      a.ecall()
    }).toEcall()
    expect(hart.get('a0')).toBe(15n)
    expect(hart.core.retired).toBe(5)
  })
  test.each([
    ['into its first page', 'before'],
    ['into its second', 'after'],
  ])('a jump in both leads %s', (_where, label) => {
    const hart = new TestHart((a) => {
      toTheEdge(a, 1)
      a.jal('ra', label)
      a.label('home')
      a.label('after')
      a.ecall()
      a.nop()
      a.jal('zero', 'after')
      a.label('before')
      a.jal('zero', 'after')
    }).toEcall()
    expect(hart.get('ra')).toBe(ramOrigin + 0x2002n)
  })
})

test('code outside RAM is an access fault', () => {
  const hart = new TestHart((a) => {
    a.la('t0', 'handler')
    a.csrrw('zero', 'stvec', 't0')
    a.jalr('zero', 'zero', 0x100)
    a.align(4)
    a.label('handler')
    a.csrrs('a0', 'scause', 'zero')
    a.csrrs('a1', 'sepc', 'zero')
    a.ecall()
  }).toEcall()
  expect([hart.get('a0'), hart.get('a1')]).toEqual([1n, 0x100n])
})

test('a guest whose trap handler faults gives the thread back, though nothing retires', () => {
  const hart = new TestHart((a) => a.word(0))
  expect(hart.core.run(1000)).toBe(Exit.budget)
  expect(hart.core.retired).toBe(0)
})
