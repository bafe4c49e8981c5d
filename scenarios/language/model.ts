// The `model` of a VM in a scenario: what it asks of its CPU, and how it writes its memory, for
// worlds that can run VMs as models; and the guest that does most nearly the same, for worlds that
// run guests. Pure. Not here: what a model does (sim/models/).

import { z } from 'zod'
import { mibText } from '#proto/quantity.ts'
import { pagesPerMebibyte } from '#proto/units.ts'
import type { VmModelInput } from '../sim/models/vm-model.ts'
import { Duration, Share, Size, saidText } from './quantities.ts'

const WavePart = z.strictObject({
  mean: Share,
  swing: Share.describe('How far it goes above and below'),
  period: Duration.describe('E.g. 24h'),
  phase: Duration.optional().describe('Where in it the run begins; left out: each VM elsewhere'),
})

const TracePart = z.strictObject({
  trace: z
    .string()
    .min(1)
    .describe('A line of the file that `traces` names, or `next`: each VM the next line'),
  from: Duration.default(0).describe('Where in it the run begins'),
})

const WrittenPart = z.strictObject({
  memory: Size.describe('So much is written again and again'),
  rate: z.number().min(0).max(10_000_000).describe('Pages a second'),
})

export const ModelPart = z
  .strictObject({
    load: z
      .union([Share, WavePart, TracePart])
      .describe('Of `mips`, or of a core of whatever node it is on'),
    mips: z.number().min(0.001).optional().describe('Its speed at a load of 100%'),
    hot: WrittenPart.optional().describe('What it writes often'),
    cold: WrittenPart.optional().describe('What it writes seldom'),
    order: z.enum(['random', 'in-turn']).default('random').describe('Which page comes next'),
    idle: Size.default(0).describe('Memory that is not zero, and that it leaves alone'),
    'page-share': Share.default(100).describe('What is left of a page on the wire'),
    boot: Duration.default(300).describe('From the order to start until it runs'),
  })
  .describe('Runs as a model where a world can: no guest executes (docs/simulation.md)')
export type ModelPart = z.infer<typeof ModelPart>

/** @param trace the line that a trace means */
export function modelOf(part: ModelPart, trace: string): VmModelInput {
  const { mips, hot, cold, order, idle, boot, 'page-share': pageShare } = part
  return {
    load: loadOf(part.load, trace),
    ...(mips === undefined ? {} : { mips }),
    ...(hot && { hot: writtenOf(hot) }),
    ...(cold && { cold: writtenOf(cold) }),
    ...{ order, idlePages: idle * pagesPerMebibyte, pageShare: pageShare / 100, bootMs: boot },
  }
}

const writtenOf = ({ memory, rate }: z.infer<typeof WrittenPart>) => ({
  pages: memory * pagesPerMebibyte,
  perSec: rate,
})

function loadOf(load: ModelPart['load'], trace: string): VmModelInput['load'] {
  if (typeof load === 'number') return { is: 'constant', percent: load }
  if ('trace' in load) return { is: 'trace', trace, fromMs: load.from }
  const { mean: meanPercent, swing: swingPercent, period: periodMs, phase: phaseMs } = load
  return {
    ...{ is: 'wave', meanPercent, swingPercent, periodMs },
    ...(phaseMs === undefined ? {} : { phaseMs }),
  }
}

/** For sentences: `a model, load 20 %, 16 MiB written at 2000 pages a second`. */
export function modelText({ load, mips, hot, cold }: ModelPart): string {
  const written = [hot, cold].flatMap((set) =>
    set ? [`${mibText(set.memory)} written at ${set.rate} pages a second`] : [],
  )
  const speed = mips === undefined ? [] : [`${mips} MIPS`]
  return ['a model', ...speed, `load ${loadText(load)}`, ...written].join(', ')
}

function loadText(load: ModelPart['load']): string {
  if (typeof load === 'number') return `${load} %`
  if ('trace' in load) {
    const from = load.from === 0 ? '' : ` from ${saidText(load.from)} on`
    return load.trace === 'next' ? `by the next trace${from}` : `by trace ${load.trace}${from}`
  }
  return `${load.mean} % ± ${load.swing} % in ${saidText(load.period)}`
}

/** The memory that it says it uses, in MiB. */
export const usedMib = ({ hot, cold, idle }: ModelPart): number =>
  (hot?.memory ?? 0) + (cold?.memory ?? 0) + idle

/** Boot arguments of our own guest. @param meanPercent of its load */
export function nearestGuest({ hot, cold, idle }: ModelPart, meanPercent: number): string {
  if (!hot || hot.rate === 0) return `workload=cpu load=${Math.round(meanPercent)}`
  const fill = (cold?.memory ?? 0) + idle
  return `workload=dirty wss=${hot.memory} rate=${hot.rate} fill=${fill}`
}

/** @param traceMean of a line of the file */
export function meanLoad({ load }: ModelPart, traceMean: () => number): number {
  if (typeof load === 'number') return load
  return 'trace' in load ? traceMean() : load.mean
}
