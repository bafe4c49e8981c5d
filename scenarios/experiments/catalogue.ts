// The experiments that come along, by name. Not here: what they are (consolidation/), how one is
// run (experiment.ts).

import {
  firstRelease,
  laterRelease,
  ownCoordinator,
  underReadings,
} from './consolidation/experiments.ts'
import type { Experiment } from './experiment.ts'

export const experiments: readonly Experiment[] = [
  laterRelease,
  firstRelease,
  underReadings,
  ownCoordinator,
]
