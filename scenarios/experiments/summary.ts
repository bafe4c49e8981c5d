// What came of an experiment, in medians: of each variant over all days and seeds, with an interval
// in which the true median lies with 95 % confidence, whatever the distribution (order statistics:
// the binomial distribution says how many of n samples lie below it); and beside it what others
// published. Pure.

import type { Measures } from './consolidation/account.ts'
import { median } from './consolidation/statistics.ts'
import type { Experiment, Outcome, Published } from './experiment.ts'

export interface Estimate {
  readonly median: number
  readonly low: number
  readonly high: number
  /**
   * With fewer than six samples no interval is that sure: low and high are the least and the most.
   */
  readonly isInterval: boolean
  readonly samples: number
}

export type Estimates = Readonly<Record<keyof Measures, Estimate>>

export interface VariantSummary {
  readonly variant: string
  readonly estimates: Estimates
}

/** In the order of the experiment's variants; without those that nothing is known of. */
export function summaryOf(experiment: Experiment, outcomes: readonly Outcome[]): VariantSummary[] {
  return experiment.variants.flatMap((variant) => {
    const measures = outcomes.filter((one) => one.variant === variant).map((one) => one.measures)
    return measures.length === 0 ? [] : [{ variant, estimates: estimatesOf(measures) }]
  })
}

function estimatesOf(all: readonly Measures[]): Estimates {
  const of = (key: keyof Measures) => estimate(all.map((measures) => measures[key]))
  return {
    ...{ energyKwh: of('energyKwh'), migrations: of('migrations') },
    ...{ slatah: of('slatah'), pdm: of('pdm'), slav: of('slav'), esv: of('esv') },
    ...{ shutdowns: of('shutdowns'), nodesOn: of('nodesOn') },
  }
}

export function estimate(values: readonly number[]): Estimate {
  const sorted = Float64Array.from(values).sort()
  const samples = sorted.length
  const from = intervalFrom(samples)
  const [low, high] = from === undefined ? [0, samples - 1] : [from, samples - 1 - from]
  return {
    median: median(sorted),
    ...{ low: sorted[low] as number, high: sorted[high] as number },
    ...{ isInterval: from !== undefined, samples },
  }
}

/** The largest index such that fewer than 2.5 % of all draws have the median below it. */
function intervalFrom(samples: number): number | undefined {
  let [chance, below, from] = [0.5 ** samples, 0, undefined as number | undefined]
  for (let index = 0; index < samples / 2; index++) {
    below += chance
    if (below > 0.025) break
    from = index
    chance = (chance * (samples - index)) / (index + 1)
  }
  return from
}

export interface Comparison {
  readonly variant: string
  readonly day: string
  readonly source: string
  readonly measure: keyof Measures
  readonly published: number
  readonly ours: number
  /** Ours / theirs − 1. */
  readonly deviation: number
}

/** Theirs of a day with our medians of that day, their medians with our medians of all days. */
export function comparisonsOf(
  published: readonly Published[],
  outcomes: readonly Outcome[],
): Comparison[] {
  return published.flatMap(({ variant, day, source, measures }) => {
    const same = outcomes.filter(
      (one) => one.variant === variant && (day === 'median' || one.day === day),
    )
    if (same.length === 0) return []
    return (Object.keys(measures) as (keyof Measures)[]).map((measure) => {
      const theirs = measures[measure] as number
      const ours = median(same.map((one) => one.measures[measure]))
      return {
        ...{ variant, day, source, measure, published: theirs, ours },
        deviation: ours / theirs - 1,
      }
    })
  })
}
