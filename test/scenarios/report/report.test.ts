// The report of a recorded run: as people read it, and as data.

import { describe, expect, test } from 'vitest'
import { fault } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import { isPassed, Report, reportOf } from '#scenarios/report/report.ts'
import { reportText } from '#scenarios/report/report-text.ts'
import { differences } from '#scenarios/report/transcript.ts'
import { recording } from './a-recording.ts'

describe('the report', () => {
  test('reads so', () => {
    expect(`\n${reportText(reportOf(recording))}`).toBe(`
story: What a report looks like.

Steps
  at 1 s  migrate store to b     ✓ done  240 ms
  at 3 s  kill node b (SIGKILL)  ✓ done  2 ms

Migrations
  VM     from  to  cause               rounds  sent     total   downtime  hash
  store  a     b   scenario  ✓ done    2       16.5 MB  233 ms  7.3 ms    00112233445566aa
  store  a     c   scenario  ✗ failed  0       4.1 kB   –       –         Node c was lost.

Clones
  parent  from  to          clones  sent     total   parent paused
  store   b     b   ✓ done  2       16.5 MB  233 ms  7.3 ms

Failovers
  node b was killed  detected after 750 ms  fenced after 3100 ms
                     store runs on c        after 3800 ms         from its disk

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
      cloneIds: ['store-1', 'store-2'],
    })
  })

  test('a migration that failed before it stopped its VM has no downtime, and one after it has', () => {
    const [move] = recording.migrations
    invariant(move?.record, 'the first one was measured')
    const failed = (downtimeMs: number) => ({
      ...{ ...move, phase: 'failed' as const },
      record: { ...move.record, downtimeMs },
    })
    const migrations = [failed(0), failed(12)] as typeof recording.migrations
    const report = reportOf({ ...recording, migrations })
    expect(report.migrations.map(({ downtimeMs }) => downtimeMs)).toEqual([undefined, 12])
    expect(reportText(report)).toMatch(/✗ failed .*233 ms +–/)
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
