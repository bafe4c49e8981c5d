// What a guest can make the translator do has bounds, whatever its code: live regions, their bytes,
// places in the core's tables. And code that was given up runs right when it comes back.

import { describe, expect, test } from 'vitest'
import type { Assembler } from '../cpu/assembler.ts'
import { TestHart } from '../cpu/test-hart.ts'
import { BoundedHart, type BoundedOptions } from './bounded-hart.ts'

/** Both engines come to the same end after as many instructions; returns the translated one. */
function ranAlike(write: (a: Assembler) => void, options: BoundedOptions = {}): BoundedHart {
  const hart = new BoundedHart(write, options).toEcall()
  const other = new BoundedHart(write, { ...options, threshold: 0 }).toEcall()
  expect(hart.retired).toBe(other.retired)
  for (const register of ['a0', 'a1', 'a2', 's2', 's3'] as const)
    expect(hart.get(register)).toBe(other.get(register))
  return hart
}

function repeat(a: Assembler, times: number, body: () => void): void {
  a.li('s2', times)
  a.label('again')
  body()
  a.addi('s2', 's2', -1)
  a.beq('s2', 'zero', 'out')
  a.jal('zero', 'again')
  a.label('out')
  a.ecall()
}

/** Functions that each loop a little, in a page of their own, called in turn. */
const manyFunctions = (count: number) => (a: Assembler) => {
  repeat(a, 6, () => {
    a.la('s4', 'functions')
    a.li('s5', 4096)
    a.li('s3', count)
    a.label('each')
    a.jalr('ra', 's4', 0)
    a.add('s4', 's4', 's5')
    a.addi('s3', 's3', -1)
    a.bne('s3', 'zero', 'each')
  })
  a.align(4096)
  a.label('functions')
  for (let n = 0; n < count; n++) {
    a.li('t0', 5)
    a.label(`function ${n}`)
    a.addi('a0', 'a0', n)
    a.xor('a1', 'a1', 'a0')
    a.addi('t0', 't0', -1)
    a.bne('t0', 'zero', `function ${n}`)
    a.jalr('zero', 'ra', 0)
    a.align(4096)
  }
}

describe('over a limit older regions go, and what is still hot comes back', () => {
  test('of regions', () => {
    const hart = ranAlike(manyFunctions(60), { limits: { regionsMax: 16 } })
    const { live, regions } = hart.translator.stats
    expect(live).toBeLessThanOrEqual(16)
    expect(regions).toBeGreaterThan(120)
    expect(hart.tableSlots).toBeLessThanOrEqual(16)
  })
  test('of bytes of WebAssembly', () => {
    const moduleBytesMax = 20_000
    const hart = ranAlike(manyFunctions(60), { limits: { moduleBytesMax } })
    const { liveModuleBytes, moduleBytes } = hart.translator.stats
    expect(liveModuleBytes).toBeLessThan(2 * moduleBytesMax)
    expect(moduleBytes).toBeGreaterThan(4 * moduleBytesMax)
  })
  test('of places to enter at', () => {
    const hart = ranAlike(manyFunctions(60), { limits: { entryPointsMax: 16 } })
    expect(hart.translator.stats.live).toBeLessThanOrEqual(17)
    expect(hart.translator.stats.regions).toBeGreaterThan(120)
  })
})

test('more code pages than the core keeps decoded run right, region by region', () => {
  const hart = ranAlike(manyFunctions(700), { ramBytes: 4 << 20 })
  expect(hart.translator.stats.live).toBeGreaterThan(700)
})

test('more places to enter at than the core has room for end no search', () => {
  const calls = 20_000
  const hart = ranAlike((a) => {
    repeat(a, 4, () => {
      for (let n = 0; n < calls; n++) {
        a.jal('ra', `call ${n}`)
        a.label(`call ${n}`)
      }
    })
  })
  expect(hart.translator.stats.instructions).toBeGreaterThan(calls)
})

test('a guest that writes its code anew and fences, again and again, takes no more room for it', () => {
  const rounds = 4_500
  const hart = ranAlike(
    (a) => {
      a.la('s4', 'routine')
      a.lw('s5', 0, 's4')
      a.li('s6', 1 << 20)
      repeat(a, rounds, () => {
        a.add('s5', 's5', 's6')
        a.sw('s5', 0, 's4')
        a.fencei()
        a.jalr('ra', 's4', 0)
        a.jalr('ra', 's4', 0)
        a.jalr('ra', 's4', 0)
      })
      a.align(4096)
      a.label('routine')
      a.addi('a0', 'a0', 1)
      a.jalr('zero', 'ra', 0)
    },
    { threshold: 1 },
  )
  const { regions, live } = hart.translator.stats
  expect(regions).toBeGreaterThan(4096)
  expect(live).toBeLessThan(12)
  expect(hart.tableSlots).toBeLessThan(16)
})

test('code without an end of a block becomes regions of bounded size', () => {
  const instructions = 100_000
  const hart = ranAlike((a) => {
    repeat(a, 5, () => {
      for (let n = 0; n < instructions; n++) a.addi('a0', 'a0', n % 7)
    })
  })
  const { regions, moduleBytes } = hart.translator.stats
  expect(regions).toBeGreaterThan(10)
  expect(moduleBytes / regions).toBeLessThan(64 * 1024)
})

test('a jump table with 300 targets leads to each of them', () => {
  const targets = 300
  const hart = ranAlike((a) => {
    repeat(a, 4 * targets, () => {
      a.addi('s3', 's3', 8 * 7)
      a.li('t0', 8 * targets)
      a.remu('s3', 's3', 't0')
      a.la('t0', 'table')
      a.add('t0', 't0', 's3')
      a.jalr('zero', 't0', 0)
      a.label('table')
      for (let n = 0; n < targets; n++) {
        a.addi('a0', 'a0', n)
        a.jal('zero', 'end')
      }
      a.label('end')
    })
  })
  expect(hart.get('a0')).toBe(BigInt(4 * ((targets * (targets - 1)) / 2)))
})

test('a wild jump under another context finds no code of the first one', () => {
  const write = (a: Assembler) => {
    a.la('t0', 'handler')
    a.csrrw('zero', 'stvec', 't0')
    a.la('s4', 'routine')
    a.li('s3', 20)
    a.label('again')
    a.jalr('ra', 's4', 0)
    a.addi('s3', 's3', -1)
    a.bne('s3', 'zero', 'again')
    // SUM changes the bank of data; nothing else does, and no translation has changed.
    a.li('t0', 0x4_0000)
    a.csrrs('zero', 'sstatus', 't0')
    a.csrrs('s5', 'instret', 'zero')
    a.xor('s4', 's4', 's6')
    a.jalr('ra', 's4', 0)
    a.ecall()
    a.label('handler')
    a.addi('a1', 'a1', 1)
    a.ecall()
    a.align(4096)
    a.label('routine')
    a.addi('a0', 'a0', 1)
    a.jalr('zero', 'ra', 0)
  }
  for (let bit = 32n; bit < 64n; bit++)
    for (const bits of [1n, 3n]) {
      const hart = new TestHart(write).set('s6', bits << bit).toEcall()
      expect([hart.get('a0'), hart.get('a1')]).toEqual([20n, 1n])
    }
})
