// Memory that goes from a VM that is gone to one that comes: nothing of the first is in it.

import { expect, test } from 'vitest'
import { instantiateCore, noHooks } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { VirtualClock } from '#env/memory.ts'
import { RamPool } from '#node-agent/ram-pool.ts'
import { coreModule, pageBytes, ramStart, TestHart } from '../engine/cpu/test-hart.ts'

const ramBytes = 4 << 20
const limits = { bytesMax: ramBytes, keptMs: 1000 }

/** A guest that ran, wrote, was logged, forked and collected. */
function worn(): WasmGuestMemory {
  const hart = new TestHart(
    (a) => {
      a.label('again')
      a.sd('s1', 0, 's0')
      a.addi('s0', 's0', 2047)
      a.bltu('s0', 's2', 'again')
      a.ecall()
    },
    { ramBytes },
  )
  hart.set('s0', BigInt(ramStart + pageBytes)).set('s1', -1n)
  hart.set('s2', BigInt(ramStart + ramBytes / 2)).toEcall()
  const image = {
    bytes: new SharedArrayBuffer(ramBytes),
    flags: new SharedArrayBuffer(ramBytes / pageBytes),
  }
  hart.core.freeze(image)
  hart.core.takeLog(hart.core.openLog())
  const { memory } = hart
  const all = new Uint8Array(memory.pageCount / 8).fill(0xff)
  memory.collect(all, 0, 256)
  return memory
}

/** All but decoded code and counters behind the tables, which are made zero as they are used. */
const { call } = instantiateCore(coreModule, worn().memory, noHooks)
const bytesOf = (memory: WasmGuestMemory) =>
  new Uint8Array(memory.memory.buffer).subarray(0, call.blockPool())

test('what was used is as fresh memory is, to the last byte, and is given once', async () => {
  const pool = new RamPool(new VirtualClock(), limits)
  const old = worn()
  expect(bytesOf(old).some((byte) => byte !== 0)).toBe(true)
  await pool.give(old.surrender())
  const memory = pool.take(ramBytes)
  expect(memory).toBe(old.memory)
  expect(pool.take(ramBytes)).toBeUndefined()
  const again = WasmGuestMemory.on(coreModule, memory as WebAssembly.Memory, ramBytes)
  const fresh = WasmGuestMemory.create(coreModule, ramBytes)
  expect(Buffer.compare(bytesOf(again), bytesOf(fresh))).toBe(0)
})

test('who still holds the VM that is gone can neither read nor write it', () => {
  const old = worn()
  const used = old.surrender()
  expect(() => old.store(Uint32Array.of(1), new Uint8Array(pageBytes))).toThrow(/was given up/)
  expect(() => old.trackedHash()).toThrow(/was given up/)
  expect(old.memory).toBe(used.memory)
})

test('no more is kept than allowed, none for long, and none of another size is given', async () => {
  const clock = new VirtualClock()
  const pool = new RamPool(clock, limits)
  const first = worn().surrender()
  await pool.give(first)
  await pool.give(worn().surrender())
  expect(pool.bytes).toBe(ramBytes)
  expect(pool.take(2 * ramBytes)).toBeUndefined()
  clock.advance(limits.keptMs + 1)
  expect([pool.bytes, pool.take(ramBytes)]).toEqual([0, undefined])
})

test('memory that is not clean yet is given to nobody', async () => {
  const pool = new RamPool(new VirtualClock(), limits)
  const cleaning = pool.give(worn().surrender())
  expect(pool.take(ramBytes)).toBeUndefined()
  await cleaning
  expect(pool.take(ramBytes)).toBeDefined()
})

test('what is not kept, and what is not kept any more, the host has back to the last byte', async () => {
  const clock = new VirtualClock()
  const given: [memory: WebAssembly.Memory, address: number, bytes: number][] = []
  const pool = new RamPool(clock, limits, (...piece) => given.push(piece))
  const bytesOfOne = (one: WebAssembly.Memory) =>
    given.reduce((sum, [memory, , bytes]) => sum + (memory === one ? bytes : 0), 0)
  const [first, second] = [worn().surrender(), worn().surrender()]
  await pool.give(first)
  expect(given).toEqual([])
  await pool.give(second)
  expect(bytesOfOne(second.memory)).toBe(second.memory.buffer.byteLength)
  clock.advance(limits.keptMs + 1)
  await expect.poll(() => bytesOfOne(first.memory)).toBe(first.memory.buffer.byteLength)
})

test('what another VM has got meanwhile is not taken from it', async () => {
  const clock = new VirtualClock()
  const given: unknown[] = []
  const pool = new RamPool(clock, limits, (...piece) => given.push(piece))
  await pool.give(worn().surrender())
  expect(pool.take(ramBytes)).toBeDefined()
  clock.advance(limits.keptMs + 1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(given).toEqual([])
})
