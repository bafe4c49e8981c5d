// godwit power status | save | always-on | sleep | wake: VMs are packed on few nodes, and nodes
// that are not needed go to standby. What is saved is told.
// Not here: how (docs/consolidation.md).

import type { Command } from 'commander'
import type { PowerView } from '#proto/power.ts'
import { said } from '#scenarios/language/high-availability.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { amount, positiveNumber, textOrJson, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import { type Column, tableText } from '../table.ts'
import { inPercent, inSeconds } from '../units.ts'

type Row = PowerView['nodes'][number]

const columns: readonly Column<Row>[] = [
  { title: 'NODE', text: ({ id }) => id },
  { title: 'POWER', text: ({ state }) => state },
  { title: 'WATTS', text: ({ watts }) => watts.toFixed(0), align: 'right' },
]

const kilojoules = (joules: number): string => `${(joules / 1000).toFixed(1)} kJ`

export function powerText({ settings, watts, joules, joulesAllOn }: PowerView): string {
  const saved = joulesAllOn === 0 ? 0 : Math.round(100 * (1 - joules / joulesAllOn))
  const how = settings.save
    ? `VMs are packed up to ${Math.round(100 * settings.loadMax)} % of a node; the rest sleeps`
    : 'nodes are put to sleep and woken by hand alone (godwit power save)'
  return [
    `${how}; ${watts.toFixed(0)} W are drawn now`,
    `${kilojoules(joules)} since the coordinator began, ${kilojoules(joulesAllOn)} had all been on: ` +
      `${saved} % saved`,
  ].join('\n')
}

export function addPower(program: Command, cli: Cli): void {
  const power = program.command('power').description('pack VMs on few nodes, let others sleep')
  addStatus(power, cli)
  addSave(power, cli)
  addSleep(power, cli)
}

function show(cli: Cli, view: PowerView): void {
  cli.terminal.write(`${powerText(view)}\n\n${tableText(columns, view.nodes, cli.terminal.paint)}`)
}

function addStatus(parent: Command, cli: Cli): void {
  const status = parent
    .command('status')
    .description('who is on, what is drawn, what is saved')
    .addOption(textOrJson())
    .action(({ output }: { readonly output: string }, self: Command) =>
      withApi(cli, self, async (api) => {
        const view = await api.power()
        if (output === 'json') writeJson(cli.terminal, view)
        else show(cli, view)
      }),
    )
  withExamples(status, [['godwit power status', 'watts by a model, not by a meter']])
}

interface SaveOptions {
  readonly load?: number
  readonly sleepAfter?: number
  readonly wake?: number
}

function addSave(parent: Command, cli: Cli): void {
  const save = parent
    .command('save')
    .description('pack VMs on few nodes; those that are empty go to standby')
    .option('--load <percent>', 'pack no node above this', inPercent(positiveNumber))
    .option(
      '--sleep-after <seconds>',
      'an empty node goes to standby after this',
      inSeconds(amount),
    )
    .option('--wake <seconds>', 'from the order until a node takes VMs', inSeconds(amount))
    .action(({ load, sleepAfter, wake }: SaveOptions, self: Command) =>
      withApi(cli, self, async (api) => {
        const ms = (seconds: number | undefined) =>
          seconds === undefined ? undefined : 1000 * seconds
        const change = said({
          ...{ save: true, sleepAfterMs: ms(sleepAfter), wakeMs: ms(wake) },
          loadMax: load === undefined ? undefined : load / 100,
        })
        show(cli, await api.setPower(change))
      }),
    )
  withExamples(save, [
    ['godwit power save', 'at night'],
    ['godwit power save --load 60 --sleep-after 60', 'with room to spare'],
  ])
  const on = parent
    .command('always-on')
    .description('the end of that: every node is woken')
    .action((_options: object, self: Command) =>
      withApi(cli, self, async (api) => show(cli, await api.setPower({ save: false }))),
    )
  withExamples(on, [['godwit power always-on', 'in the morning']])
}

function addSleep(parent: Command, cli: Cli): void {
  const verb = (name: 'sleep' | 'wake', about: string) => {
    const command = parent
      .command(`${name} <node>`)
      .description(about)
      .action((id: string, _options: object, self: Command) =>
        withApi(cli, self, async (api) => show(cli, await api.sleepOrWake(id, name))),
      )
    withExamples(command, [[`godwit power ${name} n3`, 'by hand']])
  }
  verb('sleep', 'put an empty node into standby')
  verb('wake', 'wake a node that is in standby')
}
