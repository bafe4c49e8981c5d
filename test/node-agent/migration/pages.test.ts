// Pages on their way: from real guest memory through frames into real guest memory.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { VirtualClock } from '#env/memory.ts'
import { realZstd } from '#env/real/zstd.ts'
import { newLinkRate } from '#node-agent/migration/encoding/link-rate.ts'
import { PageEncoder } from '#node-agent/migration/encoding/page-encoder.ts'
import { FramePool } from '#node-agent/migration/frame-pool.ts'
import { newPace } from '#node-agent/migration/pace.ts'
import { receiveFrame } from '#node-agent/migration/page-receiver.ts'
import { PageSender, type PageSenderPorts } from '#node-agent/migration/page-sender.ts'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { encodePageFrame } from '#proto/page-frame.ts'
import { mebibyte, pageBytes } from '#proto/units.ts'
import type { MessageLink } from '#proto/wire.ts'

const vm = { vmId: asVmId('vm1'), epoch: asEpoch(2) }
const ramBytes = 4 * mebibyte
const pageCount = ramBytes / pageBytes

let module: WebAssembly.Module
beforeAll(async () => {
  module = await WebAssembly.compile(readFileSync(coreWasmUrl))
})

const freshMemory = () => WasmGuestMemory.create(module, ramBytes)

/** A link that keeps what is sent; `stuck`: nothing ever leaves it. */
function linkDouble(stuck = false) {
  const frames: Uint8Array[] = []
  let bufferedBytes = 0
  const link: MessageLink = {
    peer: 'double',
    get bufferedBytes() {
      return bufferedBytes
    },
    send: (bytes) => {
      frames.push(bytes)
      if (stuck) bufferedBytes += bytes.length
    },
    drained: () => (stuck ? new Promise(() => undefined) : Promise.resolve()),
    onMessage: () => undefined,
    onClose: () => undefined,
    close: () => undefined,
  }
  return { frames, link }
}

function bitmapOf(pages: Iterable<number>): Uint8Array {
  const bitmap = new Uint8Array(pageCount / 8)
  for (const page of pages) bitmap[page >> 3] = (bitmap[page >> 3] ?? 0) | (1 << (page & 7))
  return bitmap
}

function senderOf(
  memory: WasmGuestMemory,
  link: MessageLink,
  round: number,
  pages: number[],
  more: Partial<PageSenderPorts> & { readonly clock?: VirtualClock } = {},
) {
  const { clock = new VirtualClock() } = more
  const ports = {
    ...{ clock, link, memory, paces: [newPace(0, 0)], frames: new FramePool() },
    ...{
      encoder: new PageEncoder({ clock, zstd: realZstd, donor: undefined }, 'raw'),
      rate: newLinkRate(0),
      recorder: undefined,
    },
    ...{ ended: () => false, progress: () => {}, ...more },
    clock,
  }
  return {
    clock,
    sender: new PageSender({ ...vm, round, bitmap: bitmapOf(pages), isLast: false }, ports),
  }
}

async function move(from: WasmGuestMemory, to: WasmGuestMemory, round: number, pages: number[]) {
  const { frames, link } = linkDouble()
  const { sender } = senderOf(from, link, round, pages)
  const sent = await sender.send()
  for (const [frameNumber, frame] of frames.entries()) {
    const place = { round, frameNumber }
    expect(
      receiveFrame(frame.subarray(1), { ...vm, memory: to, zstd: realZstd }, place),
    ).toBeUndefined()
  }
  return sent
}

const pageOf = (fill: number) => new Uint8Array(pageBytes).fill(fill)
const all = Array.from({ length: pageCount }, (_, page) => page)

test('a round of everything sends content once, zero pages as numbers only', async () => {
  const [source, destination] = [freshMemory(), freshMemory()]
  source.store(Uint32Array.of(0, 5, 1023), new Uint8Array(3 * pageBytes).fill(7))
  const sent = await move(source, destination, 0, all)
  // Two frames of content, for they are far apart, and one of numbers.
  expect(sent).toMatchObject({ frames: 3, pages: pageCount, zeroPages: pageCount - 3 })
  expect(sent.bytes).toBeLessThan(3 * pageBytes + 4 * pageCount + 500)
  expect(destination.fullHash()).toBe(source.fullHash())
  expect(destination.trackedHash()).toBe(source.trackedHash())
})

test('a page that has become zero is zeroed at the destination', async () => {
  const [source, destination] = [freshMemory(), freshMemory()]
  source.store(Uint32Array.of(9), pageOf(1))
  await move(source, destination, 0, all)
  source.storeZero(Uint32Array.of(9))
  expect(await move(source, destination, 1, [9])).toMatchObject({ pages: 1, zeroPages: 1 })
  expect(destination.fullHash()).toBe(source.fullHash())
})

test('law: round 0 and then what was written gives equal memory, by both hashes', async () => {
  const writes = fc.array(fc.tuple(fc.nat(pageCount - 1), fc.nat(3)), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(fc.array(writes, { minLength: 1, maxLength: 4 }), async (rounds) => {
      const [source, destination] = [freshMemory(), freshMemory()]
      for (const [round, written] of rounds.entries()) {
        for (const [page, fill] of written) source.store(Uint32Array.of(page), pageOf(fill))
        await move(source, destination, round, round === 0 ? all : written.map(([page]) => page))
      }
      expect(destination.trackedHash()).toBe(source.trackedHash())
      expect(destination.fullHash()).toBe(source.fullHash())
    }),
    { numRuns: 20 },
  )
})

test('a frame that is not due changes nothing; a damaged one is found', () => {
  const memory = freshMemory()
  const sender = freshMemory()
  sender.store(Uint32Array.of(3), pageOf(1))
  const contentSum = sender.contentSum(Uint32Array.of(3))
  const frame = (more: object) =>
    encodePageFrame({
      ...{ ...vm, round: 0, frameNumber: 0, encoding: 'raw', contentSum },
      ...{ pages: Uint32Array.of(3), bytes: pageOf(1), ...more },
    }).subarray(1)
  const receive = (bytes: Uint8Array) =>
    receiveFrame(bytes, { ...vm, memory, zstd: realZstd }, { round: 0, frameNumber: 0 })?.code
  expect(receive(frame({ round: 1 }))).toBe('bad-frame')
  expect(receive(frame({ frameNumber: 1 }))).toBe('bad-frame')
  expect(receive(frame({ vmId: asVmId('other') }))).toBe('bad-frame')
  expect(receive(frame({ epoch: asEpoch(1) }))).toBe('bad-frame')
  expect(receive(frame({ pages: Uint32Array.of(pageCount) }))).toBe('bad-frame')
  expect(memory.fullHash()).toBe(freshMemory().fullHash())
  expect(receive(frame({}))).toBeUndefined()
  expect(memory.fullHash()).toBe(sender.fullHash())
  for (const at of [200, 2000, frame({}).length - 1]) {
    const damaged = frame({}).slice()
    damaged[at] = (damaged[at] ?? 0) ^ 1
    expect(receive(damaged)).toBe('bad-frame')
  }
})

test('a frame at an odd place of a larger buffer is understood', () => {
  const memory = freshMemory()
  const bytes = encodePageFrame({
    ...{ ...vm, round: 0, frameNumber: 0, encoding: 'raw' },
    ...{ pages: Uint32Array.of(3), bytes: new Uint8Array(pageBytes), contentSum: 0 },
  })
  const socketBuffer = Buffer.concat([Buffer.from([0, 0, 0]), bytes])
  const place = { round: 0, frameNumber: 0 }
  expect(
    receiveFrame(socketBuffer.subarray(4), { ...vm, memory, zstd: realZstd }, place),
  ).toBeUndefined()
})

/** Takes so much in each ms of its clock, and no more. */
function narrowLink(clock: VirtualClock, bytesPerMs: number) {
  const frames: Uint8Array[] = []
  const waiting: { readonly below: number; readonly resolve: () => void }[] = []
  let buffered = 0
  const link: MessageLink = {
    ...linkDouble().link,
    get bufferedBytes() {
      return buffered
    },
    send: (bytes) => {
      frames.push(bytes)
      buffered += bytes.length
    },
    drained: (below = 0) => new Promise((resolve) => waiting.push({ below, resolve })),
  }
  const pass = async (ms: number) => {
    for (let n = 0; n < ms; n += 10) {
      buffered = Math.max(0, buffered - 10 * bytesPerMs)
      for (const one of waiting.splice(0))
        if (buffered <= one.below) one.resolve()
        else waiting.push(one)
      clock.advance(10)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { frames, link, pass }
}

test('on a narrow link little lies before it: progress is told all along, and a cut is quick', async () => {
  const source = freshMemory()
  for (const page of all) source.store(Uint32Array.of(page), pageOf(1 + (page % 250)))
  const clock = new VirtualClock()
  const { frames, link, pass } = narrowLink(clock, 64)
  const told: number[] = []
  const progress = (_: number, bytes: number) => told.push(bytes)
  const { sender } = senderOf(source, link, 0, all, { clock, progress })
  const sending = sender.send()
  await pass(24_000)
  expect(told.length).toBeGreaterThan(60)
  expect(told.slice(1).every((bytes, at) => bytes > (told[at] ?? 0))).toBe(true)
  expect(link.bufferedBytes).toBeLessThan(512 << 10)
  const before = frames.length
  sender.cut()
  await pass(5000)
  expect(frames.length).toBeLessThanOrEqual(before + 1)
  const { unsent } = await sending
  expect(unsent?.some((byte) => byte > 0)).toBe(true)
})

test('a link on which nothing leaves any more ends the round with timed-out', async () => {
  const source = freshMemory()
  for (const page of all) source.store(Uint32Array.of(page), pageOf(1 + (page % 250)))
  const { link } = linkDouble(true)
  const { clock, sender } = senderOf(source, link, 0, all)
  const sending = sender.send().catch((thrown) => thrown.fault?.code)
  let code: unknown
  void sending.then((value) => {
    code = value
  })
  for (let n = 0; n < 100 && code === undefined; n++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    clock.advance(5000)
  }
  expect(code).toBe('timed-out')
})
