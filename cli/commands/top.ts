// godwit top: the cluster at a glance, drawn again with every change.
// Not here: what is on it (../overview.ts).

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { withExamples } from '../help.ts'
import { watchTexts } from '../listing.ts'
import { overviewText } from '../overview.ts'

interface TopOptions {
  readonly once?: boolean
}

export function addTop(program: Command, cli: Cli): void {
  const top = program
    .command('top')
    .description('load, memory and migrations at a glance, live')
    .option('--once', 'print it once')
    .action(({ once }: TopOptions, command: Command) =>
      withApi(cli, command, async (api) => {
        const text = (view: Parameters<typeof overviewText>[0]) => overviewText(view, cli.terminal)
        if (!once && cli.terminal.interactive) return watchTexts(cli, api, text, 'table')
        return cli.terminal.write(text(await api.cluster()))
      }),
    )
  withExamples(top, [
    ['godwit top', 'Ctrl-C ends it'],
    ['godwit top --once', 'as it is now; the default when the output is no terminal'],
  ])
}
