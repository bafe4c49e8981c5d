// godwit down: the end of a local cluster, by the end of its launcher.
// Not here: its beginning (up.ts).

import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { isAlive, type ProcessIdentity, signal } from '#scenarios/local/process-identity.ts'
import type { Cli } from '../cli.ts'
import { type GlobalOptions, localCluster } from '../connection.ts'
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

/** Waits for the end of a process; false when it does not come. */
export async function gone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += pollMs) {
    if (!isAlive(identity)) return true
    await sleep(pollMs)
  }
  return !isAlive(identity)
}
