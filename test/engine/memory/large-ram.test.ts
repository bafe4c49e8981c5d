// A VM with more than 2 GiB of RAM, whose end and tables have addresses that a signed number of 32
// bits has not: code runs there on both engines, and all that an agent does with pages works there.
// Only what is touched is made: it takes little memory, unless all of RAM were read.

import { describe, expect, test } from 'vitest'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { UsedMemory } from '#engine/memory/used-memory.ts'
import type { Assembler } from '../cpu/assembler.ts'
import { coreModule, pageBytes, ramStart, TestHart } from '../cpu/test-hart.ts'

const ramBytes = 2 ** 31 + (64 << 20)
const highPage = ramBytes / pageBytes - 2
const highGpa = ramStart + highPage * pageBytes
const codeGpa = highGpa + pageBytes

/** Copies a loop to the end of RAM, and runs it there: it counts in the page before. */
function program(a: Assembler): void {
  a.li('s0', highGpa)
  a.li('s1', codeGpa)
  a.la('t0', 'loop')
  for (let word = 0; word < 8; word++) {
    a.lw('t1', 4 * word, 't0')
    a.sw('t1', 4 * word, 's1')
  }
  a.fencei()
  a.li('a0', 500)
  a.jalr('ra', 's1', 0)
  a.ecall()
  a.label('loop')
  a.ld('t1', 0, 's0')
  a.addi('t1', 't1', 1)
  a.sd('t1', 0, 's0')
  a.addi('a0', 'a0', -1)
  a.bne('a0', 'zero', 'loop')
  a.jalr('zero', 'ra', 0)
  a.nop()
  a.nop()
}

describe('beyond 2 GiB', () => {
  test.each([
    ['interpreted', 0],
    ['translated', 2],
  ])('a program runs, %s', (_, threshold) => {
    const hart = new TestHart(program, { ramBytes, threshold })
    const log = hart.core.openLog()
    hart.toEcall()
    expect(hart.dword(highGpa)).toBe(500n)
    expect(hart.core.translator.stats.regions > 0).toBe(threshold > 0)
    const dirty = hart.core.takeLog(log)
    expect(((dirty[highPage >> 3] ?? 0) >> (highPage & 7)) & 3).toBe(3)
    expect(dirty.filter((byte) => byte !== 0).length).toBe(1)
    expect(hart.memory.isTouched(highPage)).toBe(true)
    expect(hart.memory.isTouched(highPage - 1)).toBe(false)
  })

  test('a device reads and writes', () => {
    const { core } = new TestHart((a) => a.ecall(), { ramBytes })
    const bytes = Uint8Array.of(1, 2, 3)
    expect(core.dmaWrite(highGpa, bytes)).toBe(true)
    const read = new Uint8Array(3)
    expect(core.dmaRead(highGpa, read)).toBe(true)
    expect(read).toEqual(bytes)
    expect(core.release([{ gpa: highGpa, bytes: pageBytes }])).toBe(1)
    expect(core.dmaRead(highGpa, read) && read[0]).toBe(0)
  })

  test('pages leave, come, and are absent', () => {
    const memory = WasmGuestMemory.create(coreModule, ramBytes)
    const page = new Uint8Array(pageBytes).fill(7)
    memory.store(Uint32Array.of(highPage), page)
    const bitmap = new Uint8Array(memory.pageCount / 8)
    bitmap[highPage >> 3] = 1 << (highPage & 7)
    const { pages, bytes } = memory.collect(bitmap, 0, 16)
    expect([...pages]).toEqual([highPage])
    expect(bytes).toEqual(page)
    const other = WasmGuestMemory.create(coreModule, ramBytes)
    other.makeAbsent(bitmap)
    expect(other.isAbsent(highPage)).toBe(true)
    other.bring(pages, bytes)
    expect([other.isAbsent(highPage), other.absentPages]).toEqual([false, 0])
    expect(other.trackedHash()).toBe(memory.trackedHash())
    other.copyFrom(WasmGuestMemory.create(coreModule, ramBytes))
    expect(other.isTouched(highPage)).toBe(true)
    expect(other.trackedHash()).toBe('0000000000000000')
  })

  test('memory that was used is cleaned whole', () => {
    const memory = WasmGuestMemory.create(coreModule, ramBytes)
    memory.store(Uint32Array.of(highPage), new Uint8Array(pageBytes).fill(7))
    const used: UsedMemory = memory.surrender()
    while (!used.isClean) used.scrub(1 << 20)
    const again = WasmGuestMemory.on(coreModule, used.memory, ramBytes)
    expect(again.isTouched(highPage)).toBe(false)
    const read = new Uint8Array(pageBytes)
    again.readPage(highPage, read)
    expect(read.every((byte) => byte === 0)).toBe(true)
  })
})
