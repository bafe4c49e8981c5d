// godwit down | kill: the end of a local cluster, and the death of one of its processes.
// Not here: its beginning (up.ts).

import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { suggestion } from '#scenarios/language/nearest-name.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { isAlive, type ProcessIdentity, signal } from '#scenarios/local/process-identity.ts'
import type { Cli } from '../cli.ts'
import { type GlobalOptions, localCluster } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { withExamples } from '../help.ts'

/** The launcher gives its processes 4 s before it kills them. */
const downMsMax = 15_000
/** A killed process is gone as soon as the kernel has cleaned up. */
const killMsMax = 5_000
const pollMs = 20

interface DownOptions extends GlobalOptions {
  readonly forget?: boolean
}

export function addDown(program: Command, cli: Cli): void {
  const down = program
    .command('down')
    .description('end a local cluster in order')
    .option('--forget', 'and remove its VMs, disks and logs')
    .action(async (_options: object, command: Command) => {
      const options = command.optsWithGlobals<DownOptions>()
      const { cluster, launcher } = localCluster(cli, options)
      signal(launcher, 'SIGTERM')
      if (!(await gone(launcher, downMsMax))) {
        signal(launcher, 'SIGKILL') // What it started is ended by its reaper.
        await gone(launcher, killMsMax)
      }
      if (options.forget) new ClusterFolder(cli.home, cluster).removeAll()
      cli.terminal.write(`Cluster \`${cluster}\` is down.`)
    })
  withExamples(down, [
    ['godwit down', 'the next `godwit up` finds the VMs and their disks again'],
    ['godwit down --forget', 'nothing is kept'],
  ])
}

export function addKill(program: Command, cli: Cli): void {
  const kill = program
    .command('kill <node>')
    .description('SIGKILL a node (or `coordinator`): what a power cut does to it')
    .action(async (id: string, _options: object, command: Command) => {
      const { processes } = localCluster(cli, command.optsWithGlobals())
      const found = processes.find((process) => process.id === id)
      if (!found) {
        const near = suggestion(
          id,
          processes.map((process) => process.id),
        )
        throw new CommandError(exitCode.failed, `This cluster has no node \`${id}\`${near}`)
      }
      if (!signal(found.identity, 'SIGKILL'))
        throw new CommandError(exitCode.failed, `${id} has ended already.`)
      await gone(found.identity, killMsMax)
      cli.terminal.write(`${id} is killed`)
    })
  withExamples(kill, [
    ['godwit kill n2', 'its VMs start elsewhere when its lease is over'],
    ['godwit kill coordinator', 'guests go on running without it'],
  ])
}

async function gone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += pollMs) {
    if (!isAlive(identity)) return true
    await sleep(pollMs)
  }
  return !isAlive(identity)
}
