// What a scenario that was run many times measured: of each downtime, recovery time and longest
// wait the least, the middle and the most, and which runs did not pass. Pure. Times in ms, values
// in the order of the runs.

import type { Report } from './report.ts'
import type { Paint } from './report-text.ts'

export interface RunOfMany {
  readonly report: Report
  readonly passed: boolean
}

/** One thing that was measured in several runs. */
export interface Measure {
  readonly what: string
  readonly minMs: number
  readonly medianMs: number
  readonly maxMs: number
  readonly valuesMs: readonly number[]
}

export interface Spread {
  readonly scenario: string
  readonly runs: readonly { readonly seed: number; passed: boolean; totalMs: number }[]
  readonly measures: readonly Measure[]
}

export function spreadOf(runs: readonly RunOfMany[]): Spread {
  const values = new Map<string, number[]>()
  for (const { report } of runs)
    for (const [what, ms] of measuredIn(report)) values.set(what, [...(values.get(what) ?? []), ms])
  return {
    scenario: runs[0]?.report.scenario ?? '',
    runs: runs.map(({ report: { seed, totalMs }, passed }) => ({ seed, passed, totalMs })),
    measures: [...values].map(([what, ms]) => measureOf(what, ms)),
  }
}

/** By names that are the same in every run: whose, and the how manyeth of it. */
function measuredIn({ migrations, failovers, clients }: Report): [string, number][] {
  const seen = new Map<string, number>()
  const named = (what: string): string => {
    const count = (seen.get(what) ?? 0) + 1
    seen.set(what, count)
    return count === 1 ? what : `${what} (${count})`
  }
  return [
    ...migrations.flatMap(({ vmId, downtimeMs, outcome }): [string, number][] =>
      outcome === 'done' && downtimeMs !== undefined
        ? [[named(`downtime of ${vmId}`), downtimeMs]]
        : [],
    ),
    ...failovers.flatMap(({ restarted }) =>
      restarted.map(({ vmId, ms }): [string, number] => [named(`recovery of ${vmId}`), ms]),
    ),
    ...clients.map(({ id, waitMsMax }): [string, number] => [`longest wait of ${id}`, waitMsMax]),
  ]
}

function measureOf(what: string, valuesMs: readonly number[]): Measure {
  const sorted = valuesMs.toSorted((a, b) => a - b)
  const last = sorted.length - 1
  const at = (index: number) => sorted[index] ?? 0
  // Of an even number, halfway between the two in the middle.
  const medianMs = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2
  return { what, minMs: at(0), medianMs, maxMs: at(last), valuesMs }
}

export function spreadText({ scenario, runs, measures }: Spread, paint: Paint): string {
  const passed = runs.filter((run) => run.passed).length
  const width = Math.max(0, ...measures.map(({ what }) => what.length))
  const lines = measures.map(({ what, minMs, medianMs, maxMs, valuesMs }) => {
    const few = valuesMs.length < runs.length ? `  (in ${valuesMs.length} runs)` : ''
    const span = `${msOf(minMs)} to ${msOf(maxMs)}`
    return `  ${what.padEnd(width)}  ${msOf(medianMs).padStart(8)}  ${span}${few}`
  })
  const bad = runs.filter((run) => !run.passed).map(({ seed }) => seed)
  return [
    ...(lines.length > 0 ? [paint('bold', `Over ${runs.length} runs: median, least to most`)] : []),
    ...lines,
    ...(bad.length > 0 ? [`not passed with seed ${bad.join(', ')}: --seed N runs one again`] : []),
    paint(
      passed === runs.length ? 'green' : 'red',
      `${scenario}: ${passed} of ${runs.length} runs passed`,
    ),
  ].join('\n')
}

/** To the ms, for a comparison; below 10 to a tenth of one. */
const msOf = (ms: number): string => `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`
