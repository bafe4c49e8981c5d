// Pairs of shifts as compilers write them, on both engines: what is one operation, what stays two.

import { expect, test } from 'vitest'
import { TestHart, unsigned } from '../cpu/test-hart.ts'

const values = [0n, 1n, 0x80n, 0xffn, 0x8000n, 0x1_2345_6789n, -1n, 1n << 63n, 0x8000_0000n]

test.each([1, 8, 32, 47, 48, 56, 63])('there and back by %d', (distance) => {
  for (const value of values)
    for (const threshold of [0, 1]) {
      const hart = new TestHart(
        (a) => {
          a.li('s1', 20)
          a.label('again')
          a.slli('a0', 's0', distance)
          a.srli('a0', 'a0', distance)
          a.slli('a1', 's0', distance)
          a.srai('a1', 'a1', distance)
          // Not pairs: another distance, another register.
          a.slli('a2', 's0', distance)
          a.srli('a2', 'a2', 1)
          a.slli('a3', 's0', distance)
          a.srli('a4', 'a3', distance)
          a.addi('s1', 's1', -1)
          a.bne('s1', 'zero', 'again')
          a.ecall()
        },
        { threshold },
      )
      hart.set('s0', value).toEcall()
      const shifted = unsigned(value << BigInt(distance))
      const back = unsigned(BigInt.asIntN(64, shifted) >> BigInt(distance))
      expect(hart.get('a0')).toBe(shifted >> BigInt(distance))
      expect(hart.get('a1')).toBe(back)
      expect(hart.get('a2')).toBe(shifted >> 1n)
      expect(hart.get('a3')).toBe(shifted)
      expect(hart.get('a4')).toBe(shifted >> BigInt(distance))
    }
})
