// What the host is asked for by a VM's memory, by the kernel's own account.

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
  if (!host?.large)
    return skip('this computer gives no large pages to who asks, or koffi is not here')
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true })
  // A memory need not begin where a large page does.
  const { default: koffi } = await import('koffi')
  const begins = koffi.address(new Uint8Array(memory.buffer)) % BigInt(2 << 20)
  const whole = (4 << 20) - Number(begins)
  const before = markedBytes()
  host.large.wish(memory, whole + (1 << 20), 1 << 20)
  expect(markedBytes() - before).toBe(2 << 20)
  host.large.wish(memory, whole + (4 << 20), 4 << 20)
  expect(markedBytes() - before).toBe(6 << 20)
})

test('a wish may reach to the end of a memory', ({ skip }) => {
  if (!host?.large)
    return skip('this computer gives no large pages to who asks, or koffi is not here')
  const memory = new WebAssembly.Memory({ initial: 33, maximum: 33, shared: true })
  expect(() => host.large?.wish(memory, 2 << 20, 2 << 20)).not.toThrow()
})

test('memory that begins anywhere is marked inside, to its last whole block', ({ skip }) => {
  if (!host?.large)
    return skip('this computer gives no large pages to who asks, or koffi is not here')
  const before = markedBytes()
  // From the C library: it begins neither where a large page does nor where a small one does.
  const bytes = new Uint8Array(new SharedArrayBuffer(40 << 20))
  host.large.wish(bytes, 0, bytes.length)
  expect(markedBytes() - before).toBe(38 << 20)
})

/** So many bytes of this process lie in memory. */
const residentBytes = () =>
  1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

test('what is had ahead is there before anybody writes to it, and as it was', async ({ skip }) => {
  if (!host?.large)
    return skip('this computer gives no large pages to who asks, or koffi is not here')
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true })
  const bytes = new Uint8Array(memory.buffer)
  bytes.fill(7, 8 << 20, 10 << 20)
  const before = residentBytes()
  host.large.have(memory, 0, 64 << 20)
  // The thread that does it has to start first.
  await expect.poll(residentBytes, { timeout: 20_000 }).toBeGreaterThan(before + (56 << 20))
  const seen = [0, 8 << 20, (10 << 20) - 1, 10 << 20, 63 << 20].map((at) => bytes[at])
  expect(seen).toEqual([0, 7, 7, 0, 0])
})

test('what is given back is zero, and the host has it, though the memory is not collected', ({
  skip,
}) => {
  if (!host) return skip('koffi is not here')
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true })
  const bytes = new Uint8Array(memory.buffer)
  bytes.fill(7)
  const before = residentBytes()
  host.giveBack(memory, 1 << 20, 62 << 20)
  expect(before - residentBytes()).toBeGreaterThan(50 << 20)
  const seen = [0, (1 << 20) - 1, 1 << 20, (63 << 20) - 1, 63 << 20].map((at) => bytes[at])
  expect(seen).toEqual([7, 7, 0, 0, 7])
  bytes[1 << 20] = 8 // It can be used again.
  expect(bytes[1 << 20]).toBe(8)
})
