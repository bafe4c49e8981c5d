// The process behind `godwit`: signals, streams and the exit code. All else is in program.ts.
// Not here: which commands there are (program.ts), the re-run by a newer Node (bin/godwit.mjs).

import { realClock } from '#env/real.ts'
import { clustersHome } from '#scenarios/local/cluster-folder.ts'
import { type Cli, Interrupts } from './cli.ts'
import { exitCode } from './exit-code.ts'
import { knownNames } from './known-names.ts'
import { runProgram } from './program.ts'
import { processTerminal } from './terminal.ts'

const interrupts = new Interrupts()
const terminal = processTerminal()
const cli: Cli = {
  terminal,
  clock: realClock,
  home: clustersHome(),
  interrupts,
}

// One Ctrl-C may come twice: from the terminal, and forwarded by bin/godwit.mjs. A second one by
// hand comes later.
const sameInterruptMs = 200
let interruptedAtMs = -Infinity
const interrupt = (signalName?: NodeJS.Signals) => {
  const isSame = realClock.nowMs() - interruptedAtMs < sameInterruptMs
  if (isSame) return
  interruptedAtMs = realClock.nowMs()
  // What is said from here on begins below the `^C` that the terminal shows.
  if (signalName === 'SIGINT' && terminal.notesInteractive && !terminal.draws) terminal.note('')
  if (!interrupts.interrupt()) process.exit(exitCode.interrupted)
}
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt)
if (process.env.GODWIT_ENDS_WITH_PARENT) process.once('disconnect', () => interrupt())
// `godwit vms | head -1`: whoever reads has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCode.ok : exitCode.failed)
})
// Nobody reads what is said to a person meanwhile: what was begun goes on, and ends in order.
process.stderr.on('error', () => {})

const argv = process.argv.slice(2)
const names = argv[0] === 'complete' ? await knownNames(cli, argv) : undefined
process.exit(await runProgram(argv, cli, names))
