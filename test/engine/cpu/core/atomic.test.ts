// The A extension: what the AMOs leave and give, and when SC succeeds.
// Source: unprivileged specification, chapter A.

import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import { signed, TestHart } from '../test-hart.ts'

const at = 0x8000_2000
const big = 0xffff_ffff_8000_0000n

function run(write: (a: Assembler) => void, memory: bigint, operand = 0n): TestHart {
  const hart = new TestHart((a) => {
    a.la('t0', 'handler')
    a.csrrw('zero', 'stvec', 't0')
    write(a)
    a.ecall()
    a.align(4)
    a.label('handler')
    a.csrrs('a7', 'scause', 'zero')
    a.csrrs('a6', 'stval', 'zero')
    a.ecall()
  })
  hart.setDword(at, memory)
  return hart.set('s0', BigInt(at)).set('a1', operand).toEcall()
}

describe('an AMO gives the old value and leaves the new one', () => {
  // tidy: data table
  // biome-ignore format: a table
  const cases = [
    ['amoaddd', 5n, 7n, 12n],
    ['amoswapd', 5n, 7n, 7n],
    ['amoxord', 0b1100n, 0b1010n, 0b0110n],
    ['amoord', 0b1100n, 0b1010n, 0b1110n],
    ['amoandd', 0b1100n, 0b1010n, 0b1000n],
    ['amomind', -5n, 3n, -5n],
    ['amomaxd', -5n, 3n, 3n],
    ['amominud', -5n, 3n, 3n],
    ['amomaxud', -5n, 3n, -5n],
  ] as const
  test.each(cases)('%s', (name, memory, operand, left) => {
    const hart = run((a) => a[name]('a0', 'a1', 's0'), BigInt.asUintN(64, memory), operand)
    expect(signed(hart.get('a0'))).toBe(memory)
    expect(signed(hart.dword(at))).toBe(left)
  })
  // tidy: data table
  // biome-ignore format: a table
  const words = [
    ['amoaddw', 0x7fffffffn, 1n, 0x80000000n, 0x7fffffffn],
    ['amoswapw', 0x80000000n, 7n, 7n, big],
    ['amominw', 0x80000000n, 1n, 0x80000000n, big],
    ['amomaxw', 0x80000000n, 1n, 1n, big],
    ['amominuw', 0x80000000n, 1n, 1n, big],
    ['amomaxuw', 0x80000000n, 1n, 0x80000000n, big],
  ] as const
  test.each(words)('%s leaves the other word alone', (name, memory, operand, left, old) => {
    const above = 0x1234_5678n << 32n
    const hart = run((a) => a[name]('a0', 'a1', 's0'), above | memory, operand)
    expect(hart.get('a0')).toBe(old)
    expect(hart.dword(at)).toBe(above | left)
  })
  test('with the same register for address, operand and result', () => {
    const hart = run((a) => a.amoaddd('s0', 's0', 's0'), 1n)
    expect(hart.get('s0')).toBe(1n)
    expect(hart.dword(at)).toBe(BigInt(at) + 1n)
  })
})

describe('a store-conditional', () => {
  test('succeeds once after a load-reserved', () => {
    const hart = run(
      (a) => {
        a.lrd('a2', 's0')
        a.scd('a3', 'a1', 's0')
        a.scd('a4', 'a0', 's0')
      },
      11n,
      22n,
    )
    expect([hart.get('a2'), hart.get('a3'), hart.get('a4')]).toEqual([11n, 0n, 1n])
    expect(hart.dword(at)).toBe(22n)
  })
  test('fails without a reservation, and at another address', () => {
    const hart = run(
      (a) => {
        a.scd('a2', 'a1', 's0')
        a.lrd('a3', 's0')
        a.addi('s0', 's0', 8)
        a.scd('a4', 'a1', 's0')
      },
      11n,
      22n,
    )
    expect([hart.get('a2'), hart.get('a4')]).toEqual([1n, 1n])
    expect([hart.dword(at), hart.dword(at + 8)]).toEqual([11n, 0n])
  })
  test('fails when a device wrote there meanwhile, and only there', () => {
    const reserve = (a: Assembler) => {
      a.lrd('a2', 's0')
      a.ecall()
      a.scd('a3', 'a1', 's0')
    }
    const elsewhere = run(reserve, 11n, 22n)
    elsewhere.setDword(at + 8, 33n)
    expect(elsewhere.toEcall().get('a3')).toBe(0n)
    for (const there of [at - 4, at, at + 4]) {
      const written = run(reserve, 11n, 22n)
      written.setDword(there, 33n)
      expect(written.toEcall().get('a3')).toBe(1n)
    }
  })
  test('fails after one that trapped: that one has used the reservation up', () => {
    const hart = run((a) => {
      a.la('t0', 'again')
      a.csrrw('zero', 'stvec', 't0')
      a.lui('s2', 0x10000)
      a.lrd('a2', 's0')
      a.scd('a3', 'a1', 's2')
      a.ecall()
      a.align(4)
      a.label('again')
      a.scd('a4', 'a1', 's0')
    }, 11n)
    expect(hart.get('a4')).toBe(1n)
    expect(hart.dword(at)).toBe(11n)
  })
  test('lr.w extends the sign', () => {
    expect(run((a) => a.lrw('a2', 's0'), 0x80000000n).get('a2')).toBe(big)
  })
})

describe('faults', () => {
  test.each([
    ['amoaddd', 4n, 6n],
    ['amoaddw', 2n, 6n],
    ['scd', 4n, 6n],
  ] as const)('a misaligned %s is a misaligned store', (name, offset, cause) => {
    const address = BigInt(at) + offset
    const faulted = run((a) => {
      a.addi('s0', 's0', Number(offset))
      a[name]('a0', 'a1', 's0')
    }, 0n)
    expect([faulted.get('a7'), faulted.get('a6')]).toEqual([cause, address])
  })
  test('a misaligned lr is a misaligned load', () => {
    const hart = run((a) => {
      a.addi('s0', 's0', 4)
      a.lrd('a0', 's0')
    }, 0n)
    expect([hart.get('a7'), hart.get('a6')]).toEqual([4n, BigInt(at) + 4n])
  })
  test('an AMO outside RAM is a store access fault', () => {
    const hart = run((a) => {
      a.lui('s0', 0x10000)
      a.amoaddw('a0', 'a1', 's0')
    }, 0n)
    expect([hart.get('a7'), hart.get('a6')]).toEqual([7n, 0x1000_0000n])
  })
})
