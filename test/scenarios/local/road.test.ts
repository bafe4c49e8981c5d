// One direction between two processes, in virtual time: what a shape does to what one end says and
// the other hears. Nothing is lost by any of it, and nothing is overtaken.

import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { SeededRandom, VirtualClock } from '#env/memory.ts'
import type { LinkShape } from '#scenarios/link-shape.ts'
import { Flow, Road } from '#scenarios/local/road.ts'

const turn = () => new Promise<void>((go) => setImmediate(go))

function between() {
  const clock = new VirtualClock()
  const cut = { isSo: false }
  const road = new Road(clock, new SeededRandom(1), () => cut.isSo)
  const ends = { from: new PassThrough(), to: new PassThrough() }
  const heard: { atMs: number; bytes: number }[] = []
  ends.to.on('data', ({ length }: Buffer) => heard.push({ atMs: clock.nowMs(), bytes: length }))
  let ended = 0
  const flow = new Flow(ends.from, ends.to, { road, onEnd: () => void ended++ })
  flow.review()
  /** Everything that is due within so many ms. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left--) {
      await turn()
      clock.advance(1)
    }
    await turn()
  }
  const say = async (bytes: number) => {
    ends.from.write(Buffer.alloc(bytes))
    await turn()
  }
  return { clock, cut, road, flow, heard, pass, say, ends, ended: () => ended }
}

const total = (heard: readonly { bytes: number }[]) => heard.reduce((sum, x) => sum + x.bytes, 0)

test('without a shape all passes at once', async () => {
  const { heard, say, pass } = between()
  await say(1000)
  await pass(1)
  expect(heard).toEqual([{ atMs: 0, bytes: 1000 }])
})

describe('a shape', () => {
  test('lets each piece arrive after its latency', async () => {
    const { road, heard, say, pass } = between()
    road.reshape({ latencyMs: 20 })
    await say(10)
    await pass(19)
    expect(heard).toEqual([])
    await pass(2)
    expect(heard).toEqual([{ atMs: 20, bytes: 10 }])
  })

  test('lets no piece overtake another, however they jitter', async () => {
    const { road, heard, say, pass } = between()
    road.reshape({ latencyMs: 1, jitterMs: 50 })
    for (let bytes = 1; bytes <= 20; bytes++) await say(bytes)
    await pass(60)
    const order = Array.from({ length: 20 }, (_, i) => i + 1)
    expect(heard.map(({ bytes }) => bytes)).toEqual(order)
  })

  test('is shared by the flows of the road', async () => {
    const { clock, road } = between()
    road.reshape({ bytesPerMs: 100 })
    expect([road.arrivalMs(1000), road.arrivalMs(1000)]).toEqual([10, 20])
    clock.advance(100)
    expect(road.arrivalMs(1000)).toBe(110)
  })

  test('stops the one who says more than is on its way', async () => {
    const { road, ends, heard, say, pass } = between()
    road.reshape({ bytesPerMs: 1000 })
    for (let n = 0; n < 40; n++) await say(10_000)
    expect(ends.from.isPaused()).toBe(true)
    await pass(500)
    expect(total(heard)).toBe(400_000)
  })

  test('that is taken away lets all arrive that waited', async () => {
    const { road, heard, say, pass } = between()
    road.reshape({ latencyMs: 10_000 })
    await say(10)
    road.reshape(undefined)
    await pass(1)
    expect(heard).toEqual([{ atMs: 0, bytes: 10 }])
  })

  test.each<LinkShape>([{ lossShare: 0.2 }, { lossShare: 0.2, latencyMs: 5, bytesPerMs: 1000 }])(
    'that loses segments costs time, and loses nothing: %o',
    async (shape) => {
      const { clock, road, heard, say, pass } = between()
      road.reshape(shape)
      for (let n = 0; n < 20; n++) await say(1000)
      await pass(20_000)
      expect(total(heard)).toBe(20_000)
      expect(heard.at(-1)?.atMs).toBeGreaterThan(100)
      expect(clock.nextAlarmMs).toBeUndefined()
    },
  )
})

describe('a cut', () => {
  test('is silence, and what was said arrives after it', async () => {
    const { cut, flow, heard, say, pass } = between()
    cut.isSo = true
    flow.review()
    await say(10)
    await pass(50)
    expect(heard).toEqual([])
    cut.isSo = false
    flow.review()
    await pass(1)
    expect(total(heard)).toBe(10)
  })

  test('hides the end of who spoke, too', async () => {
    const { cut, flow, ends, pass, ended } = between()
    cut.isSo = true
    flow.review()
    ends.from.end()
    await pass(5)
    expect(ended()).toBe(0)
    cut.isSo = false
    flow.review()
    await pass(1)
    expect(ended()).toBe(1)
  })
})

test('an end comes behind all that was said before it', async () => {
  const { road, ends, heard, pass, say, ended } = between()
  road.reshape({ latencyMs: 30 })
  await say(10)
  ends.from.end()
  await pass(29)
  expect([heard.length, ended()]).toEqual([0, 0])
  await pass(2)
  expect([heard.length, ended()]).toEqual([1, 1])
})
