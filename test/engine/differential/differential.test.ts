// Random instruction streams on our interpreter and on QEMU, on our interpreter and on our
// translator: every register and every touched byte is the same. STREAM_SEED replays one stream;
// STREAMS says how many, if not the usual number.

import { describe, expect, test } from 'vitest'
import { firstDifference } from './compare.ts'
import { imageOf } from './harness.ts'
import {
  interpreter,
  isQemuHere,
  type MakeCore,
  runOnCore,
  runOnQemu,
  translator,
} from './machines.ts'
import { resultSlot, streamsMax } from './places.ts'
import { makeStream, type Stream } from './stream.ts'

const onInterpreter = (streams: readonly Stream[]) =>
  runOnCore(interpreter, imageOf(streams), streams.length)
const onQemu = (streams: readonly Stream[]) => runOnQemu(imageOf(streams), streams.length)

const { STREAM_SEED: seedAsked, STREAMS: countAsked } = process.env
const first = Number(seedAsked ?? 0)
const count = seedAsked ? 1 : Number(countAsked ?? 4_000)
const batches = Array.from({ length: Math.ceil(count / streamsMax) }, (_, n) => n * streamsMax)
const streamsOf = (from: number) =>
  Array.from({ length: Math.min(streamsMax, count - from) }, (_, n) => makeStream(first + from + n))

const skipped = isQemuHere ? '' : ' (skipped: there is no qemu-system-riscv64 here)'
describe.skipIf(!isQemuHere)(`beside QEMU${skipped}`, () => {
  test.each(batches)(
    'streams from %d on end alike',
    async (from) => {
      expect(await firstDifference(streamsOf(from), onInterpreter, onQemu)).toBeUndefined()
    },
    300_000,
  )
})

/** By the third round the translator has all that it translates. */
const rounds = 3
const thrice = (makeCore: MakeCore) => (streams: readonly Stream[]) =>
  runOnCore(makeCore, imageOf(streams, rounds), streams.length)

test('the translator ends streams as the interpreter does', async () => {
  const streams = streamsOf(0).slice(0, 60)
  const regions: (() => number)[] = []
  const watched: MakeCore = (hooks) => {
    const core = translator(hooks)
    regions.push(() => core.translator.stats.regions)
    return core
  }
  const found = await firstDifference(streams, thrice(interpreter), thrice(watched))
  expect(found).toBeUndefined()
  expect(regions[0]?.()).toBeGreaterThan(streams.length / 2)
}, 300_000)

describe('one engine beside itself', () => {
  test('ends alike however its runs are cut', () => {
    const streams = streamsOf(0).slice(0, 200)
    const image = imageOf(streams)
    const whole = runOnCore(interpreter, image, streams.length)
    expect(runOnCore(interpreter, image, streams.length, 97)).toEqual(whole)
  })
  test('is told from one that computes otherwise, by seed and instruction', async () => {
    const streams = streamsOf(0).slice(0, 50)
    const broken = (given: readonly Stream[]) => {
      const results = onInterpreter(given)
      given.forEach((stream, n) => {
        if (stream.seed === streams[7]?.seed) results[n * resultSlot.bytes + 80] = 0xa5
      })
      return results
    }
    const told = await firstDifference(streams, onInterpreter, broken)
    expect(told).toMatch(`STREAM_SEED=${streams[7]?.seed}`)
    expect(told).toMatch(/x10: /)
  })
})
