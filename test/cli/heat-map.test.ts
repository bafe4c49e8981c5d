// A heat map in a terminal, and as a file. The grid itself: test/scenarios/report/heat-map.test.ts.

import { expect, test } from 'vitest'
import { heatMapHtml, heatMapText } from '#cli/heat-map.ts'
import type { PageLog } from '#proto/page-log.ts'

const entry = { encoding: 'raw', bytes: 4096 } as const
const log: PageLog = {
  ...{ vmId: 'kv', migrationId: 'm1', pageCount: 8, isCut: false },
  entries: [
    { ...entry, encoding: 'zero', ms: 0, round: 0, why: 'round', runs: [6, 2] },
    { ...entry, ms: 0, round: 0, why: 'round', runs: [0, 6] },
    { ...entry, ms: 50, round: 1, why: 'round', runs: [2, 1] },
    { ...entry, ms: 100, round: 2, why: 'last', runs: [2, 2] },
  ],
}

test('text: a band for each round, and when it began', () => {
  expect(heatMapText(log, 8, 3)).toBe(
    [
      '8 pages of kv in m1: 2 rounds, 16.4 kB',
      'round 0          0 ms │██████··│',
      'round 1         50 ms │  █     │',
      'last round     100 ms │  LL    │',
      '░▒▓█ sent; · only named; L in the last round; W waited for; f fetched. a page a column',
    ].join('\n'),
  )
})

test('a picture needs nothing from outside, and says what it shows', () => {
  const html = heatMapHtml({ ...log, vmId: '<kv>' })
  expect(html).not.toMatch(/<kv>|https?:|<script/)
  expect(html).toContain('sent in the last round, while the VM stood still')
})
