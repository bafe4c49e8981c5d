// Which encoding pays on which link, with which pages.

import { expect, test } from 'vitest'
import {
  isWorth,
  learn,
  newEncodingChoice,
} from '#node-agent/migration/encoding/encoding-choice.ts'
import { newLinkRate, seeLink } from '#node-agent/migration/encoding/link-rate.ts'

const batch = 1 << 20
const fast = 1_000_000
const gigabitEthernet = 125_000
const slow = 10_000

/** Text: a third of its bytes, at 250 MB/s. */
function ofText() {
  const choice = newEncodingChoice()
  learn(choice, 'zstd', { bytesIn: batch, bytesOut: batch / 3, ms: 4.2 })
  return choice
}

/** Noise: no byte fewer, at 1 GB/s. */
function ofNoise() {
  const choice = newEncodingChoice()
  learn(choice, 'zstd', { bytesIn: batch, bytesOut: batch, ms: 1.2 })
  return choice
}

test('text is compressed on a slow link, and not on a fast one', () => {
  expect(isWorth(ofText(), 'zstd', batch, slow)).toBe(true)
  expect(isWorth(ofText(), 'zstd', batch, gigabitEthernet)).toBe(true)
  expect(isWorth(ofText(), 'zstd', batch, fast)).toBe(false)
  expect(isWorth(ofText(), 'zstd', batch, Number.POSITIVE_INFINITY)).toBe(false)
})

test('noise is not, but is tried again after a while: pages change', () => {
  const choice = ofNoise()
  const worth = Array.from({ length: 40 }, () => isWorth(choice, 'zstd', batch, slow))
  expect(worth.indexOf(true)).toBe(32)
  learn(choice, 'zstd', { bytesIn: batch, bytesOut: batch, ms: 1.2 })
  expect(isWorth(choice, 'zstd', batch, slow)).toBe(false)
})

test('on a link that was never behind, nothing is tried', () => {
  const choice = ofNoise()
  const worth = Array.from({ length: 100 }, () =>
    isWorth(choice, 'zstd', batch, Number.POSITIVE_INFINITY),
  )
  expect(worth).not.toContain(true)
})

test('a few bytes are not worth waking a thread for, but on the slowest link', () => {
  expect(isWorth(newEncodingChoice(), 'delta', 4096, 150_000)).toBe(false)
  expect(isWorth(newEncodingChoice(), 'delta', 4096, 1000)).toBe(true)
})

test('a link is known to be slow once bytes wait for it, and fast when none do', () => {
  const rate = newLinkRate(0)
  for (let ms = 0; ms < 200; ms += 10) seeLink(rate, batch, 0, ms)
  expect(rate.bytesPerMs).toBe(Number.POSITIVE_INFINITY)
  // From here on 10,000 bytes a ms leave, and the rest waits.
  let waiting = 0
  for (let ms = 200; ms < 1000; ms += 10) {
    waiting += batch - 100_000
    seeLink(rate, batch, waiting, ms)
  }
  expect(rate.bytesPerMs).toBeGreaterThan(9000)
  expect(rate.bytesPerMs).toBeLessThan(11_000)
})
