// When is a node overloaded? The five answers of Beloglazov and Buyya 2012, section 4: a static
// threshold (THR), thresholds that adapt to how much the use varies (MAD, IQR), and a forecast by
// local regression (LR, and LRR, which outliers do not lead astray). Pure: from what is known of a
// node to yes or no. Uses are 0 to 1, histories newest first, one sample each five minutes.

import { intervalSec, migrationSec } from './set-up.ts'
import {
  interquartileRange,
  type Line,
  lineThrough,
  loess,
  medianAbsoluteDeviation,
  robustLoess,
} from './statistics.ts'

/** What a node bears, or would bear. */
export interface Load {
  /** What its VMs ask for, in parts of all its cores. */
  readonly use: number
  /** Newest first. Since when its VMs were idle is not counted: it ends with a use above 0. */
  readonly history: ArrayLike<number>
  /** Of the largest of its VMs. */
  readonly memoryMibMax: number
}

export const detectorNames = ['thr', 'iqr', 'mad', 'lr', 'lrr'] as const
export type DetectorName = (typeof detectorNames)[number]

export type Detector = (load: Load) => boolean

/** The parameters that the paper found best, and that its program runs with. */
export const parameters: Readonly<Record<DetectorName, number>> = {
  ...{ thr: 0.8, iqr: 1.5, mad: 2.5, lr: 1.2, lrr: 1.2 },
}

/** While there is not enough history. */
const thresholdAtFirst = 0.7
const samplesForSpread = 12
const samplesForLine = 10

/**
 * @param parameter the threshold, or the safety parameter s.
 * @param weighs regression with the weights of Loess; without, least squares, as the released
 *   program does.
 */
export function detector(name: DetectorName, parameter: number, weighs: boolean): Detector {
  if (name === 'thr') return threshold(parameter)
  if (name === 'iqr') return adaptive(parameter, interquartileRange)
  if (name === 'mad') return adaptive(parameter, medianAbsoluteDeviation)
  if (!weighs) return forecast(parameter, lineThrough)
  return forecast(parameter, name === 'lr' ? loess : robustLoess)
}

const threshold =
  (most: number): Detector =>
  ({ use }) =>
    use > most

/** Overloaded above 1 − s · spread: the more the use varies, the more room is left. */
function adaptive(safety: number, spreadOf: (samples: ArrayLike<number>) => number): Detector {
  const atFirst = threshold(thresholdAtFirst)
  return (load) => {
    if (load.history.length < samplesForSpread) return atFirst(load)
    return load.use > 1 - safety * spreadOf(load.history)
  }
}

/** Overloaded when s · the use to come by the time that its largest VM could be gone is 1. */
function forecast(safety: number, lineOf: (samples: readonly number[]) => Line): Detector {
  const atFirst = threshold(thresholdAtFirst)
  return (load) => {
    if (load.history.length < samplesForLine) return atFirst(load)
    const { start, slope } = lineOf(newestLast(load.history))
    const ahead = Math.ceil(migrationSec(load.memoryMibMax) / intervalSec)
    return safety * (start + slope * (samplesForLine + ahead)) >= 1
  }
}

const newestLast = (history: ArrayLike<number>): number[] =>
  Array.from({ length: samplesForLine }, (_, i) => history[samplesForLine - 1 - i] as number)
