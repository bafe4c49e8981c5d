// godwit showcase: life for a cluster that somebody looks at. Not here: what it consists of
// (scenarios/showcase/).

import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { realRandom } from '#env/real.ts'
import { cast, Showcase } from '#scenarios/showcase/showcase.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { duration, withExamples } from '../help.ts'

interface ShowcaseOptions {
  readonly every: number
  readonly for?: number
}

export function addShowcase(program: Command, cli: Cli): void {
  const showcase = program
    .command('showcase')
    .description('a few VMs, a client that writes, a migration now and then: something to look at')
    .option('--every <time>', 'the pause between two migrations', duration, 10_000)
    .option('--for <time>', 'how long; until Ctrl-C unless said', duration)
    .action((_options: object, command: Command) =>
      withApi(cli, command, async (api) => {
        const { every: everyMs, for: forMs } = command.opts<ShowcaseOptions>()
        const { clock, terminal, interrupts } = cli
        const prefix = `s${randomBytes(3).toString('hex')}`
        const ports = { api, clock, random: realRandom, signal: interrupts.handle(), prefix }
        const say = (text: string) => terminal.write(text)
        const wish = { everyMs, ...(forMs !== undefined && { forMs }) }
        const report = await new Showcase({ ...ports, say }, wish).run()
        const { migrations, acknowledged } = report
        terminal.write(`${migrations} migrations, ${acknowledged} writes acknowledged`)
        terminal.note(`Its VMs stay: godwit rm ${Object.keys(cast).join(' ')}`)
      }),
    )
  withExamples(showcase, [
    ['godwit showcase', 'and look at the page'],
    ['godwit showcase --every 3s --for 1m', 'a lively minute'],
  ])
}
