// What was published of these policies on these traces. Figures only; where they come from, and how
// sure that is, stands with each. Pure data. kWh, migrations, parts of 1.
//
// The paper: Beloglazov and Buyya, Concurrency and Computation 24(13), 2012, the table of medians
// over its ten days, quoted. CloudSim: what its examples print of 20110303 since October 2012,
// quoted likewise; runs of its program were not repeated here. Of NPA both can be checked by
// arithmetic: 400 · (117 W + 135 W) · 24 h is 2,419.2 kWh, and to the last look at 86,100.1 s
// 2,410.8 kWh.

import type { Published } from '../experiment.ts'

const paper = 'Beloglazov and Buyya 2012, medians of ten days'
const program = 'CloudSim, its own examples'

const ofPaper = (
  variant: string,
  energyKwh: number,
  slatah: number,
  pdm: number,
  slav: number,
  migrations: number,
): Published => ({
  ...{ variant, day: 'median', source: paper },
  measures: { energyKwh, slatah, pdm, slav, migrations },
})

const ofProgram = (variant: string, energyKwh: number, migrations?: number): Published => ({
  ...{ variant, day: '20110303', source: program },
  measures: migrations === undefined ? { energyKwh } : { energyKwh, migrations },
})

export const byPaper: readonly Published[] = [
  { variant: 'npa', day: 'median', source: paper, measures: { energyKwh: 2419.2 } },
  { variant: 'dvfs', day: 'median', source: paper, measures: { energyKwh: 613.6 } },
  ofPaper('thr-mmt', 89.92, 0.0461, 0.001, 4.57e-5, 17_180),
  ofPaper('iqr-mmt', 90.13, 0.0464, 0.001, 4.51e-5, 16_930),
  ofPaper('mad-mmt', 87.67, 0.0465, 0.001, 4.48e-5, 16_720),
  ofPaper('lrr-mmt', 87.93, 0.0398, 0.0007, 2.77e-5, 12_820),
  ofPaper('lr-mmt', 88.17, 0.0363, 0.0006, 2.33e-5, 11_850),
]

export const byProgram: readonly Published[] = [
  ofProgram('npa', 2410.8),
  ofProgram('dvfs', 803.91),
  ofProgram('thr-mmt', 191.73, 26_634),
  ofProgram('iqr-mmt', 188.86, 26_476),
  ofProgram('mad-mmt', 184.88, 26_292),
  ofProgram('lr-mmt', 163.15, 27_632),
  ofProgram('lrr-mmt', 163.15, 27_632),
]
