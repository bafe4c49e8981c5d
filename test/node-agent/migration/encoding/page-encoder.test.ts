// Pages that travel compressed, or as what has changed: what is stored there is what was here.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { VirtualClock } from '#env/memory.ts'
import { sha256 } from '#env/real/digest.ts'
import { realZstd } from '#env/real/zstd.ts'
import { PageEncoder } from '#node-agent/migration/encoding/page-encoder.ts'
import { SentPages } from '#node-agent/migration/encoding/sent-pages.ts'
import { receiveFrame } from '#node-agent/migration/page-receiver.ts'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { encodePageFrame, type PageFrame } from '#proto/page-frame.ts'
import { mebibyte, pageBytes } from '#proto/units.ts'

const target = { vmId: asVmId('vm1'), epoch: asEpoch(2) }

let module: WebAssembly.Module
beforeAll(async () => {
  module = await WebAssembly.compile(readFileSync(coreWasmUrl))
})

/** One end after the other, without a link between. */
class Passage {
  readonly there = WasmGuestMemory.create(module, mebibyte)
  readonly here = WasmGuestMemory.create(module, mebibyte)
  readonly encodings: string[] = []
  wireBytes = 0
  readonly #encoder: PageEncoder

  constructor(wish: 'raw' | 'zstd' | 'delta') {
    this.#encoder = new PageEncoder(
      { clock: new VirtualClock(), zstd: realZstd, donor: undefined },
      wish,
    )
  }

  /** Writes these pages here and sends them. */
  async send(round: number, pages: number[], content: (page: number) => Uint8Array) {
    const list = Uint32Array.from(pages)
    const bytes = new Uint8Array(pages.length * pageBytes)
    for (const [at, page] of pages.entries()) bytes.set(content(page), at * pageBytes)
    this.here.store(list, bytes)
    const parts = await this.#encoder.encode(round, list, bytes, 1000)
    for (const [frameNumber, { encoding, pages: of, bytes: payload }] of parts.entries()) {
      this.encodings.push(encoding)
      const contentSum = this.here.contentSum(of)
      const frame = { ...target, round, frameNumber, encoding, pages: of, contentSum }
      const fault = this.receive({ ...frame, bytes: payload })
      expect(fault).toBeUndefined()
    }
  }

  receive(frame: PageFrame) {
    const wire = encodePageFrame(frame)
    this.wireBytes += wire.length
    const { round, frameNumber } = frame
    return receiveFrame(
      wire.subarray(1),
      { ...target, memory: this.there, zstd: realZstd },
      { round, frameNumber },
    )
  }

  zero(pages: number[]): void {
    const list = Uint32Array.from(pages)
    this.here.storeZero(list)
    this.there.storeZero(list)
    this.#encoder.forget(list)
  }

  expectEqual(): void {
    expect(this.there.fullHash()).toBe(this.here.fullHash())
  }
}

const text = (page: number) =>
  new TextEncoder().encode(`page ${page} `.repeat(pageBytes)).subarray(0, pageBytes)
const counted = (page: number, counter: number) => {
  const bytes = text(page).slice()
  new DataView(bytes.buffer).setUint32(0, counter)
  return bytes
}

test('compressed pages arrive as they were, in a fraction of the bytes', async () => {
  const passage = new Passage('zstd')
  await passage.send(0, [3, 5, 8, 13], text)
  expect(passage.encodings).toEqual(['zstd'])
  expect(passage.wireBytes).toBeLessThan(pageBytes)
  passage.expectEqual()
})

test('what was sent twice travels as what has changed from then on', async () => {
  const passage = new Passage('delta')
  const pages = [1, 2, 3, 200]
  for (let round = 0; round < 5; round++) {
    await passage.send(round, pages, (page) => counted(page, round * 1000 + page))
    passage.expectEqual()
  }
  expect(passage.encodings).toEqual(['raw', 'raw', 'delta', 'delta', 'delta'])
  expect(passage.wireBytes).toBeLessThan(9 * pageBytes)
})

test('a batch of old and new pages is parted', async () => {
  const passage = new Passage('delta')
  await passage.send(1, [1, 2], text)
  await passage.send(2, [1, 2, 3, 4], (page) => counted(page, 7))
  expect(passage.encodings).toEqual(['raw', 'delta', 'raw'])
  passage.expectEqual()
})

test('a page that was zero in between is no base', async () => {
  const passage = new Passage('delta')
  await passage.send(1, [1, 2], text)
  passage.zero([1])
  await passage.send(2, [1, 2], (page) => counted(page, 7))
  passage.expectEqual()
})

test('whatever is written in whatever round, both ends are equal after each', async () => {
  const one = fc.record({
    pages: fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 40 }),
    zeros: fc.array(fc.nat(255), { maxLength: 5 }),
    seed: fc.nat(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 6 }), async (rounds) => {
      const passage = new Passage('delta')
      for (const [round, { pages, zeros, seed }] of rounds.entries()) {
        await passage.send(round, pages, (page) => counted(page, seed))
        passage.zero(zeros)
        passage.expectEqual()
      }
    }),
    { numRuns: 30 },
  )
})

test('a payload that does not unpack, or to something else, is refused and named', async () => {
  const passage = new Passage('zstd')
  const pages = Uint32Array.of(1, 2)
  const frame = { ...target, round: 0, frameNumber: 0, pages, contentSum: 0 }
  const bad = { ...frame, encoding: 'zstd', bytes: new Uint8Array(99).fill(7) } as const
  expect(passage.receive(bad)).toMatchObject({ code: 'bad-frame' })
  const [part] = await new PageEncoder(
    { clock: new VirtualClock(), zstd: realZstd, donor: undefined },
    'zstd',
  ).encode(0, Uint32Array.of(1), text(1).slice(), 1)
  const short = { ...frame, encoding: 'delta', bytes: part?.bytes ?? new Uint8Array(0) } as const
  expect(passage.receive(short)).toMatchObject({ code: 'bad-frame' })
})

test('named pages come from the donor where it has them, and are lacking where it has not', async () => {
  const ports = { clock: new VirtualClock(), zstd: realZstd, donor: sha256 }
  const [there, sibling] = [1, 2].map(() => WasmGuestMemory.create(module, mebibyte))
  if (!there || !sibling) throw new Error('two were made')
  const pages = Uint32Array.of(1, 2, 3)
  const bytes = new Uint8Array(3 * pageBytes)
  for (const [at, page] of pages.entries()) bytes.set(text(page), at * pageBytes)
  sibling.store(Uint32Array.of(1, 2), new Uint8Array([...text(1), ...text(7)]))
  const [part] = await new PageEncoder(ports, 'auto').encode(0, pages, bytes, 1e6)
  expect(part?.encoding).toBe('held')
  const lacking: number[] = []
  const donor = {
    // Page 3 is one that the donor has lost with its VM.
    read: (page: number, into: Uint8Array) => {
      if (page < 3) sibling.readPage(page, into)
      return page < 3
    },
    ...{ digest: sha256, lacking },
  }
  const frame = { ...target, round: 0, frameNumber: 0, encoding: 'held', contentSum: 0 } as const
  const wire = encodePageFrame({ ...frame, pages, bytes: part?.bytes ?? new Uint8Array(0) })
  const copy = { ...target, memory: there, zstd: realZstd, donor }
  const place = { round: 0, frameNumber: 0 }
  expect(receiveFrame(wire.subarray(1), copy, place)).toBeUndefined()
  expect(lacking).toEqual([2, 3])
  const room = new Uint8Array(pageBytes)
  there.readPage(1, room)
  expect(room).toEqual(text(1))
  const alone = { ...copy, donor: undefined }
  expect(receiveFrame(wire.subarray(1), alone, place)).toMatchObject({ code: 'bad-frame' })
})

test('the memory of what was sent is bounded: the oldest makes way', () => {
  const sent = new SentPages(3)
  for (const page of [1, 2, 3, 1, 4]) sent.keep(page, new Uint32Array(1024).fill(page))
  expect([1, 2, 3, 4].map((page) => sent.has(page))).toEqual([true, false, true, true])
  sent.forget(3)
  sent.keep(5, new Uint32Array(1024).fill(5))
  const changes = new Uint32Array(1024)
  for (const page of [1, 4, 5]) {
    sent.differ(page, new Uint32Array(1024).fill(page), changes)
    expect(changes.every((word) => word === 0)).toBe(true)
  }
})
