// The experiments with the policies of Beloglazov and Buyya 2012 in their own model: all policies
// as the later and as the first release of their program has them, and two of them under each
// reading of what was published. Not here: the model itself (replay.ts), Godwit's own coordinator
// on the same traces (own-coordinator.ts).

import { SeededRandom } from '#env/memory.ts'
import { invariant } from '#proto/invariant.ts'
import type { Experiment, Pause, Trial, TrialResult } from '../experiment.ts'
import { type DetectorName, detectorNames, parameters } from './overload.ts'
import { runOwn } from './own-coordinator.ts'
import { byPaper, byProgram } from './published.ts'
import { asFirstReleased, asLaterReleased, type Reading, readings } from './reading.ts'
import { type Consolidation, replaying } from './replay.ts'
import { type SelectorName, selectorNames } from './selection.ts'
import { shuffled } from './shuffled.ts'

const source = [
  'Beloglazov and Buyya, Optimal online deterministic algorithms and adaptive heuristics for',
  'energy and performance efficient dynamic consolidation of virtual machines in Cloud data',
  'centers, Concurrency and Computation 24(13), 2012',
].join(' ')

const policies = detectorNames.flatMap((detector) =>
  selectorNames.map((selector) => `${detector}-${selector}`),
)

/** `lr-mmt` → the policy, with the parameter that the paper found best. */
export function consolidationOf(policy: string): Consolidation {
  if (policy === 'npa' || policy === 'dvfs') return { is: policy }
  const [detector, selector] = policy.split('-') as [DetectorName, SelectorName]
  invariant(detector in parameters && selectorNames.includes(selector), `no policy: ${policy}`)
  return { is: 'dynamic', detector, parameter: parameters[detector], selector }
}

async function run(
  policy: string,
  reading: Reading,
  { day, seed, nodes }: Trial,
  { breathe }: Pause,
): Promise<TrialResult> {
  const random = new SeededRandom(seed)
  const traces = seed === 0 ? day.traces : shuffled(day.traces, random)
  const consolidation = consolidationOf(policy)
  const rounds = replaying({ nodes, traces, consolidation, reading, random })
  for (;;) {
    await breathe()
    const { done, value } = rounds.next()
    if (done) return value
  }
}

export const laterRelease: Experiment = {
  name: 'consolidation',
  about: 'when, which and where to migrate: 5 × 4 policies of 2012, as CloudSim runs them',
  ...{ source, nodes: 800, variants: ['npa', 'dvfs', ...policies], published: byProgram },
  run: (trial, pause) => run(trial.variant, asLaterReleased, trial, pause),
}

export const firstRelease: Experiment = {
  name: 'consolidation-2012',
  about: 'the same as CloudSim 3.0 ran them, when the paper was published',
  ...{ source, nodes: 800, variants: ['npa', 'dvfs', ...policies], published: byPaper },
  run: (trial, pause) => run(trial.variant, asFirstReleased, trial, pause),
}

const readingOf = (variant: string): Reading => {
  const found = Object.entries(readings).find(([name]) => variant.endsWith(`: ${name}`))
  invariant(found !== undefined, `no reading: ${variant}`)
  return found[1]
}

export const underReadings: Experiment = {
  name: 'consolidation-readings',
  about: 'what each difference between the paper and its program is worth: THR-MMT and LR-MMT',
  ...{ source, nodes: 800, published: [] },
  variants: ['thr-mmt', 'lr-mmt'].flatMap((policy) =>
    Object.keys(readings).map((reading) => `${policy}: ${reading}`),
  ),
  run: (trial, pause) => {
    const [policy = ''] = trial.variant.split(': ')
    return run(policy, readingOf(trial.variant), trial, pause)
  },
}

const ours = ['godwit', 'godwit: memory kept']

/** Small enough for a day in minutes: nothing published is of this size. */
export const ownCoordinator: Experiment = {
  name: 'consolidation-own',
  about: "Godwit's own coordinator on the same loads, beside the policies of 2012 at the same size",
  ...{ source, nodes: 16, published: [] },
  variants: ['dvfs', 'thr-mmt', 'lr-mmt', ...ours],
  run: (trial, pause) => {
    const { variant } = trial
    if (!ours.includes(variant)) return run(variant, asLaterReleased, trial, pause)
    return runOwn({ keepsMemory: variant === ours[1] }, trial, pause)
  },
}
