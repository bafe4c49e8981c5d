// godwit showcase: life for a cluster that somebody looks at. Not here: what it consists of
// (scenarios/showcase/).

import { randomBytes } from 'node:crypto'
import { type Command, Option } from 'commander'
import { realRandom } from '#env/real.ts'
import { Showcase } from '#scenarios/showcase/showcase.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { duration, withExamples } from '../help.ts'

interface ShowcaseOptions {
  readonly every: number
  readonly for?: number
}

export function addShowcase(program: Command, cli: Cli): void {
  const showcase = program
    .command('showcase')
    .description('a few VMs, a client that writes, a migration now and then: something to look at')
    .addOption(
      new Option('--every <time>', 'the pause between two migrations')
        .argParser(duration)
        .default(10_000, '10s'),
    )
    .option('--for <time>', 'how long; until Ctrl-C unless said', duration)
    .action((_options: object, command: Command) =>
      withApi(cli, command, async (api) => {
        const { every: everyMs, for: forMs } = command.opts<ShowcaseOptions>()
        const { clock, terminal, interrupts } = cli
        const prefix = `s${randomBytes(3).toString('hex')}`
        const signal = interrupts.handle()
        const ports = { api, clock, random: realRandom, signal, prefix }
        const say = (text: string) => terminal.write(text)
        const wish = { everyMs, ...(forMs !== undefined && { forMs }) }
        const { migrations, acknowledged, vms } = await new Showcase({ ...ports, say }, wish).run()
        const moves = migrations === 1 ? '1 migration' : `${migrations} migrations`
        terminal.write(`${moves}, ${acknowledged} writes acknowledged`)
        if (vms.length > 0)
          terminal.note(`Its VMs stay; to end them: godwit rm --force ${vms.join(' ')}`)
        if (signal.aborted) throw new CommandError(exitCode.interrupted, '')
      }),
    )
  withExamples(showcase, [
    ['godwit showcase', 'and look at the page'],
    ['godwit showcase --every 3s --for 1m', 'a lively minute'],
  ])
}
