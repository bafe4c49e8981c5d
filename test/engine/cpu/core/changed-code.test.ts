// Code that changes: after fence.i the hart runs what memory holds, whoever wrote it and however it
// was reached.
// Source: unprivileged specification, chapter Zifencei.

import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import { assemble } from '../assembler.ts'
import { ramStart, TestHart } from '../test-hart.ts'

const instruction = (write: (a: Assembler) => void) =>
  BigInt(new DataView(assemble(0n, write).bytes.buffer).getUint32(0, true))
const addTwo = instruction((a) => a.addi('a0', 'a0', 2))

/** A routine that adds 1 to a0, in a page of its own; t1 points to it. */
const routine = (a: Assembler) => {
  a.align(4096)
  a.label('routine')
  a.addi('a0', 'a0', 1)
  a.jalr('zero', 'ra', 0)
}

describe('after fence.i', () => {
  test('a changed instruction runs, in a page that has run before', () => {
    const hart = new TestHart((a) => {
      a.la('t1', 'routine')
      a.jalr('ra', 't1', 0)
      a.sw('a1', 0, 't1')
      a.fencei()
      a.jalr('ra', 't1', 0)
      a.ecall()
      routine(a)
    })
    expect(hart.set('a1', addTwo).toEcall().get('a0')).toBe(3n)
  })
  test('again and again, through a page whose stores were fast already', () => {
    const hart = new TestHart((a) => {
      a.la('t1', 'routine')
      a.li('t2', 50)
      a.li('t3', 1 << 20)
      a.label('again')
      a.sw('a1', 0, 't1')
      a.fencei()
      a.jalr('ra', 't1', 0)
      a.add('a1', 'a1', 't3') // the same addition of one more
      a.addi('t2', 't2', -1)
      a.bne('t2', 'zero', 'again')
      a.ecall()
      routine(a)
    })
    hart.set('a1', addTwo).toEcall()
    expect(hart.get('a0')).toBe(BigInt((2 + 51) * 25))
  })
  test('an instruction that changes its own page, and goes on in it', () => {
    const hart = new TestHart((a) => {
      a.la('t1', 'changed')
      a.sw('a1', 0, 't1')
      a.fencei()
      a.label('changed')
      a.addi('a0', 'a0', 1)
      a.ecall()
    })
    expect(hart.set('a1', addTwo).toEcall().get('a0')).toBe(2n)
  })
  test('what a device wrote runs', () => {
    const hart = new TestHart((a) => {
      a.la('t1', 'routine')
      a.jalr('ra', 't1', 0)
      a.ecall()
      a.fencei()
      a.jalr('ra', 't1', 0)
      a.ecall()
      routine(a)
    }).toEcall()
    const bytes = new Uint8Array(new Uint32Array([Number(addTwo)]).buffer)
    hart.core.dmaWrite(Number(hart.program.addressOf('routine')), bytes)
    expect(hart.toEcall().get('a0')).toBe(3n)
  })
  test('more pages of changed code than are listed one by one', () => {
    const pages = 200
    const hart = new TestHart(
      (a) => {
        a.la('s0', 'routine')
        a.li('s3', 4096)
        for (const label of ['first', 'second']) {
          a.addi('t1', 's0', 0)
          a.li('t2', pages)
          a.label(label)
          if (label === 'first') a.sd('a2', 0, 't1')
          if (label === 'first') a.fencei()
          a.jalr('ra', 't1', 0)
          a.sw('a1', 0, 't1')
          a.add('t1', 't1', 's3')
          a.addi('t2', 't2', -1)
          a.bne('t2', 'zero', label)
          a.fencei()
        }
        a.ecall()
        routine(a)
      },
      { ramBytes: 1 << 21 },
    )
    const back = instruction((a) => a.jalr('zero', 'ra', 0))
    const addOne = instruction((a) => a.addi('a0', 'a0', 1))
    hart
      .set('a1', addTwo)
      .set('a2', (back << 32n) | addOne)
      .toEcall()
    expect(hart.get('a0')).toBe(BigInt(3 * pages))
  })
})

test('more code pages than the cache of decoded ones holds, twice over', () => {
  const pages = 700
  const hart = new TestHart(
    (a) => {
      a.li('s2', 2)
      a.label('round')
      a.li('t1', ramStart + 0x2000)
      a.li('t2', pages)
      a.li('s3', 4096)
      a.label('each')
      a.sd('a2', 0, 't1')
      a.jalr('ra', 't1', 0)
      a.add('t1', 't1', 's3')
      a.addi('t2', 't2', -1)
      a.bne('t2', 'zero', 'each')
      a.addi('s2', 's2', -1)
      a.bne('s2', 'zero', 'round')
      a.ecall()
    },
    { ramBytes: 4 << 20 },
  )
  const back = instruction((a) => a.jalr('zero', 'ra', 0))
  const addOne = instruction((a) => a.addi('a0', 'a0', 1))
  hart.set('a2', (back << 32n) | addOne).toEcall()
  expect(hart.get('a0')).toBe(BigInt(2 * pages))
})
