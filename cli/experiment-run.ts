// What `godwit experiment` does: variants compared over many days and seeds, with medians, intervals
// and what was published beside them. The table goes to stdout, progress to stderr, a page and the
// numbers into a folder. Not here: the commands (commands/experiment.ts).

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { msText } from '#proto/quantity.ts'
import { experiments } from '#scenarios/experiments/catalogue.ts'
import {
  type Experiment,
  type ExperimentProgress,
  type Outcome,
  runExperiment,
  type Workload,
} from '#scenarios/experiments/experiment.ts'
import { deviationText, measureTexts, textOf } from '#scenarios/experiments/measure-text.ts'
import { experimentHtml } from '#scenarios/experiments/report.ts'
import {
  type Comparison,
  comparisonsOf,
  summaryOf,
  type VariantSummary,
} from '#scenarios/experiments/summary.ts'
import { drawnWorkload, recordedWorkload } from '#scenarios/experiments/workload.ts'
import { nearestName } from '#scenarios/language/nearest-name.ts'
import { nodeTurns } from '#scenarios/sim/turns.ts'
import type { Cli } from './cli.ts'
import { CommandError, exitCode } from './exit-code.ts'
import { shellWord } from './replay-line.ts'
import { type Column, tableText } from './table.ts'
import { readDays } from './trace-folder.ts'
import { version } from './version.ts'

export interface ExperimentOptions {
  readonly data?: string
  readonly seeds: number
  readonly nodes?: number
  readonly only?: string
  readonly reports?: string
  readonly output: 'text' | 'json'
}

export function listExperiments({ terminal }: Cli): void {
  const columns: Column<Experiment>[] = [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'VARIANTS', text: ({ variants }) => String(variants.length), align: 'right' },
    { title: 'ABOUT', text: ({ about }) => about },
  ]
  terminal.write(tableText(columns, experiments, terminal.paint))
}

export async function runNamed(cli: Cli, name: string, options: ExperimentOptions): Promise<void> {
  const experiment = chosen(name, options.only)
  const workload = workloadOf(experiment, options)
  const { seeds } = options
  const signal = cli.interrupts.handle()
  const progress = progressOf(cli)
  const running = {
    ...{ workload, seeds, signal, clock: cli.clock, turns: nodeTurns() },
    onProgress: progress.show,
  }
  const outcomes = await runExperiment(experiment, running)
  progress.done()
  if (outcomes.length > 0) present(cli, experiment, workload, outcomes, options)
  if (signal.aborted) throw new CommandError(exitCode.interrupted, '')
}

function chosen(name: string, only: string | undefined): Experiment {
  const found = experiments.find((one) => one.name === name)
  if (!found) {
    const near = nearestName(
      name,
      experiments.map((one) => one.name),
    )
    const hint = near ? `did you mean \`${near}\`?` : 'see godwit experiment list'
    throw new CommandError(exitCode.usage, `there is no experiment \`${name}\`: ${hint}`)
  }
  if (only === undefined) return found
  const variants = only.split(',').map((variant) => variant.trim())
  const unknown = variants.find((variant) => !found.variants.includes(variant))
  if (unknown !== undefined) {
    const there = `it has ${found.variants.join(', ')}`
    throw new CommandError(exitCode.usage, `${name} has no variant \`${unknown}\`: ${there}`)
  }
  return { ...found, variants }
}

const drawn = { days: 3, nodes: 40 }

function workloadOf(experiment: Experiment, { data, nodes }: ExperimentOptions): Workload {
  if (data === undefined) return drawnWorkload(drawn.days, nodes ?? drawn.nodes)
  return recordedWorkload(readDays(data), nodes ?? experiment.nodes)
}

function progressOf(cli: Cli) {
  const live = cli.terminal.notesInteractive ? cli.terminal.live('stderr') : undefined
  return {
    show: (progress: ExperimentProgress) => {
      const text = progressText(progress)
      if (live) live.draw(text)
      else cli.terminal.note(text)
    },
    done: () => live?.clear(),
  }
}

function progressText({ done, trials, now, leftMs }: ExperimentProgress): string {
  const left = leftMs === undefined ? '' : `, about ${msText(leftMs)} left`
  return `${done + 1} of ${trials}: ${now.variant}, ${now.day}, seed ${now.seed}${left}`
}

function present(
  cli: Cli,
  experiment: Experiment,
  workload: Workload,
  outcomes: readonly Outcome[],
  options: ExperimentOptions,
): void {
  const summary = summaryOf(experiment, outcomes)
  const compared = workload.isRecorded ? comparisonsOf(experiment.published, outcomes) : []
  const days = workload.days.map(({ name, traces }) => ({ name, vms: traces.length }))
  const json = {
    experiment: experiment.name,
    workload: { nodes: workload.nodes, isRecorded: workload.isRecorded, days },
    ...{ seeds: options.seeds, summary, compared, outcomes },
  }
  const folder = options.reports ?? join(cli.home, 'reports')
  mkdirSync(folder, { recursive: true })
  const file = (end: string) => join(folder, `experiment-${experiment.name}.${end}`)
  writeFileSync(file('json'), `${JSON.stringify(json, null, 2)}\n`)
  const facts = { experiment, workload, seeds: options.seeds, outcomes, version: version() }
  writeFileSync(file('html'), experimentHtml({ ...facts, replay: replayOf(experiment, options) }))
  if (options.output === 'json') cli.terminal.data(JSON.stringify(json, null, 2))
  else writeTables(cli, summary, compared)
  cli.terminal.note(`Report: ${file('html')}`)
}

const replayOf = ({ name }: Experiment, { data, seeds, nodes, only }: ExperimentOptions): string =>
  [
    `godwit experiment run ${name} --seeds ${seeds}`,
    ...(data === undefined ? [] : [`--data ${shellWord(data)}`]),
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(only === undefined ? [] : [`--only ${shellWord(only)}`]),
  ].join(' ')

function writeTables(
  { terminal }: Cli,
  summary: readonly VariantSummary[],
  compared: readonly Comparison[],
): void {
  const columns: Column<VariantSummary>[] = [
    { title: 'VARIANT', text: ({ variant }) => variant },
    ...measureTexts.map(
      (text): Column<VariantSummary> => ({
        title: text.title.toUpperCase(),
        text: ({ estimates }) => textOf(text, estimates),
        align: 'right',
      }),
    ),
  ]
  terminal.write(tableText(columns, summary, terminal.paint))
  if (compared.length === 0) return
  const number = ({ measure }: Comparison, value: number) =>
    measureTexts.find(({ key }) => key === measure)?.number(value) ?? String(value)
  const beside: Column<Comparison>[] = [
    { title: 'VARIANT', text: ({ variant }) => variant },
    { title: 'DAY', text: ({ day }) => day },
    { title: 'MEASURE', text: ({ measure }) => measure },
    { title: 'PUBLISHED', text: (one) => number(one, one.published), align: 'right' },
    { title: 'OURS', text: (one) => number(one, one.ours), align: 'right' },
    { title: 'DEVIATION', text: ({ deviation }) => deviationText(deviation), align: 'right' },
    { title: 'SOURCE', text: ({ source }) => source },
  ]
  terminal.write(`\n${tableText(beside, compared, terminal.paint)}`)
}
