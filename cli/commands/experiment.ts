// godwit experiment list | run: policies compared over days of load traces. Not here: what they do
// (../experiment-run.ts, loaded when asked, since it brings the whole simulated world along), the
// experiments (scenarios/experiments/).

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { ExperimentOptions } from '../experiment-run.ts'
import { textOrJson, wholeBetween, withExamples } from '../help.ts'

const load = () => import('../experiment-run.ts')

export function addExperiment(program: Command, cli: Cli): void {
  const experiment = program
    .command('experiment')
    .description('policies compared over days of load traces, and with published figures')
  const list = experiment
    .command('list')
    .description('the experiments that come along')
    .action(async () => (await load()).listExperiments(cli))
  withExamples(list, [['godwit experiment list', 'what there is']])
  addExperimentRun(experiment, cli)
}

function addExperimentRun(experiment: Command, cli: Cli): void {
  const run = experiment
    .command('run <name>')
    .description('try every variant on every day, and say what came of it')
    .option('--data <folder>', 'days of load traces: NAME.csv or NAME.csv.gz; else some are drawn')
    .option(
      '--seeds <count>',
      'so often each day, in another order of VMs',
      wholeBetween(1, 1000),
      1,
    )
    .option(
      '--nodes <count>',
      'a smaller cluster, with VMs in proportion',
      wholeBetween(2, 100_000),
    )
    .option('--only <variants>', 'these alone, separated by commas')
    .option('--reports <folder>', 'where to write the page and the numbers')
    .addOption(textOrJson('how to print the table'))
    .action(async (name: string, options: ExperimentOptions) => {
      await (await load()).runNamed(cli, name, options)
    })
  withExamples(run, [
    ['godwit experiment run consolidation', 'on drawn loads, a small cluster: to see what it is'],
    ['godwit experiment run consolidation --data traces', 'on recorded days, in full size'],
    ['godwit experiment run consolidation --only lr-mmt,thr-mmt --seeds 5', 'two of them'],
  ])
}
