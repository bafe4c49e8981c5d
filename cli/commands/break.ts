// godwit kill | revive | hang | cut | heal: a local cluster broken on purpose, and mended.
// kill is a signal to the very process; the others are asked of the launcher (scenarios/local/
// control.ts). Not here: the end of the whole cluster (cluster.ts). Times in ms.

import type { Command } from 'commander'
import { hangMsMax } from '#proto/laboratory.ts'
import { suggestion } from '#scenarios/language/nearest-name.ts'
import { ClusterFolder, type ClusterState } from '#scenarios/local/cluster-folder.ts'
import { askControl, type ControlRequest } from '#scenarios/local/control.ts'
import { signal } from '#scenarios/local/process-identity.ts'
import type { Cli } from '../cli.ts'
import { localCluster } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { wholeBetween, withExamples } from '../help.ts'
import { inMs } from '../units.ts'
import { gone } from './cluster.ts'

/** A killed process is gone as soon as the kernel has cleaned up. */
const killMsMax = 5_000

export function addBreakCommands(program: Command, cli: Cli): void {
  addKill(program, cli)
  const revive = asked(program, cli, 'revive', (id) => ({ do: 'revive', id }), 'is started again')
  withExamples(revive.description('start a killed node, or `coordinator`, again'), [
    ['godwit kill n2; sleep 5; godwit revive n2', 'it comes back empty'],
    ['godwit revive coordinator', 'with all that it knew'],
  ])
  addHang(program, cli)
  addCut(program, cli)
  const heal = asked(program, cli, 'heal', (id) => ({ do: 'heal', id }), 'is whole again')
  withExamples(heal.description('undo every cut of a node'), [['godwit heal n1', 'it rejoins']])
}

function addKill(program: Command, cli: Cli): void {
  const kill = program
    .command('kill <node>')
    .description('SIGKILL a node (or `coordinator`): what a power cut does to it')
    .action(async (id: string, _options: object, command: Command) => {
      const { identity } = processOf(localCluster(cli, command.optsWithGlobals()), id)
      if (!signal(identity, 'SIGKILL'))
        throw new CommandError(exitCode.failed, `${id} has ended already.`)
      await gone(identity, killMsMax)
      cli.terminal.write(`${id} is killed`)
    })
  withExamples(kill, [
    ['godwit kill n2', 'its VMs start elsewhere when its lease is over'],
    ['godwit kill coordinator', 'guests go on without it, until their lease is over'],
  ])
}

interface HangOptions {
  readonly for: number
}

function addHang(program: Command, cli: Cli): void {
  const hang = asked<HangOptions>(
    program,
    cli,
    'hang',
    (id, options) => ({ do: 'hang', id, forMs: options.for }),
    'hangs',
  )
  hang
    .description('stop a node for a while (SIGSTOP): alive, but it does nothing')
    .option('--for <ms>', 'how long', inMs(wholeBetween(1, hangMsMax)), 5000)
  withExamples(hang, [['godwit hang n1 --for 10s', 'longer than its lease: it must not go on']])
}

interface CutOptions {
  readonly coordinator?: boolean
  readonly peers?: boolean
  readonly link?: string
}

function addCut(program: Command, cli: Cli): void {
  const cut = asked<CutOptions>(
    program,
    cli,
    'cut',
    (id, { coordinator = false, peers = false, link }) => {
      if (link !== undefined) return { do: 'cut-link', id, to: link }
      const all = !coordinator && !peers
      return { do: 'cut', id, coordinator: coordinator || all, peers: peers || all }
    },
    'is cut off',
  )
  cut
    .description('cut the links of a node: silence, until `godwit heal`')
    .option('--coordinator', 'only that to the coordinator')
    .option('--peers', 'only those to other nodes')
    .option('--link <node>', 'only that to this other node')
  withExamples(cut, [
    ['godwit cut n1 --coordinator', 'split brain: it lives, and nobody hears of it'],
    ['godwit cut n1 --link n2', 'from each other alone; the coordinator hears both'],
    ['godwit cut n1', 'from all; it stops its VMs before they start elsewhere'],
  ])
}

/** A command about one node that the launcher carries out. */
function asked<Options>(
  program: Command,
  cli: Cli,
  name: string,
  requestOf: (id: string, options: Options) => ControlRequest,
  told: string,
): Command {
  return program
    .command(`${name} <node>`)
    .action(async (id: string, options: Options, command: Command) => {
      const state = localCluster(cli, command.optsWithGlobals())
      processOf(state, id)
      const token = new ClusterFolder(cli.home, state.cluster).readToken()
      await askControl(state.controlUrl, token, requestOf(id, options))
      cli.terminal.write(`${id} ${told}`)
    })
}

function processOf(state: ClusterState, id: string): ClusterState['processes'][number] {
  const found = state.processes.find((process) => process.id === id)
  if (found) return found
  const known = state.processes.map((process) => process.id)
  const near = suggestion(id, known)
  throw new CommandError(exitCode.failed, `This cluster has no node \`${id}\`${near}`)
}
