// The `godwit` command: all commands put together, and how each end of one becomes an exit code.
// Not here: the process (process.ts), what a command does (commands/).

import { Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander'
import { faultOf } from '#proto/faults.ts'
import { namePattern } from '#proto/ids.ts'
import { isTakenInHome } from '#scenarios/local/cluster-folder.ts'
import type { Cli } from './cli.ts'
import { groupCommands, lastGroup } from './command-groups.ts'
import { addAccounts } from './commands/accounts.ts'
import { addBreakCommands } from './commands/break.ts'
import { addCerts } from './commands/certs.ts'
import { addChaos } from './commands/chaos.ts'
import { addDown } from './commands/cluster.ts'
import { addCompletion } from './commands/completion.ts'
import { addConsole } from './commands/console.ts'
import { addDisk } from './commands/disk.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExperiment } from './commands/experiment.ts'
import { addGrants } from './commands/grants.ts'
import { addHaCommands } from './commands/ha.ts'
import { addHeatMap } from './commands/heat-map.ts'
import { addImage } from './commands/image.ts'
import { addListCommands } from './commands/lists.ts'
import { addLogs } from './commands/logs.ts'
import { addMoveCommands } from './commands/move.ts'
import { addNode } from './commands/node.ts'
import { addRun } from './commands/run.ts'
import { addDemo, addScenario } from './commands/scenario.ts'
import { addScreen } from './commands/screen.ts'
import { addShowcase } from './commands/showcase.ts'
import { addSnapshot } from './commands/snapshot.ts'
import { addTemplate } from './commands/template.ts'
import { addTop } from './commands/top.ts'
import { addUp } from './commands/up.ts'
import { addVmActions } from './commands/vm-actions.ts'
import { CommandError, type ExitCode, exitCode } from './exit-code.ts'
import { exitCodesText, withExamples } from './help.ts'
import { type KnownNames, noNames } from './known-names.ts'
import { version } from './version.ts'
import { inOurWords } from './words-elsewhere.ts'

export function buildProgram(cli: Cli, names: KnownNames = noNames): Command {
  const program = new Command('godwit')
    .description('A laboratory for live migration, cloning and failover of virtual machines.')
    .version(version(), '-V, --version', 'which godwit this is')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.terminal.write(text.trimEnd()),
      writeErr: (text) => cli.terminal.note(text.trimEnd()),
      outputError: (text, write) => write(inOurWords(text)),
    })
    .configureHelp({ ...helpForm, helpWidth: helpWidthOf(cli) })
    .showHelpAfterError('(add --help for examples)')
    .addHelpText('after', () => `\n${exitCodesText()}`)
  for (const option of whichCluster()) program.addOption(option)
  addUp(program, cli)
  addDown(program, cli)
  addRun(program, cli)
  addListCommands(program, cli)
  for (const add of [addTop, addLogs, addDoctor]) add(program, cli)
  addMoveCommands(program, cli)
  for (const add of [addHeatMap, addNode, addHaCommands, addTemplate]) add(program, cli)
  addVmActions(program, cli)
  for (const add of [addSnapshot, addDisk]) add(program, cli)
  for (const add of [addConsole, addScreen, addAccounts, addGrants, addCerts]) add(program, cli)
  addBreakCommands(program, cli)
  addChaos(program, cli)
  addShowcase(program, cli)
  for (const add of [addScenario, addDemo, addExperiment]) add(program, cli)
  addImage(program, cli)
  program.commandsGroup(lastGroup).helpCommand('help [command]', 'what a command does, and how')
  addCompletion(program, cli, names)
  groupCommands(program)
  for (const command of program.commands) likeTheOthers(command)
  return withExamples(program, [
    ['godwit up', 'start three nodes; the page is at http://127.0.0.1:7070/'],
    ["godwit run kv --args 'workload=kv' --disk 16", 'start a guest with a key-value store'],
    ['godwit migrate kv', 'move it while it runs'],
    ['godwit kill n1', 'and see its VMs come back: godwit events --watch'],
  ])
}

/** What the commands below one have in common: whoever knows one list knows all. */
function likeTheOthers(command: Command): void {
  const under = `godwit ${command.name()}`
  command.configureOutput({ outputError: (text, write) => write(inOurWords(text, under)) })
  for (const listing of command.commands) {
    const names = [listing.name(), ...listing.aliases()]
    if (names.join() === 'ls') listing.alias('list')
    if (names.join() === 'list') listing.alias('ls')
  }
}

const helpColumnsMax = 100
const helpWidthOf = ({ terminal }: Cli): number =>
  terminal.interactive ? Math.min(helpColumnsMax, terminal.columns) : helpColumnsMax

/**
 * `--version` is of the program, and no option of a command; and who looks which commands there are
 * below one looks for nothing else.
 */
const helpForm = {
  showGlobalOptions: true,
  visibleGlobalOptions: (command: Command): Option[] =>
    command.commands.length > 0
      ? []
      : Object.assign(new Help(), { showGlobalOptions: true })
          .visibleGlobalOptions(command)
          .filter(({ long }) => long !== '--version'),
}

const whichCluster = (): Option[] => [
  new Option(
    '--api <url>',
    'the coordinator of a cluster started elsewhere, or all of several: URL,URL',
  ).env('GODWIT_API'),
  new Option('--ca <file>', 'whose certificate that one shows (its ca.pem)').env('GODWIT_CA'),
  new Option('--cluster <name>', 'which local cluster')
    .env('GODWIT_CLUSTER')
    .argParser(localClusterName),
]

/** It names a folder, of which `--fresh` and `--forget` leave nothing. */
function localClusterName(text: string): string {
  if (namePattern.test(text) && !isTakenInHome(text)) return text
  throw new InvalidArgumentError('Use a-z, 0-9 and -, and neither `images` nor `reports`.')
}

/**
 * Runs one command line (without `node` and the script) to its exit code; says on stderr what went
 * wrong.
 */
export async function runProgram(
  argv: readonly string[],
  cli: Cli,
  names?: KnownNames,
): Promise<ExitCode> {
  try {
    await buildProgram(cli, names).parseAsync(argv, { from: 'user' })
    return exitCode.ok
  } catch (thrown) {
    if (thrown instanceof CommanderError)
      return thrown.exitCode === 0 ? exitCode.ok : exitCode.usage
    const { code, message } =
      thrown instanceof CommandError
        ? thrown
        : { code: exitCode.failed, message: faultOf(thrown).message }
    if (message !== '') cli.terminal.note(message)
    return code
  }
}
