// Forecasts against what can be reckoned by hand, and their laws.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MigrationParams } from '#proto/messages.ts'
import { pagesWithin } from '#proto/pre-copy/dirty-curve.ts'
import { type ForecastInput, forecast } from '#proto/pre-copy/forecast.ts'

const still = [{ ms: 500, pages: 0 }]
/** 1,000 pages in any 40 ms, and never more: a small set, rewritten all the time. */
const smallSet = [
  { ms: 40, pages: 1000 },
  { ms: 500, pages: 1000 },
]
/** Every page of its 64 MiB within the shortest window. */
const flatOut = [
  { ms: 40, pages: 16_000 },
  { ms: 500, pages: 16_384 },
]
const known = { bytesPerMs: 400_000, spread: 0.2, switchoverMs: 4 }

const of = (curve: ForecastInput['curve'], wishes: Partial<MigrationParams> = {}, link = known) =>
  forecast({
    ...{ curve, contentPages: 16_384, link, percent: 100 },
    params: MigrationParams.parse(wishes),
  })

test('a curve is straight between its points, from zero, and beyond', () => {
  expect(pagesWithin(smallSet, 20)).toBe(500)
  expect(pagesWithin(smallSet, 200)).toBe(1000)
  expect(pagesWithin([{ ms: 500, pages: 100 }], 1000)).toBe(200)
  expect(pagesWithin([], 1000)).toBe(0)
})

test('a guest that writes nothing: its content once, and the cost of a switchover', () => {
  const { verdict, way, rounds, bytes, totalMs, downtimeMs } = of(still)
  expect({ verdict, way }).toEqual({ verdict: 'fits', way: 'converges' })
  expect(rounds.expected).toBe(2)
  expect(bytes.expected).toBe(16_384 * 4096)
  expect(totalMs.expected).toBeGreaterThan((16_384 * 4096) / 400_000)
  expect(downtimeMs.expected).toBeLessThan(10)
})

test('the error bars are those of the link', () => {
  const { totalMs } = of(still)
  expect(totalMs.low).toBeLessThan(totalMs.expected)
  expect(totalMs.high).toBeGreaterThan(totalMs.expected * 1.1)
  const wide = of(still, {}, { ...known, spread: 1 }).totalMs
  expect(wide.high).toBeGreaterThan(totalMs.high)
})

test('a small set that is rewritten all the time: rounds get shorter, and so does what is left', () => {
  const { way, downtimeMs } = of(smallSet)
  expect(way).toBe('converges')
  expect(downtimeMs.expected).toBeLessThan(4 + (1000 * 4096) / 400_000)
  expect(downtimeMs.high).toBeGreaterThan(downtimeMs.expected)
})

test('what writes flat out is hopeless by the policy that gives up, and not by the others', () => {
  expect(of(flatOut, { whenStuck: 'give-up' })).toMatchObject({ verdict: 'hopeless' })
  expect(of(flatOut, { whenStuck: 'post-copy' })).toMatchObject({ way: 'post-copy' })
  expect(of(flatOut, { whenStuck: 'throttle' })).toMatchObject({ way: 'slowed-down' })
  expect(of(flatOut, { mode: 'stop-and-copy' })).toMatchObject({ verdict: 'fits' })
  expect(of(flatOut, { mode: 'post-copy' }).downtimeMs.expected).toBeLessThan(10)
})

test('stop-and-copy stands still for all of its bytes', () => {
  const { downtimeMs, bytes } = of(flatOut, { mode: 'stop-and-copy' })
  expect(downtimeMs.expected).toBeCloseTo(bytes.expected / 400_000 + 4, 0)
})

test('a limit of bandwidth holds, and a link that may be faster is no way around it', () => {
  const { totalMs } = of(still, { bandwidthBytesPerSecMax: 10_000_000 })
  expect(totalMs.low).toBeGreaterThan((16_384 * 4096) / 10_000)
})

test('bars hold what is expected, and nothing lasts for ever, whatever the curve', () => {
  const curve = fc
    .array(fc.nat(20_000), { minLength: 1, maxLength: 5 })
    .map((steps) => steps.map((pages, at) => ({ ms: 40 * 2 ** at, pages })))
  const policy = fc.constantFrom('stop', 'throttle', 'post-copy', 'raise-limit', 'give-up')
  fc.assert(
    fc.property(curve, policy, fc.integer({ min: 1, max: 500 }), (points, whenStuck, limit) => {
      const made = of(points, { whenStuck, downtimeMsMax: limit } as Partial<MigrationParams>)
      for (const range of [made.rounds, made.bytes, made.totalMs, made.downtimeMs]) {
        expect(range.low).toBeLessThanOrEqual(range.expected)
        expect(range.high).toBeGreaterThanOrEqual(range.expected)
      }
      expect(made.rounds.high).toBeLessThanOrEqual(31)
    }),
  )
})
