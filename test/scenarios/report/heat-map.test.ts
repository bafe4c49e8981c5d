// Which page was sent when, as a grid and as a picture: what stands where, that nothing of the log
// is lost, and that a picture stays small however much was sent.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type PageLog, type PageLogEntry, runsOf, sendReasons } from '#proto/page-log.ts'
import { heatMap, pagesOf } from '#scenarios/report/heat-map.ts'
import { heatMapFigure } from '#scenarios/report/heat-map-svg.ts'

const entry = { encoding: 'raw', bytes: 4096 } as const
const logOf = (pageCount: number, entries: readonly PageLogEntry[]): PageLog => ({
  ...{ vmId: 'kv', migrationId: 'm1', pageCount, isCut: false, entries: [...entries] },
})
const log = logOf(8, [
  { ...entry, encoding: 'zero', ms: 0, round: 0, why: 'round', runs: [7, 1] },
  { ...entry, ms: 0, round: 0, why: 'round', runs: [0, 7] },
  { ...entry, ms: 50, round: 1, why: 'round', runs: [2, 1] },
  { ...entry, ms: 52, round: 2, why: 'last', runs: [2, 2] },
])

test('neighbours are one run', () => {
  expect(runsOf(Uint32Array.of(3, 4, 5, 9, 11, 12))).toEqual([3, 3, 9, 1, 11, 2])
  expect(runsOf(new Uint32Array(0))).toEqual([])
})

describe('the grid', () => {
  test('has memory to the right, and a band for each round downwards', () => {
    const { rows, pagesPerCell, often } = heatMap(log, 4, 12)
    expect(pagesPerCell).toBe(2)
    expect(rows.map(({ band, fromMs }) => `${band.label} ${fromMs}`)).toEqual([
      ...['round 0 0', 'round 1 50', 'last round 52'],
    ])
    expect(rows.map(({ cells }) => cells)).toEqual([
      [{ first: 2 }, { first: 2 }, { first: 2 }, { first: 1, named: 1 }],
      [{}, { again: 1 }, {}, {}],
      [{}, { last: 2 }, {}, {}],
    ])
    expect(often).toEqual([1, 2.5, 1, 0.5])
  })

  test('gives a long round rows by its time, and a short one a row at least', () => {
    const long = [0, 10, 20, 30].map((ms, at) => {
      return {
        ...entry,
        ms,
        round: 0,
        why: 'round' as const,
        runs: [at * 2, 2],
      } satisfies PageLogEntry
    })
    const { rows } = heatMap(logOf(8, [...long, ...log.entries.slice(2)]), 8, 9)
    const bands = Map.groupBy(rows, ({ band }) => band.label)
    expect([...bands].map(([label, all]) => [label, all.length])).toEqual([
      ...[['round 0', 4] as const, ['round 1', 1] as const, ['last round', 1] as const],
    ])
  })

  test('puts rounds together when they are very many', () => {
    const entries = Array.from({ length: 100 }, (_, round) => {
      return { ...entry, ms: round, round, why: 'round', runs: [0, 8] } satisfies PageLogEntry
    })
    const { bands } = heatMap(logOf(8, entries), 8, 40)
    expect(bands.length).toBeLessThanOrEqual(16)
    expect(bands[0]?.label).toBe('rounds 0–6')
    expect(bands.at(-1)?.label).toBe('rounds 98–99')
  })

  test('loses no page, whatever was sent when', () => {
    const sent = fc.record({
      ...{ ms: fc.nat(1000), round: fc.nat(40), bytes: fc.nat(1 << 20) },
      ...{ encoding: fc.constantFrom('raw', 'zero', 'held', 'delta') },
      ...{ why: fc.constantFrom(...sendReasons) },
      runs: fc.tuple(fc.nat(90), fc.integer({ min: 1, max: 10 })).map((run) => [...run]),
    })
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 30 }), fc.nat(120), (all, columns) => {
        const entries = all.sort((a, b) => a.ms - b.ms) as PageLogEntry[]
        const { rows } = heatMap(logOf(100, entries), columns + 1, 20)
        const cells = rows.flatMap((row) => row.cells)
        const drawn = cells.reduce((sum, cell) => sum + pagesOf(cell), 0)
        expect(drawn).toBe(entries.reduce((sum, { runs }) => sum + (runs[1] ?? 0), 0))
      }),
    )
  })
})

describe('the picture', () => {
  test('says in numbers what it shows', () => {
    const html = heatMapFigure(log)
    expect(html).toContain('<th scope="row">round 0</th>')
    expect(html).toContain('Sent most often: page 2, 3 × on the average.')
    expect(html).toContain('written meanwhile, sent again')
    expect(html).not.toContain('the VM waited for it')
  })

  test('stays small: a report holds 24 of them below a megabyte', () => {
    // Each second page, in every round anew: no two cells beside each other look alike.
    const entries = Array.from({ length: 36 }, (_, at) => {
      const runs = Array.from({ length: 64 }, (_, n) => [n * 256 + (at % 2) * 128, 64 + n]).flat()
      return { ...entry, ms: at * 10, round: at % 12, why: 'round', runs } satisfies PageLogEntry
    })
    expect(heatMapFigure(logOf(16_384, entries)).length).toBeLessThan(40_000)
  })
})
