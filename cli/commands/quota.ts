// godwit user quota: how much of the cluster a person's VMs may take, shown and set. Not here: what
// counts, and what is refused (coordinator/core/quotas.ts). MiB, cores.

import type { Command } from 'commander'
import type { AccountView } from '#proto/accounts.ts'
import { type Quota, quotaText } from '#proto/quotas.ts'
import { said } from '#scenarios/language/high-availability.ts'
import type { Cli } from '../cli.ts'
import { withAccounts } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { amount, wholeNumber, withExamples } from '../help.ts'
import { inMib } from '../units.ts'

interface QuotaOptions {
  readonly vms?: number
  readonly memory?: number
  readonly cores?: number
  readonly disk?: number
  readonly snapshots?: number
  readonly templates?: number
  readonly none?: boolean
}

export function addQuota(parent: Command, cli: Cli): void {
  const quota = parent
    .command('quota <name>')
    .description('how much a person’s VMs may take: shown, or set; what is not said stays')
    .option('--vms <n>', 'so many VMs', wholeNumber)
    .option('--memory <MiB>', 'so much memory, of VMs that are not stopped', inMib(wholeNumber))
    .option('--cores <n>', 'so many cores, by the caps of VMs that are not stopped', amount)
    .option('--disk <MiB>', 'so much disk', inMib(wholeNumber))
    .option('--snapshots <n>', 'so many snapshots of their VMs', wholeNumber)
    .option('--templates <n>', 'so many templates of their own', wholeNumber)
    .option('--none', 'no limits any more')
    .action((name: string, options: QuotaOptions, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const { none: isNone = false } = options
        const given = givenIn(options)
        const isGiven = Object.keys(given).length > 0
        if (isNone && isGiven)
          throw new CommandError(exitCode.usage, 'Say --none, or what is allowed: not both.')
        const account = (await accounts.accounts()).find((one) => one.name === name)
        if (!account)
          throw new CommandError(exitCode.failed, `There is no account ${name}: godwit user list`)
        const allowed = isNone ? {} : { ...account.quota?.allowed, ...given }
        const now = isNone || isGiven ? await accounts.setQuota(name, allowed) : account
        cli.terminal.write(textOf(now))
      }),
    )
  withExamples(quota, [
    ['godwit user quota ann --vms 4 --memory 512 --cores 2 --disk 1024', 'at most so much'],
    ['godwit user quota ann --snapshots 10 --templates 2', 'and of what is kept, so many'],
    ['godwit user quota ann', 'what is allowed, and what of it is used'],
    ['godwit user quota ann --none', 'what there is'],
  ])
}

function givenIn({ memory: memoryMib, disk: diskMib, none: _, ...counts }: QuotaOptions): Quota {
  const { vms, cores, snapshots, templates } = counts
  return said({ vms, memoryMib, cores, diskMib, snapshots, templates })
}

const textOf = ({ name, quota, vms }: AccountView): string =>
  quota
    ? `${name} has ${quotaText(quota)}`
    : `${name} has ${vms.length} VMs and no quota: they may take what there is`
