// godwit chaos: a laboratory broken on purpose, deed after deed from a seed, and whether it kept
// its promises. Each deed and each verdict is a line; a broken promise ends it with exit code 4.
// Not here: what is done and looked at (scenarios/chaos/).

import { randomBytes } from 'node:crypto'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { SeededRandom } from '#env/memory.ts'
import { type ChaosReport, ChaosRun, type ChaosWord } from '#scenarios/chaos/chaos-run.ts'
import { type DeedKind, deedKinds } from '#scenarios/chaos/deeds.ts'
import { durationText } from '#scenarios/language/quantities.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { duration, wholeNumber, withExamples } from '../help.ts'
import type { Paint } from '../terminal.ts'

interface ChaosOptions {
  readonly seed: number
  readonly every: number
  readonly for?: number
  readonly only: readonly DeedKind[]
}

/** Any will do, as long as it is told. */
const seedsBelow = 1_000_000

export function addChaos(program: Command, cli: Cli): void {
  const chaos = program
    .command('chaos')
    .description('break nodes of a laboratory on a schedule, and see that nothing is lost')
    .option('--seed <n>', 'the same seed does the same; one is drawn unless said', wholeNumber)
    .addOption(
      new Option('--every <time>', 'the pause before each deed')
        .argParser(duration)
        .default(20_000, '20s'),
    )
    .option('--for <time>', 'how long; until Ctrl-C unless said', duration)
    .addOption(
      new Option('--only <kinds>', `of ${deedKinds.join(', ')}: these`)
        .argParser(kindsOf)
        .default(deedKinds, 'all of them'),
    )
    .action((_options: object, command: Command) => {
      const options = command.opts<ChaosOptions>()
      return withApi(cli, command, async (api) => {
        const seed = options.seed ?? randomBytes(4).readUInt32BE() % seedsBelow
        cli.terminal.write(`Chaos with --seed ${seed}, a deed every ${durationText(options.every)}`)
        const { say } = new Teller(cli)
        const prefix = `x${randomBytes(3).toString('hex')}`
        const random = new SeededRandom(seed)
        const signal = cli.interrupts.handle()
        const ports = { api, laboratory: api, clock: cli.clock, random, signal, prefix, say }
        const { every: everyMs, for: forMs, only: kinds } = options
        const run = new ChaosRun(ports, { everyMs, kinds, ...(forMs !== undefined && { forMs }) })
        conclude(cli, await run.run(), seed)
      })
    })
  withExamples(chaos, [
    ['godwit chaos', 'every 20 s a node is killed, hangs or is cut off; Ctrl-C ends it'],
    ['godwit chaos --seed 7 --every 5s --for 10m', 'the same deeds each time, for ten minutes'],
    ['godwit chaos --only cut', 'links alone'],
  ])
}

function kindsOf(text: string): DeedKind[] {
  const kinds = text.split(',').map((word) => word.trim())
  const isKind = (word: string): word is DeedKind => deedKinds.some((kind) => kind === word)
  if (kinds.every(isKind)) return kinds
  throw new InvalidArgumentError(`Write some of ${deedKinds.join(',')}.`)
}

const paints: Readonly<Record<ChaosWord, Paint>> = {
  ...{ chaos: 'dim', deed: 'bold', peace: 'green', violation: 'red' },
}

class Teller {
  readonly #cli: Cli
  readonly #beganAtMs: number

  constructor(cli: Cli) {
    this.#cli = cli
    this.#beganAtMs = cli.clock.nowMs()
  }

  readonly say = (word: ChaosWord, text: string): void => {
    const { terminal, clock } = this.#cli
    const at = ((clock.nowMs() - this.#beganAtMs) / 1000).toFixed(1).padStart(6)
    terminal.write(`${at} s  ${terminal.paint(paints[word], word.padEnd(9))}  ${text}`)
  }
}

function conclude(cli: Cli, report: ChaosReport, seed: number): void {
  const { deeds, acknowledged, lost, waitMsMax, violation } = report
  const writes = `${acknowledged} writes acknowledged, ${lost} lost`
  const done = deeds === 1 ? 'one deed' : `${deeds} deeds`
  const wait = `the longest wait of a write ${durationText(waitMsMax)}`
  cli.terminal.write(`${done}, ${writes}, ${wait}`)
  if (violation !== undefined)
    throw new CommandError(exitCode.unmet, `A promise was broken (--seed ${seed}): ${violation}`)
}
