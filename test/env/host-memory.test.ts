// A stretch of a VM's memory is marked for large pages by the kernel's own account.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hostMemory } from '#env/real/host-memory.ts'

const host = await hostMemory()

/** So many bytes of this process are marked as wished for in large pages. */
function markedBytes(): number {
  const maps = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  return maps
    .filter((map) => /^VmFlags:.* hg( |$)/m.test(map))
    .reduce((sum, map) => sum + 1024 * Number(/^Size:\s+(\d+)/m.exec(map)?.[1] ?? 0), 0)
}

test('what is wished for is marked, whole blocks and no more', async ({ skip }) => {
  if (!host) return skip('this computer gives no large pages to who asks, or koffi is not here')
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true })
  // A memory need not begin where a large page does.
  const { default: koffi } = await import('koffi')
  const begins = koffi.address(new Uint8Array(memory.buffer)) % BigInt(2 << 20)
  const whole = (4 << 20) - Number(begins)
  const before = markedBytes()
  host.wish(memory, whole + (1 << 20), 1 << 20)
  expect(markedBytes() - before).toBe(2 << 20)
  host.wish(memory, whole + (4 << 20), 4 << 20)
  expect(markedBytes() - before).toBe(6 << 20)
})

test('a wish may reach to the end of a memory', ({ skip }) => {
  if (!host) return skip('this computer gives no large pages to who asks, or koffi is not here')
  const memory = new WebAssembly.Memory({ initial: 33, maximum: 33, shared: true })
  expect(() => host.wish(memory, 2 << 20, 2 << 20)).not.toThrow()
})
