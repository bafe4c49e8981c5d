// How pages travel between real agent processes: over a narrow road, compressed or as what has
// changed; and never faster than the operator allows, the last round included.

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MigrationParams, MigrationRecord } from '#proto/messages.ts'
import { type CoordinatorDouble, eventually } from './coordinator-double.ts'
import { SlowRoad } from './slow-road.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
let coordinator: CoordinatorDouble

beforeEach(async () => {
  two = await TwoAgents.start()
  coordinator = two.coordinator
})

afterEach(() => two.end())

/** Moves it to b, and waits until it has gone on there without a wrong word. */
async function migrate(given: Partial<MigrationParams>, road?: SlowRoad): Promise<MigrationRecord> {
  const command = two.migrate({ verify: 'full', ...given }, road?.address)
  const { fault, record } = await eventually('its end', () => coordinator.resultOf(command))
  expect(fault).toBeUndefined()
  await coordinator.writesOn('b', 'vm1', 2)
  return record as MigrationRecord
}

/** 16 MiB of text-like data, of which 4 MiB are written to, a word a page, 1,000 pages a second. */
const writer = 'workload=dirty wss=4 rate=1000 fill=16'

test.for(['raw', 'zstd', 'delta'] as const)('all as %s: equal to the last byte', async (how) => {
  await two.boot(writer)
  // Several rounds, and an end to them however busy this machine is.
  const rounds = { downtimeMsMax: 1, roundsMax: 6, whenStuck: 'throttle' } as const
  const { byEncoding } = await migrate({ encoding: how, ...rounds })
  const content = Object.keys(byEncoding ?? {}).filter((name) => name !== 'zero')
  expect(content).toContain(how)
  expect(content.every((name) => name === how || name === 'raw')).toBe(true)
})

test('on a narrow road pages are packed by themselves, and few bytes are sent', async () => {
  const road = await SlowRoad.to(coordinator.node('b').peerAddress, 8 << 20)
  await two.boot(writer)
  const { byEncoding, pages, zeroPages, bytes } = await migrate({ whenStuck: 'throttle' }, road)
  const packed = (byEncoding?.zstd?.pages ?? 0) + (byEncoding?.delta?.pages ?? 0)
  expect(packed).toBeGreaterThan(0)
  expect(bytes).toBeLessThan((pages - zeroPages) * 4096)
  await road.close()
})

test('written down page by page: each page that was sent, and the downtime in its parts', async () => {
  await two.boot(writer)
  const { pages, downtime, downtimeMs } = await migrate({ pageLog: true, downtimeMsMax: 5 })
  const log = coordinator.heard.find((news) => news.t === 'result' && news.pageLog)
  const { entries = [], pageCount, isCut } = (log?.t === 'result' && log.pageLog) || {}
  expect({ pageCount, isCut }).toEqual({ pageCount: 8192, isCut: false })
  const logged = entries.flatMap(({ runs }) => runs.filter((_, at) => at % 2 === 1))
  expect(logged.reduce((sum, length) => sum + length, 0)).toBe(pages)
  expect(new Set(entries.map(({ why }) => why))).toEqual(new Set(['round', 'last']))
  const parts = Object.values(downtime ?? {})
  expect(parts).toHaveLength(6)
  expect(parts.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(downtimeMs, 3)
})

test('the limit holds from the first page to the last', async () => {
  await two.boot('workload=dirty wss=8 rate=0 fill=8')
  const limit = 16_000_000
  const { bytes, totalMs, downtimeMs, rounds } = await migrate({
    ...{ bandwidthBytesPerSecMax: limit, encoding: 'raw', mode: 'stop-and-copy' },
  })
  const [last] = rounds
  expect(rounds).toHaveLength(1)
  // A burst of a tenth of a second is allowed.
  expect(downtimeMs).toBeGreaterThan((1000 * (bytes - limit / 10)) / limit)
  expect(totalMs).toBeGreaterThanOrEqual(downtimeMs)
  expect(last?.bytes).toBe(bytes)
})
