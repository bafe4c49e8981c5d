// Runs one `godwit` command line in this process, against a coordinator double, and remembers what
// it said.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Cli, Interrupts } from '#cli/cli.ts'
import { runProgram } from '#cli/program.ts'
import type { Terminal } from '#cli/terminal.ts'
import { realClock } from '#env/real.ts'
import type { ClusterView } from '#proto/api.ts'
import { CoordinatorDouble } from '../coordinator-double/coordinator-double.ts'

export class RememberingTerminal implements Terminal {
  readonly interactive: boolean
  readonly notesInteractive: boolean
  readonly columns: number = 100
  readonly rows: number = 40
  readonly written: string[] = []
  readonly noted: string[] = []
  /** What was drawn in place, drawing after drawing. */
  readonly drawn: string[] = []

  constructor(interactive = false) {
    this.interactive = interactive
    this.notesInteractive = interactive
  }

  write = (text: string) => void this.written.push(text)
  data = (text: string) => void this.written.push(text)
  note = (text: string) => void this.noted.push(text)
  paint = (_style: unknown, text: string) => text
  live = () => ({
    draw: (text: string) => void this.drawn.push(text),
    done: () => {},
    clear: () => void this.drawn.push(''),
  })
}

export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'godwit-cli-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

export async function coordinatorWith(view: ClusterView): Promise<CoordinatorDouble> {
  const double = await new CoordinatorDouble(view).listen()
  onTestFinished(() => double.close())
  return double
}

export interface Rehearsal {
  readonly code: number
  readonly out: string
  readonly notes: string
  readonly terminal: RememberingTerminal
}

interface Setting {
  readonly double?: CoordinatorDouble
  readonly home?: string
  readonly interactive?: boolean
  /** To look at while the command runs. */
  readonly terminal?: RememberingTerminal
  /** Ctrl-C, by the test. */
  readonly interrupts?: Interrupts
}

/** `line` is split at spaces; a list is taken as it is. */
export async function godwit(
  line: string | readonly string[],
  {
    double,
    home,
    interactive,
    interrupts = new Interrupts(),
    terminal = new RememberingTerminal(interactive),
  }: Setting = {},
): Promise<Rehearsal> {
  const cli: Cli = { terminal, clock: realClock, home: home ?? temporaryHome(), interrupts }
  const words = typeof line === 'string' ? line.split(' ') : line
  const code = await runProgram(double ? ['--api', double.url, ...words] : words, cli)
  return { code, out: terminal.written.join('\n'), notes: terminal.noted.join('\n'), terminal }
}
