// The report as a page, as JUnit XML, and two of them beside each other.

import { describe, expect, test } from 'vitest'
import { differencesOf } from '#scenarios/report/compare.ts'
import { htmlOf } from '#scenarios/report/html.ts'
import { junitOf } from '#scenarios/report/junit.ts'
import { type Report, reportOf } from '#scenarios/report/report.ts'
import { recording } from './a-recording.ts'

const report = reportOf(recording)
const facts = {
  ...{ version: '1.2.3', world: 'sim', replay: 'godwit scenario run story --world sim' },
  ...{ events: recording.events, tracks: recording.tracks, pageLogs: recording.pageLogs },
}
const page = (of: Report = report) => htmlOf(of, facts)

describe('the page', () => {
  test('needs nothing but itself', () => {
    expect(page()).not.toMatch(/https?:|<script|<link|@import|url\((?!#)/)
  })

  test('says what was run, how it ended, and how to run it again', () => {
    const html = page()
    for (const text of [
      ...['✓ passed: 2 of 2 expectations held', 'seed 7', 'Godwit 1.2.3', 'world sim'],
      ...['godwit scenario run story --world sim', 'b is fenced: its lease is over'],
      ...['<title>store is running on c</title>', 'runs again after (RTO)', 'lost (RPO)'],
    ])
      expect(html).toContain(text)
  })

  test('says from when times count, and when the clock of the scenario began', () => {
    expect(page()).toContain('the clock of the scenario began at 900 ms, when the first VMs ran')
    const { readyMs: _, ...never } = report
    expect(page(never)).toContain('the first VMs never ran')
  })

  test('tells of a migration that failed what was measured of its guest', () => {
    const [move, ...moves] = report.migrations
    if (!move) throw new Error('it has one')
    const failed = { ...move, outcome: 'failed' as const, hash: '', throttledToPercent: 20 }
    expect(page({ ...report, migrations: [failed, ...moves] })).toContain(
      '<p class="soft">It was slowed down to 20 % of a core.</p>',
    )
  })

  test('names the labels by which expectations say when they begin', () => {
    const [first, ...rest] = report.steps
    if (!first) throw new Error('it has steps')
    const html = page({ ...report, steps: [{ ...first, label: 'moved' }, ...rest] })
    expect(html).toContain('<td>migrate store to b (&#34;moved&#34;)</td>')
  })

  test('stays below a megabyte, also of many nodes, a long time and a long story', () => {
    const count = (n: number) => Array.from({ length: n }, (_, at) => at)
    const samples = count(3000).map((n) => ({ atMs: n * 4, percent: n === 1500 ? 800 : 40 }))
    const ids = count(300).map((n) => `node-${n}`)
    const spans = [{ fromMs: 0, state: 'online' }]
    const tracks = {
      ...{ vms: [], nodes: ids.map((id) => ({ id, spans })) },
      loads: ids.map((id) => ({ id, samples })),
    }
    const text = 'the migration of a-store from node-1 to node-2 has begun'
    const events = count(30_000).map((atMs) => ({ atMs, text }))
    const [move] = report.migrations
    if (!move) throw new Error('it has one')
    const migrations = count(4000).map(() => move)
    const html = htmlOf({ ...report, migrations }, { ...facts, tracks, events })
    expect(html.length).toBeLessThan(1_000_000)
    for (const told of ['and 240 more nodes', '… 28000 more lines', 'first 3500 are left out'])
      expect(html).toContain(told)
    // A peak of one sample is drawn, and reckoned with.
    expect(html).toContain('800 %')
  })

  test('draws each span from where it began, to scale', () => {
    const [, began, width] =
      /<title>b is unreachable<\/title><rect x="([\d.]+)" y="\d+" width="([\d.]+)"/.exec(page()) ??
      []
    const perMs = (980 - 110 - 16) / recording.endedAtMs
    expect(Number(began)).toBeCloseTo(110 + 3750 * perMs, 0)
    expect(Number(width)).toBeCloseTo((6100 - 3750) * perMs, 0)
  })

  test('a load is true until the next one is known, and unknown while nobody is there to tell', () => {
    const spans = [
      ...[
        { fromMs: 0, state: 'online' },
        { fromMs: 9000, state: 'unseen' },
      ],
      { fromMs: 12_000, state: 'online' },
    ]
    const samples = [
      ...[
        { atMs: 0, percent: 0 },
        { atMs: 8000, percent: 100 },
        { atMs: 8250, percent: 60 },
      ],
      { atMs: 12_000, percent: 20 },
    ]
    const tracks = { vms: [], nodes: [{ id: 'a', spans }], loads: [{ id: 'a', samples }] }
    const html = htmlOf({ ...report, totalMs: 16_000 }, { ...facts, tracks })
    // 250 ms at 100 %, 750 ms at 60 %, 4 s at 20 %, of the 13 s that are known.
    expect(html).toContain('<th scope="row">a</th><td class="n">12 %</td>')
    const x = (ms: number) => (110 + (ms / 16_000) * (980 - 126)).toFixed(1)
    const drawn = [...html.matchAll(/<path fill="none" stroke="#0072b2"[^>]* d="([^"]*)"/g)]
    expect(drawn.map(([, d]) => d)).toEqual([
      `M${x(0)} 158.0H${x(8000)}V28.0H${x(8250)}V80.0H${x(9000)}`,
      `M${x(12_000)} 132.0H${x(16_000)}`,
    ])
    expect(html).toContain('<title>a is unseen</title>')
  })

  test('has an axis that can be read, however long or short the run', () => {
    const axis = (totalMs: number) => {
      const html = htmlOf({ ...report, totalMs }, facts)
      expect(html).not.toContain('NaN')
      return [...html.matchAll(/class="axis" x="[\d.]+" y="10"[^>]*>([^<]+)/g)].map(
        ([, text]) => text,
      )
    }
    expect(axis(86_400_000).slice(0, 3)).toEqual(['0 h', '2 h', '4 h'])
    expect(axis(1_800_000).slice(0, 3)).toEqual(['0 min', '5 min', '10 min'])
    expect(axis(20_000).slice(0, 3)).toEqual(['0 s', '2 s', '4 s'])
    expect(axis(0)).toEqual(['0 s', '0 s'])
    for (const hours of [1, 30, 500, 8760]) expect(axis(hours * 3_600_000).length).toBeLessThan(40)
  })

  test('tells how pages travelled, and how long a VM waited for those of post-copy', () => {
    const [move, ...moves] = report.migrations
    if (!move) throw new Error('it has one')
    const byEncoding = {
      zero: { pages: 96, bytes: 400 },
      zstd: { pages: 4000, bytes: 1_600_000 },
      delta: { pages: 12, bytes: 900 },
    }
    const postCopy = {
      ...{ pages: 30, zeroPages: 2, bytes: 120_000, ms: 40, faults: 7, waitMsMedian: 1.5 },
      ...{ waitMsP99: 9, waitMsMax: 12, reconnections: 2 },
    }
    const html = page({ ...report, migrations: [{ ...move, byEncoding, postCopy }, ...moves] })
    const row = (words: string, pages: string, bytes: string) =>
      `<th scope="row">${words}</th><td class="n">${pages}</td><td class="n">${bytes}</td>`
    expect(html).toContain(row('zero: only named', '96', '400 B'))
    expect(html).toContain(row('compressed', '4,000', '1.6 MB'))
    expect(html).toContain(row('what has changed in them', '12', '900 B'))
    expect(html).toContain(
      'it waited for 7 pages, half of them below 1.5 ms, 99 % below 9 ms, at most 12 ms; ' +
        'its link was made anew 2 times',
    )
  })

  test('tells long names apart that begin alike', () => {
    const ids = ['customer-database-1', 'customer-database-2', 'short']
    const spans = [{ fromMs: 0, state: 'running', nodeId: 'a' }]
    const tracks = { ...recording.tracks, vms: ids.map((id) => ({ id, spans })) }
    const html = htmlOf(report, { ...facts, tracks })
    for (const label of ['>custo…abase-1<title>customer-database-1</title>', '>custo…abase-2<'])
      expect(html).toContain(label)
    expect(html).toContain('>short</text>')
  })

  test('shows a failure as one, and takes no markup from anybody', () => {
    const [first, ...rest] = report.expectations
    if (!first) throw new Error('it has expectations')
    const broken = { ...first, verdict: 'broken', detail: '<img src=x onerror=alert(1)>' } as const
    const html = page({ ...report, expectations: [broken, ...rest] })
    expect(html).toContain('✗ failed: 1 of 2')
    expect(html).not.toContain('<img')
    expect(html).toContain('&#60;img src=x')
  })
})

test('JUnit: a suite a scenario, a case for each step and expectation, failures with their reason', () => {
  const [first, ...rest] = report.expectations
  if (!first) throw new Error('it has expectations')
  const broken = { ...first, verdict: 'broken', detail: '3 "keys" lost' } as const
  const xml = junitOf([report, { ...report, expectations: [broken, ...rest] }])
  expect(xml).toContain(
    '<testsuite name="story, seed 7" tests="4" failures="0" errors="0" skipped="0" time="12.340">',
  )
  expect(xml).toContain('tests="4" failures="1"')
  expect(xml).toContain('<failure message="broken: 3 &#34;keys&#34; lost"/>')
})

test('JUnit: one step that failed is one failure, and what came to no turn was left out', () => {
  const [first, second] = report.steps
  if (!first || !second) throw new Error('it has two')
  const fault = { code: 'timed-out', message: 'In vain.' } as const
  const steps = [
    { ...first, outcome: 'failed' as const, fault },
    { sentence: second.sentence, outcome: 'not-reached' as const },
  ]
  const xml = junitOf([{ ...report, steps }])
  expect(xml).toContain('tests="4" failures="1" errors="0" skipped="1"')
  expect(xml).toContain('time="0.000"><skipped message="not reached"/></testcase>')
})

test('JUnit: no two cases have one name, though a step comes twice and a scenario runs twice', () => {
  const twice = { ...report, steps: report.steps.flatMap((step) => [step, step]) }
  const xml = junitOf([twice, { ...twice, seed: 8 }])
  const names = [...xml.matchAll(/<testcase (classname="[^"]*" name="[^"]*")/g)].map(([, at]) => at)
  expect(names).toHaveLength(12)
  expect(new Set(names).size).toBe(12)
  expect(junitOf([report])).toContain('<testsuite name="story" ')
})

test('JUnit: what a guest said is written so that a parser of XML reads it', () => {
  const [first, ...rest] = report.expectations
  if (!first) throw new Error('it has expectations')
  const detail = 'it said: \u001b[31mBAD\u0000\ud800\r'
  const broken = { ...first, verdict: 'broken', detail } as const
  const xml = junitOf([{ ...report, expectations: [broken, ...rest] }])
  expect(xml).toContain('message="broken: it said: \ufffd[31mBAD\ufffd\ufffd\r"')
})

describe('two runs', () => {
  const slower = (ms: number): Report => ({
    ...report,
    migrations: report.migrations.map((one) =>
      one.downtimeMs === undefined ? one : { ...one, downtimeMs: one.downtimeMs + ms },
    ),
  })

  test('that are alike differ in nothing', () => {
    expect(differencesOf(report, report)).toEqual([])
    expect(differencesOf(report, slower(4))).toEqual([])
  })

  test('that differ say in what, and by how much', () => {
    expect(differencesOf(report, slower(21.75))).toEqual([
      {
        ...{ kind: 'figure', what: 'store from a to b: downtime', before: '7.3 ms' },
        ...{ after: '29 ms', ratio: 4, isWorse: true },
      },
    ])
  })

  test('a migration that failed, and a VM that did not come back, are no matter of figures', () => {
    const [move, ...moves] = report.migrations
    const [failover] = report.failovers
    if (!move || !failover) throw new Error('it has both')
    const { totalMs: _, downtimeMs: __, ...unmeasured } = move
    const failed = { ...unmeasured, outcome: 'failed' as const }
    const alone = { ...failover, restarted: [] }
    const after = { ...report, migrations: [failed, ...moves], failovers: [alone] }
    const found = differencesOf(report, after)
    expect(
      found.map(({ what, before, after: is, isWorse }) => [what, before, is, isWorse]),
    ).toEqual([
      ['store from a to b', 'done', 'failed', true],
      ['store from a to b: total', '233 ms', 'none', undefined],
      ['store from a to b: downtime', '7.3 ms', 'none', undefined],
      ['failover of b: last VM back after', '3.8 s', 'none', undefined],
      ['failover of b: VMs back', '1', '0', true],
    ])
  })

  test('the second of one sentence is held against the second', () => {
    const [first] = report.expectations
    if (!first) throw new Error('it has expectations')
    const broken = { ...first, verdict: 'broken', detail: 'it is not' } as const
    const twice = (one: typeof first, other: typeof first) => ({
      ...report,
      expectations: [one, other],
    })
    expect(differencesOf(twice(first, first), twice(broken, first))).toMatchObject([
      { what: first.sentence, before: 'held', after: 'broken', seen: 'it is not' },
    ])
    expect(differencesOf(twice(first, first), twice(first, broken))).toMatchObject([
      { what: `${first.sentence} (2)`, before: 'held', after: 'broken', seen: 'it is not' },
    ])
  })

  test('a verdict that changed comes first, with what was seen; what is missing is said to be', () => {
    const { expectations, failovers: _, ...rest } = report
    const [first] = expectations
    if (!first) throw new Error('it has expectations')
    const after: Report = {
      ...rest,
      failovers: [],
      expectations: [{ ...first, verdict: 'broken', detail: '3 keys were lost' }],
    }
    expect(differencesOf(report, after)).toEqual([
      {
        ...{ kind: 'verdict', what: first.sentence, before: 'held', after: 'broken' },
        ...{ seen: '3 keys were lost', isWorse: true },
      },
      {
        ...{ kind: 'verdict', what: 'no VM ran twice at any instant', before: 'held' },
        ...{ after: 'not there', isWorse: true },
      },
      { kind: 'count', what: 'failover of b', before: 'once', after: 'never' },
    ])
  })
})
