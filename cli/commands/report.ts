// godwit report compare: two runs of scenarios, by their JSON reports. Exit code 4 when something
// held in the first that did not in the second. Not here: how a report comes to be (scenario.ts).

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { type Difference, differencesOf } from '#scenarios/report/compare.ts'
import { isPassed, Report } from '#scenarios/report/report.ts'
import type { Cli } from '../cli.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { textOrJson, withExamples } from '../help.ts'
import { type Column, tableText } from '../table.ts'

const columns: readonly Column<Difference>[] = [
  { title: 'WHAT', text: ({ what }) => what },
  { title: 'BEFORE', text: ({ before }) => before, align: 'right' },
  { title: 'AFTER', text: ({ after }) => after, align: 'right' },
  { title: 'RATIO', text: ({ ratio }) => ratio?.toFixed(2) ?? '–', align: 'right' },
]

function readReport(file: string): Report {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new CommandError(exitCode.usage, `${file} cannot be read: ${why}`)
  }
  const read = Report.safeParse(value)
  if (read.success) return read.data
  const hint = 'give it a NAME.json that `godwit scenario run --reports FOLDER` has written'
  throw new CommandError(exitCode.usage, `${file} is no report: ${hint}`)
}

export function addReport(program: Command, cli: Cli): void {
  const report = program.command('report').description('what scenario runs have reported')
  const compare = report
    .command('compare <before> <after>')
    .description('what differs between two runs; times within 10 % are the same')
    .addOption(textOrJson())
    .action((before: string, after: string, { output }: { readonly output: string }) => {
      const [one, other] = [readReport(before), readReport(after)]
      const found = differencesOf(one, other)
      if (output === 'json') cli.terminal.write(JSON.stringify(found, null, 2))
      else if (found.length === 0) cli.terminal.write('Nothing differs.')
      else cli.terminal.write(tableText(columns, found, cli.terminal.paint))
      if (isPassed(one) && !isPassed(other))
        throw new CommandError(exitCode.unmet, `${after} did not pass, ${before} did`)
    })
  withExamples(compare, [
    ['godwit report compare before/tour.json after/tour.json', 'did the change cost anything?'],
  ])
}
