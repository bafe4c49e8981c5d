// Each compressed instruction does what the full instruction does that the specification names for
// it: both run from the same registers and memory, and must leave the same. The halves are GNU as's
// encodings.
// Source: unprivileged specification, chapter C; binutils 2.42 (riscv64 as, -march=rv64imac).

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import type { Assembler } from '../assembler.ts'
import { floatOff } from '../float-hart.ts'
import { ramOrigin, TestHart } from '../test-hart.ts'

type Case = readonly [half: number, text: string, full: (a: Assembler) => void]

// tidy: data table
// biome-ignore format: a table
const straight: readonly Case[] = [
  [0x0048, 'c.addi4spn a0, sp, 4', (a) => a.addi('a0', 'sp', 4)],
  [0x1ffc, 'c.addi4spn a5, sp, 1020', (a) => a.addi('a5', 'sp', 1020)],
  [0x0404, 'c.addi4spn s1, sp, 512', (a) => a.addi('s1', 'sp', 512)],
  [0x4110, 'c.lw a2, 0(a0)', (a) => a.lw('a2', 0, 'a0')],
  [0x5d70, 'c.lw a2, 124(a0)', (a) => a.lw('a2', 124, 'a0')],
  [0x43a0, 'c.lw s0, 64(a5)', (a) => a.lw('s0', 64, 'a5')],
  [0x6594, 'c.ld a3, 8(a1)', (a) => a.ld('a3', 8, 'a1')],
  [0x7df4, 'c.ld a3, 248(a1)', (a) => a.ld('a3', 248, 'a1')],
  [0x60f4, 'c.ld a3, 192(s1)', (a) => a.ld('a3', 192, 's1')],
  [0xc158, 'c.sw a4, 4(a0)', (a) => a.sw('a4', 4, 'a0')],
  [0xdd38, 'c.sw a4, 120(a0)', (a) => a.sw('a4', 120, 'a0')],
  [0xe118, 'c.sd a4, 0(a0)', (a) => a.sd('a4', 0, 'a0')],
  [0xed78, 'c.sd a4, 216(a0)', (a) => a.sd('a4', 216, 'a0')],
  [0x0001, 'c.nop', (a) => a.nop()],
  [0x12fd, 'c.addi t0, -1', (a) => a.addi('t0', 't0', -1)],
  [0x02fd, 'c.addi t0, 31', (a) => a.addi('t0', 't0', 31)],
  [0x1281, 'c.addi t0, -32', (a) => a.addi('t0', 't0', -32)],
  [0x2315, 'c.addiw t1, 5', (a) => a.addiw('t1', 't1', 5)],
  [0x3301, 'c.addiw t1, -32', (a) => a.addiw('t1', 't1', -32)],
  [0x2301, 'c.addiw t1, 0', (a) => a.addiw('t1', 't1', 0)],
  [0x53fd, 'c.li t2, -1', (a) => a.addi('t2', 'zero', -1)],
  [0x43fd, 'c.li t2, 31', (a) => a.addi('t2', 'zero', 31)],
  [0x6141, 'c.addi16sp sp, 16', (a) => a.addi('sp', 'sp', 16)],
  [0x7101, 'c.addi16sp sp, -512', (a) => a.addi('sp', 'sp', -512)],
  [0x617d, 'c.addi16sp sp, 496', (a) => a.addi('sp', 'sp', 496)],
  [0x6505, 'c.lui a0, 1', (a) => a.lui('a0', 1)],
  [0x657d, 'c.lui a0, 31', (a) => a.lui('a0', 31)],
  [0x7501, 'c.lui a0, 0xfffe0', (a) => a.lui('a0', 0xfffe0)],
  [0x8185, 'c.srli a1, 1', (a) => a.srli('a1', 'a1', 1)],
  [0x91fd, 'c.srli a1, 63', (a) => a.srli('a1', 'a1', 63)],
  [0x9581, 'c.srai a1, 32', (a) => a.srai('a1', 'a1', 32)],
  [0x8595, 'c.srai a1, 5', (a) => a.srai('a1', 'a1', 5)],
  [0x9a7d, 'c.andi a2, -1', (a) => a.andi('a2', 'a2', -1)],
  [0x8a7d, 'c.andi a2, 31', (a) => a.andi('a2', 'a2', 31)],
  [0x9a01, 'c.andi a2, -32', (a) => a.andi('a2', 'a2', -32)],
  [0x8d0d, 'c.sub a0, a1', (a) => a.sub('a0', 'a0', 'a1')],
  [0x8d2d, 'c.xor a0, a1', (a) => a.xor('a0', 'a0', 'a1')],
  [0x8d4d, 'c.or a0, a1', (a) => a.or('a0', 'a0', 'a1')],
  [0x8d6d, 'c.and a0, a1', (a) => a.and('a0', 'a0', 'a1')],
  [0x9d0d, 'c.subw a0, a1', (a) => a.subw('a0', 'a0', 'a1')],
  [0x9d2d, 'c.addw a0, a1', (a) => a.addw('a0', 'a0', 'a1')],
  [0x0e06, 'c.slli t3, 1', (a) => a.slli('t3', 't3', 1)],
  [0x1e7e, 'c.slli t3, 63', (a) => a.slli('t3', 't3', 63)],
  [0x4e82, 'c.lwsp t4, 0(sp)', (a) => a.lw('t4', 0, 'sp')],
  [0x5efe, 'c.lwsp t4, 252(sp)', (a) => a.lw('t4', 252, 'sp')],
  [0x6f22, 'c.ldsp t5, 8(sp)', (a) => a.ld('t5', 8, 'sp')],
  [0x7f7e, 'c.ldsp t5, 504(sp)', (a) => a.ld('t5', 504, 'sp')],
  [0x894e, 'c.mv s2, s3', (a) => a.add('s2', 'zero', 's3')],
  [0x994e, 'c.add s2, s3', (a) => a.add('s2', 's2', 's3')],
  [0xc252, 'c.swsp s4, 4(sp)', (a) => a.sw('s4', 4, 'sp')],
  [0xdfd2, 'c.swsp s4, 252(sp)', (a) => a.sw('s4', 252, 'sp')],
  [0xe056, 'c.sdsp s5, 0(sp)', (a) => a.sd('s5', 0, 'sp')],
  [0xffd6, 'c.sdsp s5, 504(sp)', (a) => a.sd('s5', 504, 'sp')],
]

const dataStart = 0x8000_4000
const dataBytes = 0x1_0000

/**
 * Every register holds an address in the data, no two the same, and the data is no two words the
 * same.
 */
function afterRunning(write: (a: Assembler) => void) {
  const hart = new TestHart((a) => {
    write(a)
    a.ecall()
  })
  const data = new Uint32Array(dataBytes / 4).map((_, i) => Math.imul(i + 1, 0x9e3779b1))
  hart.core.dmaWrite(dataStart, new Uint8Array(data.buffer))
  for (let i = 1; i < 32; i++) hart.core.setX(i, BigInt(dataStart + 0x1000 + i * 0x408))
  hart.toEcall()
  const left = new Uint8Array(dataBytes)
  hart.core.dmaRead(dataStart, left)
  const registers = Array.from({ length: 32 }, (_, i) => hart.core.x(i))
  return { registers, data: Buffer.from(left).toString('hex'), retired: hart.core.retired }
}

describe('a compressed instruction does as the full one', () => {
  test.each(straight)('%#: %x %s', (half, _text, full) => {
    expect(afterRunning((a) => a.half(half))).toEqual(afterRunning(full))
  })
})

/** Distances in bytes, and the operands that make it jump, or not. */
type Jump = readonly [half: number, text: string, distance: bigint, a0: bigint, a1: bigint]

// tidy: data table
// biome-ignore format: a table
const jumps: readonly Jump[] = [
  [0xaffd, 'c.j', 2046n, 0n, 0n],
  [0xb001, 'c.j', -2048n, 0n, 0n],
  [0xa46d, 'c.j', 0x2aan, 0n, 0n],
  [0xab91, 'c.j', 0x554n, 0n, 0n],
  [0xcd7d, 'c.beqz a0', 254n, 0n, 0n],
  [0xd101, 'c.beqz a0', -256n, 0n, 0n],
  [0xe5cd, 'c.bnez a1', 0xaan, 0n, 5n],
  [0xe9b1, 'c.bnez a1', 0x54n, 0n, 5n],
  [0xcd7d, 'c.beqz a0, not taken', 2n, 1n, 0n],
  [0xe5cd, 'c.bnez a1, not taken', 2n, 0n, 0n],
]

describe('a compressed jump', () => {
  const middle = 0x1000
  test.each(jumps)('%#: %x %s by %i', (half, _text, distance, a0, a1) => {
    const hart = new TestHart((a) => {
      a.jal('zero', 'middle')
      a.align(middle)
      a.label('middle')
      a.half(half)
    })
    hart.set('a0', a0).set('a1', a1)
    expect(hart.core.run(2)).toBe(Exit.budget)
    expect(hart.core.pc).toBe(ramOrigin + BigInt(middle) + distance)
  })
  test('c.jalr links to the instruction 2 bytes on, c.jr does not link', () => {
    const hart = new TestHart((a) => a.half(0x9502)).set('a0', 0x8000_0100n)
    hart.core.run(1)
    expect([hart.core.pc, hart.get('ra')]).toEqual([0x8000_0100n, ramOrigin + 2n])
    const other = new TestHart((a) => a.half(0x8502)).set('a0', 0x8000_0100n).set('ra', 7n)
    other.core.run(1)
    expect([other.core.pc, other.get('ra')]).toEqual([0x8000_0100n, 7n])
  })
})

/** Reserved encodings, and those of F and D, which this hart does not have. */
// tidy: data table
// biome-ignore format: a table
const illegal: readonly (readonly [half: number, text: string])[] = [
  [0x0000, 'all zero'],
  [0x0004, 'c.addi4spn a1, sp, 0'],
  [0x2005, 'c.addiw zero'],
  [0x6101, 'c.addi16sp by 0'],
  [0x6501, 'c.lui a0, 0'],
  [0x4002, 'c.lwsp zero'],
  [0x6002, 'c.ldsp zero'],
  [0x8002, 'c.jr zero'],
  [0x9c41, 'reserved arithmetic'],
  [0x8000, 'reserved in quadrant 0'],
  [0x2000, 'c.fld while FS is off'],
  [0xa000, 'c.fsd while FS is off'],
  [0x2002, 'c.fldsp while FS is off'],
  [0xa002, 'c.fsdsp while FS is off'],
]

test.each(illegal)('%#: %x, %s, is illegal and tells its 16 bits', (half) => {
  const hart = new TestHart((a) => {
    a.la('t0', 'handler')
    a.csrrw('zero', 'stvec', 't0')
    floatOff(a)
    a.half(half)
    a.align(4)
    a.label('handler')
    a.csrrs('a0', 'scause', 'zero')
    a.csrrs('a1', 'stval', 'zero')
    a.ecall()
  }).toEcall()
  expect([hart.get('a0'), hart.get('a1')]).toEqual([2n, BigInt(half)])
})
