// Slices under the real clock: about as long as asked for, always some progress, and the same
// result however they are cut.

import { expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import type { Assembler } from '../cpu/assembler.ts'
import { TestHart } from '../cpu/test-hart.ts'

const nested = (a: Assembler) => {
  a.li('s0', 60)
  a.label('outer')
  a.li('s1', 50)
  a.label('inner')
  a.add('a0', 'a0', 's1')
  a.xor('a1', 'a1', 'a0')
  a.addi('s1', 's1', -1)
  a.bne('s1', 'zero', 'inner')
  a.addi('s0', 's0', -1)
  a.bne('s0', 'zero', 'outer')
  a.ecall()
}

test.each([1, 7, 100, 1000, 100_000])('slices of %d', (budget) => {
  const whole = new TestHart(nested, { threshold: 0 }).toEcall()
  const hart = new TestHart(nested, { clock: 'real', threshold: 2 })
  for (let exit: Exit = Exit.budget; exit === Exit.budget; ) {
    const before = hart.core.retired
    exit = hart.core.run(budget)
    const retired = hart.core.retired - before
    expect(retired).toBeGreaterThan(0)
    expect(retired).toBeLessThanOrEqual(2 * budget)
  }
  for (const register of ['a0', 'a1', 's0'] as const)
    expect(hart.get(register)).toBe(whole.get(register))
  expect(hart.core.retired).toBe(whole.core.retired)
})
