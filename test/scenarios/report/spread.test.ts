// What many runs of a scenario measured, side by side: by whose downtime, recovery and wait it was,
// and which runs did not pass.

import { expect, test } from 'vitest'
import { type Report, reportOf } from '#scenarios/report/report.ts'
import { plain } from '#scenarios/report/report-text.ts'
import { spreadOf, spreadText } from '#scenarios/report/spread.ts'
import { recording } from './a-recording.ts'

const base = reportOf(recording)
const move = (vmId: string, downtimeMs: number): Report['migrations'][number] => ({
  ...{ vmId, from: 'a', to: 'b', cause: 'scenario', outcome: 'done', rounds: 2, bytes: 1 },
  ...{ downtimeMs, hash: '' },
})
const lost = (vmId: string, ms: number): Report['failovers'][number] => ({
  ...{ nodeId: 'a', cause: 'killed', restarted: [{ vmId, to: 'b', ms }] },
})
const run = (seed: number, parts: Partial<Report>, passed = true) => ({
  report: { ...base, migrations: [], failovers: [], clients: [], ...parts, seed },
  passed,
})

test('each thing that was measured, with its least, middle and most', () => {
  const runs = [3, 1, 2].map((n) =>
    run(n, { migrations: [move('store', 10 * n)], failovers: [lost('store', 1000 + n)] }),
  )
  expect(spreadOf(runs).measures).toMatchObject([
    { what: 'downtime of store', minMs: 10, medianMs: 20, maxMs: 30, valuesMs: [30, 10, 20] },
    { what: 'recovery of store', minMs: 1001, medianMs: 1002, maxMs: 1003 },
  ])
})

test('the middle of an even number is halfway between the two in the middle', () => {
  const runs = [40, 10, 20, 100].map((n) => run(n, { migrations: [move('store', n)] }))
  expect(spreadOf(runs).measures).toMatchObject([{ minMs: 10, medianMs: 30, maxMs: 100 }])
  expect(spreadOf(runs.slice(0, 2)).measures).toMatchObject([{ medianMs: 25 }])
})

test('the second migration of a VM is another thing than its first; one that failed is none', () => {
  const failed = { ...move('store', 0), outcome: 'failed' as const }
  const { measures } = spreadOf([
    run(1, { migrations: [move('store', 1), failed, move('store', 5)] }),
  ])
  expect(measures.map(({ what, maxMs }) => `${what}: ${maxMs}`)).toEqual([
    'downtime of store: 1',
    'downtime of store (2): 5',
  ])
})

test('is told with the seeds that did not pass, and in how many runs a thing was seen', () => {
  const runs = [run(7, { migrations: [move('store', 12)] }), run(8, {}, false)]
  const text = spreadText(spreadOf(runs), plain)
  expect(text).toContain('downtime of store     12 ms  12 ms to 12 ms  (in 1 runs)')
  expect(text).toContain('not passed with seed 8')
  expect(text).toContain('1 of 2 runs passed')
})
