// docs/cli.md, made of what --help says: the commands in their order, each with its help as it is
// printed. A test holds the file to it; `node cli/document.ts` writes it anew.

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { realClock } from '#env/real.ts'
import { Interrupts } from './cli.ts'
import { buildProgram } from './program.ts'
import { processTerminal } from './terminal.ts'

const opening = `# The \`godwit\` command

\`godwit\` stands for \`node bin/godwit.mjs\` in a checkout; an alias saves typing.
This file is what \`--help\` says; \`node cli/document.ts\` writes it. Results go to stdout, all
that is said to a person meanwhile to stderr. Colours only on a terminal; \`NO_COLOR\` is
honoured.

- **Which cluster:** the only one that runs on this machine; else \`--cluster NAME\`; or
  \`--api URL\` for one that was started elsewhere, as by Docker Compose. Local clusters keep their
  state, disks and logs in \`.godwit/\` of the checkout, or in \`GODWIT_HOME\`.
- **Lists** take \`-o table|wide|json|yaml\` and \`--watch\`. \`json\` and \`yaml\` are the API's
  own rows (\`proto/api.ts\`).
- **Nothing outlives its launcher:** when \`godwit up\` ends, by whatever signal, its processes end.
`

export function cliDocument(program: Command): string {
  return `${[opening.trimEnd(), helpBlock(program), ...sections(program)].join('\n\n')}\n`
}

function sections(command: Command): string[] {
  return command.commands
    .filter((each) => !['help', 'complete'].includes(each.name()))
    .flatMap((each) =>
      each.commands.length > 0 ? sections(each) : [`## ${pathOf(each)}`, helpBlock(each)],
    )
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

function helpBlock(command: Command): string {
  let text = ''
  const before = command.configureOutput()
  command.configureOutput({ ...before, writeOut: (part) => (text += part) })
  command.outputHelp()
  command.configureOutput(before)
  const lines = text.trimEnd().split('\n')
  return ['```', ...lines.map((line) => line.trimEnd()), '```'].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const terminal = processTerminal()
  const cli = { terminal, clock: realClock, home: '', interrupts: new Interrupts() }
  writeFileSync(new URL('../docs/cli.md', import.meta.url), cliDocument(buildProgram(cli)))
}
