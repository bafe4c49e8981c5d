// Which page was sent when, drawn: what stands where, and that nothing of the log is lost.

import { expect, test } from 'vitest'
import { heatMap, heatMapHtml, heatMapText } from '#cli/heat-map.ts'
import { type PageLog, runsOf } from '#proto/page-log.ts'

const entry = { encoding: 'raw', bytes: 4096 } as const
const log: PageLog = {
  ...{ vmId: 'kv', migrationId: 'm1', pageCount: 8, isCut: false },
  entries: [
    { ...entry, ms: 0, round: 0, why: 'round', runs: [0, 8] },
    { ...entry, ms: 50, round: 1, why: 'round', runs: [2, 1] },
    { ...entry, ms: 100, round: 2, why: 'last', runs: [2, 2] },
  ],
}

test('neighbours are one run', () => {
  expect(runsOf(Uint32Array.of(3, 4, 5, 9, 11, 12))).toEqual([3, 3, 9, 1, 11, 2])
  expect(runsOf(new Uint32Array(0))).toEqual([])
})

test('memory goes to the right, time goes down', () => {
  const { rows, pagesPerCell, msPerRow } = heatMap(log, 4, 2)
  expect({ pagesPerCell, msPerRow }).toEqual({ pagesPerCell: 2, msPerRow: 50 })
  expect(rows[0]?.map((cell) => cell.round)).toEqual([2, 2, 2, 2])
  expect(rows[1]).toEqual([{}, { round: 1, last: 2 }, {}, {}])
})

test('text', () => {
  expect(heatMapText(log, 8, 2)).toBe(
    [
      '8 pages of kv in m1: 2 rounds, 12.3 kB',
      '     0 ms │████████│',
      '    50 ms │  █L    │',
      '░▒▓█ sent in a round; L the last one; W waited for; f fetched. 1 pages a column, 50 ms a row',
    ].join('\n'),
  )
})

test('a picture needs nothing from outside, and says what it shows', () => {
  const html = heatMapHtml({ ...log, vmId: '<kv>' })
  expect(html.match(/<rect /g)).toHaveLength(11)
  expect(html).not.toMatch(/<kv>|https?:|<script/)
  expect(html).toContain('in the last round, while it stood still')
})
