// The agent's thread collects pages while the guest rewrites them on another: pre-copy in small.
// What is torn or missed in one round is dirty in a later one, so that once the guest has stopped,
// source and destination are equal.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { assemble } from '../cpu/assembler.ts'
import { coreModule, pageBytes, ramOrigin } from '../cpu/test-hart.ts'

const ramBytes = 4 << 20
const workingSetPages = 64
const rounds = 12

/** Rewrites the words of a working set, at s0 and s1 pages long, with ever new values. */
const rewriting = assemble(ramOrigin, (a) => {
  a.label('pass')
  a.addi('t0', 's0', 0)
  a.slli('t1', 's1', 12)
  a.add('t1', 't1', 's0')
  a.label('next')
  a.addi('a0', 'a0', 1)
  a.mul('a1', 'a0', 'a0')
  a.sd('a1', 0, 't0')
  a.addi('t0', 't0', 8)
  a.bne('t0', 't1', 'next')
  a.jal('zero', 'pass')
})

function send(source: WasmGuestMemory, destination: WasmGuestMemory, bitmap: Uint8Array): void {
  for (let from = 0; from < source.pageCount; ) {
    const got = source.collect(bitmap, from, 256)
    destination.store(got.pages, got.bytes)
    destination.storeZero(got.zeroPages)
    from = got.nextPage
  }
}

test('rounds under a running guest, then one when it has stopped, make equal memory', async () => {
  const source = WasmGuestMemory.create(coreModule, ramBytes)
  const destination = WasmGuestMemory.create(coreModule, ramBytes)
  const code = new Uint8Array(pageBytes)
  code.set(rewriting.bytes)
  source.store(Uint32Array.of(0), code)
  const guest = new Worker(new URL('./running-guest.ts', import.meta.url), {
    workerData: {
      module: coreModule,
      memory: source.memory,
      ramBytes,
      pc: ramOrigin,
      s0: ramOrigin + BigInt(8 * pageBytes),
      pages: BigInt(workingSetPages),
    },
  })
  const ended = once(guest, 'exit')
  send(source, destination, new Uint8Array(source.pageCount / 8).fill(0xff))
  for (let round = 1; round <= rounds; round++) {
    const answer = once(guest, 'message')
    guest.postMessage(round === rounds ? 'stop' : 'take')
    const [{ bitmap }] = await answer
    send(source, destination, bitmap)
  }
  await ended
  expect(source.trackedHash()).toBe(source.fullHash())
  expect(destination.trackedHash()).toBe(source.fullHash())
  expect(destination.fullHash()).toBe(source.fullHash())
  expect(source.touchedBytes()).toBe((1 + workingSetPages) * pageBytes)
})
