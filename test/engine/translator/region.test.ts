// Which code becomes a region: laws over any code, and the limits one by one. Code is given as
// instructions by offset; where there is none, nothing was ever executed.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Instruction, OpName } from '#engine/translator/decoded-entry.ts'
import { growRegion, type Region, successors } from '#engine/translator/region.ts'

const pageBytes = 4096
const limits = { blocksMax: 12, instructionsMax: 60, pagesMax: 3 }

type Code = ReadonlyMap<number, Instruction>
const instruction = (offset: number, op: OpName, more: Partial<Instruction> = {}): Instruction => ({
  offset,
  op,
  rd: 0,
  rs1: 0,
  rs2: 0,
  immediate: 0,
  bytes: 4,
  word: 0,
  ...more,
})

/** Instructions of any kind behind each other; jumps lead near, or pages away. */
const anyCode: fc.Arbitrary<Code> = fc
  .array(
    fc.record({
      op: fc.constantFrom<OpName>(
        ...(['addi', 'addi', 'addi', 'ld', 'float', 'beq', 'jal', 'jalr', 'fencei'] as const),
      ),
      rd: fc.constantFrom(0, 0, 1),
      bytes: fc.constantFrom(2, 4),
      distance: fc.oneof(
        fc.integer({ min: -40, max: 40 }),
        fc.integer({ min: -5 * 2048, max: 5 * 2048 }),
      ),
      isKnown: fc.boolean(),
      gap: fc.constantFrom(0, 0, 0, 0, 600, 2000),
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map((drawn) => {
    const code = new Map<number, Instruction>()
    let offset = pageBytes - 40
    for (const [n, { op, rd, bytes, distance, isKnown, gap }] of drawn.entries()) {
      const immediate = 2 * distance
      if (n === 0 || isKnown || gap === 0)
        code.set(offset, instruction(offset, op, { rd, bytes, immediate }))
      offset += bytes + gap
    }
    return code
  })

const start = pageBytes - 40
const pageOf = (offset: number) => Math.floor(offset / pageBytes) * pageBytes
const read = (code: Code) => (offset: number) => code.get(offset)
const grow = (code: Code, roots: readonly number[] = [start]) =>
  growRegion(roots, read(code), limits)

const law = (holds: (region: Region, code: Code) => void) => () =>
  fc.assert(
    fc.property(anyCode, (code) => {
      const region = grow(code)
      if (region) holds(region, code)
    }),
    { numRuns: 2000 },
  )

describe('a region of any code', () => {
  test(
    'has no empty block: it would lead to itself, and never end',
    law(({ blocks }) => {
      for (const { instructions } of blocks.values()) expect(instructions.length).toBeGreaterThan(0)
    }),
  )
  test(
    'keeps its limits',
    law(({ blocks, pages }) => {
      expect(blocks.size).toBeLessThanOrEqual(limits.blocksMax)
      expect(pages.length).toBeLessThanOrEqual(limits.pagesMax)
    }),
  )
  test(
    'knows every page that its instructions have a byte in',
    law(({ blocks, pages }) => {
      for (const { instructions } of blocks.values())
        for (const { offset, bytes } of instructions) {
          expect(pages).toContain(pageOf(offset))
          expect(pages).toContain(pageOf(offset + bytes - 1))
        }
    }),
  )
  test(
    'is entered at blocks of its own, first where it was begun, and every block is led to',
    law(({ blocks, entries }) => {
      expect(entries[0]).toBe(start)
      const reached = new Set(entries)
      for (const offset of reached) {
        const block = blocks.get(offset)
        expect(block).toBeDefined()
        if (block) for (const next of successors(block, blocks)) reached.add(next)
      }
      expect(reached).toEqual(new Set(blocks.keys()))
    }),
  )
  test(
    'has blocks of instructions that follow each other, of which the last alone jumps',
    law(({ blocks }, code) => {
      for (const [at, { instructions, end }] of blocks) {
        let offset = at
        for (const [n, one] of instructions.entries()) {
          expect(one).toBe(code.get(offset))
          const isJump = ['beq', 'jal', 'jalr'].includes(one.op)
          if (isJump) expect(n).toBe(instructions.length - 1)
          expect(one.op).not.toBe('fencei')
          offset += one.bytes
        }
        const last = instructions.at(-1)
        if (end.kind === 'jump' && last?.op !== 'jal') expect(end.to).toBe(offset)
      }
    }),
  )
  test(
    'has no instruction in two blocks',
    law(({ blocks }) => {
      const all = [...blocks.values()].flatMap(({ instructions }) => instructions)
      expect(new Set(all).size).toBe(all.length)
    }),
  )
})

/** Instructions of 4 bytes each, from offset 0 on. */
function inRow(...ops: readonly (readonly [OpName, Partial<Instruction>?])[]): Code {
  return new Map(ops.map(([op, more], n) => [4 * n, instruction(4 * n, op, more)]))
}
const fromZero = (code: Code, over: Partial<typeof limits> = {}) =>
  growRegion([0], read(code), { ...limits, ...over })
const offsetsOf = (region: Region | undefined) => [...(region?.blocks.keys() ?? [])]

describe('a region', () => {
  test('does not begin where nothing was executed, nor at what is left to the interpreter', () => {
    expect(fromZero(new Map())).toBeUndefined()
    expect(fromZero(inRow(['fencei']))).toBeUndefined()
    expect(fromZero(inRow(['illegal']))).toBeUndefined()
  })
  test('ends before what is left to the interpreter', () => {
    const region = fromZero(inRow(['addi'], ['fencei'], ['addi']))
    expect(region?.blocks.get(0)?.end).toEqual({ kind: 'jump', to: 4 })
    expect(offsetsOf(region)).toEqual([0])
  })
  test('has for entries where a call leads, and where it returns', () => {
    const region = fromZero(inRow(['jal', { rd: 1, immediate: 8 }], ['addi'], ['jalr']))
    expect(region?.entries).toEqual([0, 8, 4])
  })
  test('has a return address for an entry behind a call that only a register knows', () => {
    const region = fromZero(inRow(['jalr', { rd: 1 }], ['addi'], ['jalr']))
    expect(region?.entries).toEqual([0, 4])
    expect(region?.blocks.get(0)?.end).toEqual({ kind: 'indirect' })
  })
  test('cuts a block where a branch leads into it', () => {
    const region = fromZero(inRow(['addi'], ['addi'], ['beq', { immediate: -4 }], ['jalr']))
    expect(new Set(offsetsOf(region))).toEqual(new Set([0, 4, 12]))
    expect(region?.blocks.get(0)?.end).toEqual({ kind: 'jump', to: 4 })
  })
  test('grows no further than its limits of blocks and instructions', () => {
    const chain = inRow(...Array.from({ length: 40 }, () => ['jal', { immediate: 4 }] as const))
    expect(offsetsOf(fromZero(chain, { blocksMax: 5 }))).toEqual([0, 4, 8, 12, 16])
    expect(offsetsOf(fromZero(chain, { instructionsMax: 7 }))).toHaveLength(7)
  })
  test('takes no page over its limit, not even for half an instruction', () => {
    const last = pageBytes - 2
    const split = new Map([
      [0, instruction(0, 'jal', { immediate: last })],
      [last, instruction(last, 'addi')],
      [pageBytes + 2, instruction(pageBytes + 2, 'jalr')],
    ])
    const region = fromZero(split, { pagesMax: 1 })
    expect(region?.pages).toEqual([0])
    expect(offsetsOf(region)).toEqual([0])
    expect(offsetsOf(fromZero(split, { pagesMax: 2 }))).toContain(last)
  })
  test('keeps further places for entries when it comes to them', () => {
    const code = inRow(['addi'], ['addi'], ['jalr'])
    expect(growRegion([0, 4], read(code), limits)?.entries).toEqual([0, 4])
    expect(growRegion([0, 400], read(code), limits)?.entries).toEqual([0])
  })
  test('has no more entries than an entry point can tell apart', () => {
    const calls = Array.from({ length: 400 }, () => ['jal', { rd: 1, immediate: 4 }] as const)
    const region = fromZero(inRow(...calls), { blocksMax: 1000, instructionsMax: 1000 })
    expect(region?.entries).toHaveLength(256)
  })
})
