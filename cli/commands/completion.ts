// godwit completion bash|zsh|fish|powershell: what a shell needs to complete commands, options, VMs
// and nodes. The script calls us back (`godwit complete -- …`) with what has been typed.

import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import { runningClusters } from '#scenarios/local/cluster-folder.ts'
import type { Cli } from '../cli.ts'
import { connect } from '../connection.ts'
import { withExamples } from '../help.ts'

/**
 * What the names of the running cluster are completed for: command → names for each of its
 * arguments.
 */
const argumentNames: Readonly<Record<string, readonly ('vms' | 'nodes')[]>> = {
  migrate: ['vms', 'nodes'],
  clone: ['vms'],
  pause: ['vms'],
  resume: ['vms'],
  stop: ['vms'],
  start: ['vms'],
  balloon: ['vms'],
  rm: ['vms'],
  console: ['vms'],
  kill: ['nodes'],
  revive: ['nodes'],
  hang: ['nodes'],
  cut: ['nodes'],
  heal: ['nodes'],
  logs: ['nodes'],
}

export interface ClusterNames {
  readonly vms: readonly string[]
  readonly nodes: readonly string[]
}

const noNames: ClusterNames = { vms: [], nodes: [] }
/** A person waits for a completion: rather none than late. */
const namesMsMax = 400

/** The names of the one cluster that runs here, if it answers at once. */
export async function namesOfCluster(cli: Cli): Promise<ClusterNames> {
  const [only] = runningClusters(cli.home)
  if (!only) return noNames
  const names = connect(cli, {})
    .cluster()
    .then(
      ({ vms, nodes }) => ({ vms: vms.map(({ id }) => id), nodes: nodes.map(({ id }) => id) }),
      () => noNames,
    )
  const late = new Promise<ClusterNames>((resolve) => {
    cli.clock.wakeAt(cli.clock.nowMs() + namesMsMax, () => resolve(noNames))
  })
  return Promise.race([names, late])
}

/** Last of all: it reads the commands that there are. */
export function addCompletion(program: Command, names: ClusterNames): void {
  const completion = tab(program, { completionCommandName: 'completion' })
  for (const [name, kinds] of Object.entries(argumentNames)) {
    const texts = program.commands.find((command) => command.name() === name)?.registeredArguments
    for (const [i, kind] of kinds.entries()) {
      const argument = texts?.[i]
      if (!argument) continue
      const offer = (add: (name: string, about: string) => void) => {
        for (const known of names[kind]) add(known, '')
      }
      completion.commands.get(name)?.argument(argument.name(), offer, argument.variadic)
    }
  }
  const command = program.commands.find((each) => each.name() === 'completion')
  if (!command) return
  withExamples(command.description('print a completion script for a shell'), [
    ['source <(godwit completion bash)', 'for this shell; put it into ~/.bashrc for all'],
    ['godwit completion zsh > ~/.zfunc/_godwit', 'a folder of $fpath'],
    ['godwit completion fish | source', 'likewise'],
  ])
}
