// Buffers of frames: used again when they came back, never while somebody may read them.

import { expect, test } from 'vitest'
import { FramePool } from '#node-agent/migration/frame-pool.ts'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { decodePageFrame, encodePageFrame } from '#proto/page-frame.ts'
import { pageBytes, pagesPerFullFrame } from '#proto/units.ts'

function frameIn(pool: FramePool, pages: number, fill: number) {
  return encodePageFrame({
    ...{ vmId: asVmId('vm'), epoch: asEpoch(1), round: 0, frameNumber: fill, encoding: 'raw' },
    ...{ pages: Uint32Array.from({ length: pages }, (_, page) => page), contentSum: 0 },
    bytes: pool.room(pages).fill(fill),
  })
}

test('a full frame that came back is the next one, and carries the new pages alone', () => {
  const pool = new FramePool()
  const first = frameIn(pool, pagesPerFullFrame, 1)
  const second = frameIn(pool, pagesPerFullFrame, 2)
  expect(second.buffer).not.toBe(first.buffer)
  pool.giveBack(first)
  const third = frameIn(pool, pagesPerFullFrame, 3)
  expect(third.buffer).toBe(first.buffer)
  const decoded = decodePageFrame(third.subarray(1), pagesPerFullFrame)
  expect(decoded).toMatchObject({ frame: { frameNumber: 3 } })
  const bytes = 'frame' in decoded ? decoded.frame.bytes : new Uint8Array(0)
  expect(bytes.length).toBe(pagesPerFullFrame * pageBytes)
  expect(bytes.every((byte) => byte === 3)).toBe(true)
})

test('a smaller frame has a buffer of its own size, and is not kept', () => {
  const pool = new FramePool()
  const small = frameIn(pool, 3, 1)
  pool.giveBack(small)
  expect(pool.room(3).buffer).not.toBe(small.buffer)
  expect(pool.room(pagesPerFullFrame).buffer).not.toBe(small.buffer)
})

test('no more are kept than can be under way', () => {
  const pool = new FramePool()
  const many = Array.from({ length: 50 }, (_, n) => frameIn(pool, pagesPerFullFrame, n))
  for (const frame of many) pool.giveBack(frame)
  const again = new Set(many.map(() => pool.room(pagesPerFullFrame).buffer))
  const kept = many.filter((frame) => again.has(frame.buffer)).length
  expect(kept).toBeGreaterThan(0)
  expect(kept).toBeLessThan(20)
})
