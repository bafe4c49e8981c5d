// Loads and stores: widths and signs, misaligned and page-crossing addresses, devices, nothing at
// all.
// Source: unprivileged specification, "Load and Store Instructions".

import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import { signed, TestHart, type TestHartOptions } from '../test-hart.ts'

const data = 0x8000_3000n
const pattern = 0xf1e2d3c4b5a69788n

function withData(write: (a: Assembler) => void, options?: TestHartOptions): TestHart {
  const hart = new TestHart((a) => {
    a.la('t0', 'handler')
    a.csrrw('zero', 'stvec', 't0')
    write(a)
    a.li('a7', 0)
    a.ecall()
    a.align(4)
    a.label('handler')
    a.csrrs('a7', 'scause', 'zero')
    a.csrrs('a6', 'stval', 'zero')
    a.csrrs('a5', 'sepc', 'zero')
    a.ecall()
  }, options)
  hart.setDword(Number(data), pattern)
  return hart.set('s0', data)
}

describe('loads', () => {
  // tidy: data table
  const cases = [
    ['lb', 0, -0x78n],
    ['lb', 3, -0x4bn],
    ['lbu', 0, 0x88n],
    ['lh', 0, -0x6878n],
    ['lhu', 0, 0x9788n],
    ['lw', 0, -0x4a596878n],
    ['lwu', 0, 0xb5a69788n],
    ['ld', 0, signed(pattern)],
    ['lh', 1, -0x5969n],
    ['lw', 3, -0x1d2c3b4bn],
    ['lwu', 1, 0xc4b5a697n],
  ] as const
  test.each(cases)('%s at +%i', (name, offset, value) => {
    const hart = withData((a) => a[name]('a0', offset, 's0')).toEcall()
    expect(signed(hart.get('a0'))).toBe(value)
    expect(hart.get('a7')).toBe(0n)
  })
})

describe('stores', () => {
  // tidy: data table
  const cases = [
    ['sb', 2, 0xf1e2d3c4b5cd9788n],
    ['sh', 2, 0xf1e2d3c4abcd9788n],
    ['sw', 4, 0x6789abcdb5a69788n],
    ['sd', 0, 0x0123456789abcdn],
    ['sh', 1, 0xf1e2d3c4b5abcd88n],
    ['sw', 3, 0xf16789abcda69788n],
  ] as const
  test.each(cases)('%s at +%i changes its bytes alone', (name, offset, value) => {
    const hart = withData((a) => a[name]('a1', offset, 's0')).set('a1', 0x0123456789abcdn)
    expect(hart.toEcall().dword(Number(data))).toBe(value)
  })
})

describe('an access that crosses pages', () => {
  const edge = data + 0x1000n
  test.each([1, 2, 3, 4, 5, 6, 7])('of 8 bytes, %i of them in the first', (before) => {
    const hart = withData((a) => {
      a.sd('a1', 0, 's0')
      a.ld('a0', 0, 's0')
      a.lw('a2', before - 2, 's0')
    })
    hart
      .set('s0', edge - BigInt(before))
      .set('a1', pattern)
      .toEcall()
    expect(hart.get('a0')).toBe(pattern)
    const bytes = new Uint8Array(8)
    hart.core.dmaRead(Number(edge) - before, bytes)
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(pattern)
  })
  test('at the end of RAM is a fault of the part outside, and stores nothing', () => {
    const end = 0x8010_0000n
    const hart = withData((a) => a.sd('a1', 0, 's0'))
    hart
      .set('s0', end - 4n)
      .set('a1', pattern)
      .toEcall()
    expect([hart.get('a7'), hart.get('a6')]).toEqual([7n, end])
    expect(hart.dword(Number(end) - 8)).toBe(0n)
  })
})

describe('outside RAM', () => {
  test('a device answers loads of every width, extended as RAM is', () => {
    const asked: [number, number][] = []
    const mmioRead = (gpa: number, size: number) => {
      asked.push([gpa, size])
      return 0xfedcba9876543280n & ((1n << BigInt(8 * size)) - 1n)
    }
    const hart = withData(
      (a) => {
        a.lb('a0', 0, 's1')
        a.lhu('a1', 2, 's1')
        a.lw('a2', 4, 's1')
        a.ld('a3', 8, 's1')
      },
      { hooks: { mmioRead } },
    )
    hart.set('s1', 0x1000_0000n).toEcall()
    expect(asked).toEqual([
      [0x10000000, 1],
      [0x10000002, 2],
      [0x10000004, 4],
      [0x10000008, 8],
    ])
    expect(signed(hart.get('a0'))).toBe(-0x80n)
    expect(hart.get('a1')).toBe(0x3280n)
    expect(hart.get('a2')).toBe(0x76543280n)
    expect(hart.get('a3')).toBe(0xfedcba9876543280n)
  })
  test('a device gets stores, cut to their width', () => {
    const stored: unknown[] = []
    const mmioWrite = (...store: unknown[]) => stored.push(store) > 0
    const hart = withData(
      (a) => {
        a.sb('a0', 0, 's1')
        a.sw('a0', 4, 's1')
        a.sd('a0', 8, 's1')
      },
      { hooks: { mmioWrite } },
    )
    hart.set('a0', -2n).set('s1', 0x1000_0000n).toEcall()
    expect(stored).toEqual([
      [0x10000000, 1, 0xfen],
      [0x10000004, 4, 0xfffffffen],
      [0x10000008, 8, 0xfffffffffffffffen],
    ])
  })
  test.each([
    ['lw', 0x1000_0000n, 5n],
    ['lw', 0x7fff_fffcn, 5n],
    ['ld', 0x8010_0000n, 5n],
    ['ld', 0xffff_ffff_ffff_fff8n, 5n],
    ['sw', 0x1000_0000n, 7n],
    ['sd', 0x8010_0000n, 7n],
  ] as const)('where nothing is, %s at %x is an access fault', (name, address, cause) => {
    const hart = withData((a) => {
      a.label('faulting')
      if (name === 'lw' || name === 'ld') a[name]('a0', 0, 's0')
      else a[name]('a0', 0, 's0')
    })
    hart.set('s0', address).set('a0', 77n).toEcall()
    expect([hart.get('a7'), hart.get('a6')]).toEqual([cause, address])
    expect(hart.get('a5')).toBe(hart.program.addressOf('faulting'))
    expect(hart.get('a0')).toBe(77n)
  })
  test('a misaligned access to a device is a fault, and the device is not asked', () => {
    let asked = 0
    const hooks = { mmioRead: () => BigInt(++asked) }
    const hart = withData((a) => a.lw('a0', 2, 's0'), { hooks })
      .set('s0', 0x1000_0000n)
      .toEcall()
    expect([hart.get('a7'), asked]).toEqual([5n, 0])
  })
})
