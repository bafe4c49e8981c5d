// A scenario folder from beginning to end: read, run in a world, report, compare with expected.log,
// clean up. This is what `godwit scenario run` calls. Whatever happens, the world is stopped before
// it returns. Not here: the run itself (runner/runner.ts), how things are printed (cli/).

import type { Clock } from '#env/env.ts'
import { readScenario } from './language/scenario.ts'
import { type Mistake, mistakeText } from './language/yaml-text.ts'
import type { Recording } from './report/recording.ts'
import { isPassed, type Report, reportOf, withFinding } from './report/report.ts'
import { differences, transcriptOf } from './report/transcript.ts'
import type { Progress } from './runner/progress.ts'
import { ScenarioRun } from './runner/runner.ts'
import { VmSpecs } from './runner/vm-specs.ts'
import { Interrupted } from './runner/waiting.ts'
import type { ScenarioFolder } from './scenario-folder.ts'
import type { Scenario } from './schema.ts'
import type { World } from './world.ts'

export type { Mistake, Progress, Report, Scenario, ScenarioFolder }

export interface RunOptions {
  readonly world: World
  readonly clock: Clock
  /** Writes expected.log instead of comparing with it. */
  readonly update?: boolean
  /** Instead of the scenario's own. */
  readonly seed?: number
  readonly onProgress?: (progress: Progress) => void
  /** Ctrl-C: ends the run at once; the world is stopped all the same. */
  readonly signal?: AbortSignal
  /** The run is over and the cluster still stands: print, linger, let people look. */
  readonly beforeStop?: (outcome: RunOutcome) => Promise<void>
}

/** What is known before the world is stopped. */
export interface RunOutcome {
  readonly passed: boolean
  /** Each reason for not having passed, a line each. */
  readonly why: readonly string[]
  readonly report: Report
  readonly transcript: string
  /** What a picture of it needs besides. */
  readonly recording: Recording
  /** `not-written`: asked for, but a run that failed would make its failure what is expected. */
  readonly expectedLog: 'matches' | 'differs' | 'missing' | 'written' | 'not-written'
}

export type RunResult =
  | ({ readonly kind: 'run'; readonly leftovers: readonly string[] } & RunOutcome)
  | { readonly kind: 'mistakes'; readonly mistakes: readonly Mistake[] }
  | { readonly kind: 'interrupted'; readonly leftovers: readonly string[] }

interface Read {
  readonly scenario: Scenario
  /** Of the file that it names; empty: it names none. */
  readonly traceText: string
}

/** Reads and checks the folder's scenario.yaml, and the traces that it names. */
export async function readFolder(
  folder: ScenarioFolder,
): Promise<Read | { readonly mistakes: Mistake[] }> {
  const file = folder.pathOf('scenario.yaml')
  const missing = (message: string) => ({ mistakes: [{ file, line: 1, column: 1, message }] })
  const text = await folder.read('scenario.yaml')
  if (text === undefined) return missing('there is no such file: a scenario is a folder with one')
  if ((await folder.read('README.md')) === undefined)
    return missing('the folder has no README.md: say what this shows, why, and what should happen')
  const read = readScenario(text, file, folder.name)
  if ('mistakes' in read) return read
  const { scenario } = read
  if (scenario.traces === undefined) return { scenario, traceText: '' }
  const traceText = await folder.read(csvOf(scenario.traces))
  const mistakes = read.mistakesWith(traceText)
  return mistakes.length > 0 ? { mistakes } : { scenario, traceText: traceText ?? '' }
}

const csvOf = (file: string) => file as `${string}.csv`

export async function runScenario(folder: ScenarioFolder, options: RunOptions): Promise<RunResult> {
  const read = await readFolder(folder)
  if ('mistakes' in read) return { kind: 'mistakes', mistakes: read.mistakes }
  let outcome: RunOutcome | undefined
  let leftovers: readonly string[] = []
  try {
    outcome = await outcomeOf(read, folder, options)
    await options.beforeStop?.(outcome)
  } catch (thrown) {
    if (!(thrown instanceof Interrupted)) throw thrown
  } finally {
    leftovers = await options.world.stop()
  }
  if (outcome === undefined) return { kind: 'interrupted', leftovers }
  const left = leftovers.map((name) => `left behind: ${name}`)
  const why = [...outcome.why, ...left]
  const report = withFinding(outcome.report, 'nothing is left behind', leftovers.join(', '))
  return { kind: 'run', ...outcome, report, passed: why.length === 0, why, leftovers }
}

export { mistakeText }

async function outcomeOf(
  { scenario, traceText }: Read,
  folder: ScenarioFolder,
  { world, clock, update, onProgress, signal, seed = scenario.seed }: RunOptions,
): Promise<RunOutcome> {
  const seeded = { ...scenario, seed }
  const run = new ScenarioRun(seeded, {
    specs: new VmSpecs(seeded, world, traceText),
    world,
    clock,
    onProgress: onProgress ?? (() => {}),
    signal,
  })
  const recording = await run.run()
  const report = reportOf(recording)
  const transcript = transcriptOf(recording)
  const log = update
    ? await written(folder, transcript, isPassed(report))
    : await compared(folder, transcript)
  const why = [...whyNot(report), ...log.why]
  return {
    ...{ passed: why.length === 0, why, transcript, recording, expectedLog: log.is },
    report: withFinding(report, 'all goes as expected.log says', inShort(log.why)),
  }
}

const linesMax = 6

/** On one line. */
function inShort([what = '', ...lines]: readonly string[]): string {
  const more = lines.length > linesMax ? [`and ${lines.length - linesMax} more`] : []
  const told = [...lines.slice(0, linesMax).map((line) => line.replace(/ +/g, ' ')), ...more]
  return [what, ...(told.length > 0 ? [told.join('; ')] : [])].join(' ')
}

function whyNot({ fault, steps, expectations }: Report): string[] {
  return [
    ...(fault === undefined ? [] : [`the run ended early: ${fault.message}`]),
    ...steps
      .filter(({ outcome }) => outcome === 'failed')
      .map((step) => `step failed: ${step.sentence}: ${step.fault?.message}`),
    ...expectations
      .filter(({ verdict }) => verdict !== 'held')
      .map(({ sentence, verdict, detail }) => `${verdict}: ${sentence} (${detail})`),
  ]
}

interface LogFinding {
  readonly is: RunOutcome['expectedLog']
  readonly why: readonly string[]
}

async function written(
  folder: ScenarioFolder,
  transcript: string,
  passed: boolean,
): Promise<LogFinding> {
  if (!passed) return { is: 'not-written', why: [] }
  await folder.write('expected.log', transcript)
  return { is: 'written', why: [] }
}

async function compared(folder: ScenarioFolder, transcript: string): Promise<LogFinding> {
  const path = folder.pathOf('expected.log')
  const expected = await folder.read('expected.log')
  if (expected === undefined)
    return { is: 'missing', why: [`${path} is missing: look at the run, then use --update`] }
  const lines = differences(expected, transcript)
  if (lines.length === 0) return { is: 'matches', why: [] }
  return { is: 'differs', why: [`the run is not as ${path} says:`, ...lines] }
}
