// What links carry, from counters that senders tell: rates that follow, and forget.
import { expect, test } from 'vitest'
import { LinkRates } from '#coordinator/sights/link-rates.ts'
import { asNodeId } from '#proto/ids.ts'
import type { LinkSight } from '#proto/sights.ts'

const [n1, n2] = [asNodeId('n1'), asNodeId('n2')]
const sent = (pageBytes: number, trunkBytes = 0): LinkSight => ({
  ...{ to: n2, isTrunkUp: true, pageBytes, trunkBytes },
})

/** A sender that is heard four times a second. */
function heard(rates: LinkRates, from: number, to: number, bytesPerSec: number, base = 0): number {
  let bytes = base
  for (let ms = from; ms <= to; ms += 250) {
    rates.see(n1, ms, ms, [sent(bytes)])
    bytes += bytesPerSec / 4
  }
  return bytes
}

test('a steady stream is seen as what it is, and its end as nothing', () => {
  const rates = new LinkRates()
  const bytes = heard(rates, 0, 5000, 1_000_000)
  const [link] = rates.views(5000)
  expect(link?.pageBytesPerSec).toBeGreaterThan(990_000)
  expect(link?.pageBytesPerSec).toBeLessThanOrEqual(1_000_000)
  heard(rates, 5250, 20_000, 0, bytes - 250_000)
  expect(rates.views(20_000)[0]?.pageBytesPerSec).toBe(0)
})

test('a sender that begins anew has not sent less than nothing', () => {
  const rates = new LinkRates()
  heard(rates, 0, 2000, 1_000_000)
  rates.see(n1, 10, 2250, [sent(0)])
  expect(rates.views(2250)[0]?.pageBytesPerSec).toBe(0)
})

test('a sender that is not heard any more has no links', () => {
  const rates = new LinkRates()
  heard(rates, 0, 1000, 1000)
  expect(rates.views(2500)).toHaveLength(1)
  expect(rates.views(4000)).toEqual([])
})
