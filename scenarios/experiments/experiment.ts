// An experiment: variants that are compared, each tried on every day of load traces that there is,
// and so often again with another seed; what is measured in each trial, and what others have
// published. And the running of it: one trial after the other, with progress, until it is done or
// somebody has enough. Not here: what the trials do (consolidation/), files (cli/), pages
// (report.ts). ms.

import type { Clock } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import type { Trace } from '../sim/models/traces.ts'
import type { Turns } from '../sim/turns.ts'
import type { Measures } from './consolidation/account.ts'

/** A day of load traces, one a VM, in the order of their names. */
export interface Day {
  readonly name: string
  readonly traces: readonly Trace[]
}

export interface Workload {
  readonly days: readonly Day[]
  readonly nodes: number
  /** False: drawn from a seed; nothing that was published can be compared. */
  readonly isRecorded: boolean
}

export interface Trial {
  readonly variant: string
  readonly day: Day
  /** 0: VMs in the order of their names. Others: in another order, so of other kinds. */
  readonly seed: number
  readonly nodes: number
}

export interface TrialResult {
  readonly measures: Measures
  /** Nodes that were on, over the day: at each look. */
  readonly nodesOn: readonly number[]
  /** From one look to the next. */
  readonly lookEverySec: number
}

export interface Outcome extends TrialResult {
  readonly variant: string
  readonly day: string
  readonly seed: number
}

/** A figure of somebody else, of one day or of the medians of theirs. */
export interface Published {
  readonly variant: string
  readonly day: string | 'median'
  readonly source: string
  readonly measures: Partial<Measures>
}

export interface Experiment {
  readonly name: string
  readonly about: string
  /** What it reproduces, or what it is compared with. */
  readonly source: string
  readonly variants: readonly string[]
  /** Of this many nodes, when nothing else is said. */
  readonly nodes: number
  readonly published: readonly Published[]
  run(trial: Trial, pause: Pause): Promise<TrialResult>
}

/** What trials wait for, so that others have their turn. */
export interface Pause {
  /** Now and then: throws when nobody waits for the end any more. */
  breathe(): Promise<void>
  readonly turns: Turns
}

export interface ExperimentProgress {
  readonly done: number
  readonly trials: number
  readonly now: Pick<Outcome, 'variant' | 'day' | 'seed'>
  /** Guessed from how long those that are done took; undefined before the first. */
  readonly leftMs: number | undefined
}

export interface RunningExperiment {
  readonly workload: Workload
  readonly seeds: number
  readonly clock: Clock
  readonly turns: Turns
  readonly signal: AbortSignal
  onProgress(progress: ExperimentProgress): void
}

/** What is done by then, when the signal aborts: the outcomes so far. */
export async function runExperiment(
  experiment: Experiment,
  { workload, seeds, clock, turns, signal, onProgress }: RunningExperiment,
): Promise<Outcome[]> {
  const trials = trialsOf(experiment, workload, seeds)
  const beganAtMs = clock.nowMs()
  const outcomes: Outcome[] = []
  const pause = pauseOf(clock, turns, signal)
  for (const trial of trials) {
    const done = outcomes.length
    const leftMs = done ? ((clock.nowMs() - beganAtMs) / done) * (trials.length - done) : undefined
    const now = { variant: trial.variant, day: trial.day.name, seed: trial.seed }
    onProgress({ done, trials: trials.length, now, leftMs })
    try {
      outcomes.push({ ...now, ...(await experiment.run(trial, pause)) })
    } catch (thrown) {
      if (signal.aborted) return outcomes
      throw thrown
    }
  }
  return outcomes
}

/** Day by day, so that all variants have something to show early. */
export function trialsOf(
  { variants }: Pick<Experiment, 'variants'>,
  { days, nodes }: Workload,
  seeds: number,
): Trial[] {
  const repeats = Array.from({ length: seeds }, (_, seed) => seed)
  return repeats.flatMap((seed) =>
    days.flatMap((day) => variants.map((variant) => ({ variant, day, seed, nodes }))),
  )
}

const breathEveryMs = 50

function pauseOf(clock: Clock, turns: Turns, signal: AbortSignal): Pause {
  let nextAtMs = clock.nowMs()
  const breathe = async () => {
    if (clock.nowMs() < nextAtMs) return
    await sleep(clock, 0)
    signal.throwIfAborted()
    nextAtMs = clock.nowMs() + breathEveryMs
  }
  return { breathe, turns }
}
