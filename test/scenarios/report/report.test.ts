// The report of a recorded run: as people read it, and as data.

import { describe, expect, test } from 'vitest'
import type { MigrationView } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import type { Recording } from '#scenarios/report/recording.ts'
import { isPassed, Report, reportOf } from '#scenarios/report/report.ts'
import { reportText } from '#scenarios/report/report-text.ts'
import { differences } from '#scenarios/report/transcript.ts'

const round = { round: 0, pages: 4096, zeroPages: 96, bytes: 16_400_000, ms: 210, dirtyPages: 12 }
const move: MigrationView = {
  ...{ id: 'm1', purpose: 'migrate', vmId: 'store', cloneIds: [], from: 'a', to: 'b' },
  ...{ phase: 'done', cause: 'scenario', round: 1, sentPages: 12, pagesOfRound: 12 },
  ...{ bytes: 16_450_000, queuedAtMs: 100, endedAtMs: 340 },
  record: {
    rounds: [round, { ...round, round: 1, pages: 12, zeroPages: 0, bytes: 50_000, ms: 4 }],
    ...{ bytes: 16_450_000, pages: 4108, zeroPages: 96, totalMs: 233.4, downtimeMs: 7.25 },
    hash: '00112233445566aa',
  },
}
const clones: MigrationView = {
  ...{ ...move, id: 'm2', purpose: 'clone', vmId: 'store', cloneIds: ['store-1', 'store-2'] },
  ...{ from: 'b', to: 'b', cause: 'operator' },
}
const { record: _, ...unrecorded } = move
const failed: MigrationView = {
  ...{ ...unrecorded, id: 'm3', phase: 'failed', to: 'c', bytes: 4096 },
  fault: fault('link-lost', 'Node c was lost.'),
}

const recording: Recording = {
  ...{ name: 'story', about: 'What a report looks like.', seed: 7 },
  ...{ nodeIds: ['a', 'b', 'c'], vmIds: ['store'], readyAtMs: 900, endedAtMs: 12_340 },
  steps: [
    { sentence: 'migrate store to b', outcome: 'done', beganAtMs: 1000, endedAtMs: 1240 },
    { sentence: 'kill node b (SIGKILL)', outcome: 'done', beganAtMs: 3000, endedAtMs: 3002 },
  ],
  verdicts: [
    {
      ...{ sentence: 'no acknowledged write of shop is lost', from: 'scenario' },
      ...{ verdict: 'held', detail: '250 writes acknowledged, 40 keys read back' },
    },
    {
      ...{ sentence: 'no VM ran twice at any instant', from: 'every-run' },
      ...{ verdict: 'held', detail: 'agents were asked 55 times' },
    },
  ],
  migrations: [move, clones, failed],
  failovers: [
    {
      ...{ nodeId: 'b', cause: 'killed', brokenAtMs: 3000, detectedAtMs: 3750, fencedAtMs: 6100 },
      recoveries: [{ vmId: 'store', to: 'c', runningAtMs: 6800 }],
    },
  ],
  clients: [
    {
      load: { id: 'shop', vmId: 'store', writesPerSecond: 20, keys: 40, inFlight: 8 },
      findings: { acknowledged: 250, waitMsMax: 3950, refused: 0, verifiedKeys: 40, lost: [] },
    },
  ],
  vms: [],
}

describe('the report', () => {
  test('reads so', () => {
    expect(`\n${reportText(reportOf(recording))}`).toBe(`
story: What a report looks like.

Steps
  at 1 s  migrate store to b     ✓ done  240 ms
  at 3 s  kill node b (SIGKILL)  ✓ done  2 ms

Migrations
  VM     from  to  cause               rounds  sent      total   downtime  hash
  store  a     b   scenario  ✓ done    2       15.7 MiB  233 ms  7.3 ms    00112233445566aa
  store  a     c   scenario  ✗ failed  0       4.0 KiB   –       –         Node c was lost.

Clones
  parent  from  to          clones  sent      total   parent paused
  store   b     b   ✓ done  2       15.7 MiB  233 ms  7.3 ms

Failovers
  node b was killed  detected after 750 ms  fenced after 3100 ms
                     store runs on c        after 3800 ms

Writes
  shop → store  250 acknowledged  40 keys read back  0 lost  longest wait 3950 ms

Expectations
  ✓ held  no acknowledged write of shop is lost  250 writes acknowledged, 40 keys read back
  ✓ held  no VM ran twice at any instant         agents were asked 55 times

passed: 2 of 2 expectations held, 250 writes acknowledged, 0 lost, in 12.3 s
`)
  })

  test('is the same data for programs, and keeps to its schema', () => {
    const report = Report.parse(JSON.parse(JSON.stringify(reportOf(recording))))
    expect(report.failovers).toEqual([
      {
        ...{ nodeId: 'b', cause: 'killed', detectedMs: 750, fencedMs: 3100 },
        restarted: [{ vmId: 'store', to: 'c', ms: 3800 }],
      },
    ])
    expect(report.migrations[0]).toMatchObject({ rounds: 2, downtimeMs: 7.25 })
    expect(report.clones[0]).toMatchObject({
      parentPausedMs: 7.25,
      cloneIds: move.cloneIds.concat('store-1', 'store-2'),
    })
  })

  test('keeps its columns when colours are on', () => {
    const green = (text: string) => `\u001b[32m${text}\u001b[39m`
    const painted = reportText(reportOf(recording), (style, text) =>
      style === 'green' ? green(text) : text,
    )
    expect(painted).toContain(green('✓ done'))
    expect(painted.replaceAll('\u001b[32m', '').replaceAll('\u001b[39m', '')).toBe(
      reportText(reportOf(recording)),
    )
  })

  test('has passed only when nothing failed, broke, or was left unjudged', () => {
    const report = reportOf(recording)
    expect(isPassed(report)).toBe(true)
    const verdicts = (['broken', 'not-judged'] as const).map((verdict) =>
      reportOf({ ...recording, verdicts: recording.verdicts.map((one) => ({ ...one, verdict })) }),
    )
    expect(verdicts.map(isPassed)).toEqual([false, false])
    const step = { sentence: 'wait 1 s', outcome: 'not-reached' } as const
    expect(isPassed(reportOf({ ...recording, steps: [step] }))).toBe(false)
    const why = fault('timed-out', 'The cluster did not come up.')
    expect(isPassed(reportOf({ ...recording, fault: why }))).toBe(false)
    expect(reportText(reportOf({ ...recording, fault: why }))).toContain(
      'The run ended early: The cluster did not come up. (timed-out)',
    )
  })
})

describe('differences', () => {
  test('name what is missing and what is there instead', () => {
    expect(differences('a\nb\nc\n', 'a\nx\nc\n')).toEqual(['- b', '+ x'])
    expect(differences('a\nb\n', 'a\nb\n')).toEqual([])
    expect(differences('', 'a\n')).toEqual(['+ a'])
    expect(differences('a\na\nb\n', 'a\nb\nb\n')).toEqual(['- a', '+ b'])
  })
})
