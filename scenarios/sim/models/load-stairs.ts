// What a modelled VM asks of its CPU over time, as stairs: between two steps nothing changes, so
// that nothing has to happen. Pure. Percent, ms of the cluster's wall clock: a trace tells of times
// of day, and goes on while a VM stands still.

import { type Fault, fault } from '#proto/faults.ts'
import type { Trace } from './traces.ts'
import type { ModelLoad } from './vm-model.ts'

export interface LoadStairs {
  percentAt(atMs: number): number
  /** The next time at which it may be another; Infinity: never. */
  stepAfter(atMs: number): number
}

/** Of a wave, a period. */
const stepsMax = 96

/** @param ownPhase 0 to 1: where in its period a wave without a phase begins */
export function loadStairs(
  load: ModelLoad,
  traces: ReadonlyMap<string, Trace>,
  ownPhase: number,
): LoadStairs | Fault {
  if (load.is === 'constant') return constant(load.percent)
  if (load.is === 'wave') return wave(load, load.phaseMs ?? ownPhase * load.periodMs)
  const trace = traces.get(load.trace)
  if (trace) return ofTrace(trace, load.fromMs)
  return fault('bad-request', `there is no load trace ${load.trace} in this world`)
}

const constant = (percent: number): LoadStairs => ({
  percentAt: () => percent,
  stepAfter: () => Number.POSITIVE_INFINITY,
})

function wave(
  { meanPercent, swingPercent, periodMs }: Extract<ModelLoad, { is: 'wave' }>,
  phaseMs: number,
): LoadStairs {
  const stepMs = periodMs / stepsMax
  return {
    percentAt: (atMs) => {
      const part = (Math.floor(atMs / stepMs) * stepMs + phaseMs) / periodMs
      const percent = meanPercent + swingPercent * Math.sin(2 * Math.PI * part)
      return Math.min(100, Math.max(0, percent))
    },
    stepAfter: (atMs) => (Math.floor(atMs / stepMs) + 1) * stepMs,
  }
}

function ofTrace({ percents, everyMs }: Trace, fromMs: number): LoadStairs {
  const step = (atMs: number) => Math.floor((atMs + fromMs) / everyMs)
  return {
    percentAt: (atMs) => percents[step(atMs) % percents.length] ?? 0,
    stepAfter: (atMs) => (step(atMs) + 1) * everyMs - fromMs,
  }
}

export const isStairs = (made: LoadStairs | Fault): made is LoadStairs => 'percentAt' in made
