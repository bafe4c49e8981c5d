// godwit report compare: two runs of scenarios, by their JSON reports. Exit code 4 when something
// held in the first that did not in the second. Not here: how a report comes to be (scenario.ts).

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { countText } from '#proto/quantity.ts'
import { type Difference, differencesOf } from '#scenarios/report/compare.ts'
import { isPassed, Report } from '#scenarios/report/report.ts'
import type { Cli } from '../cli.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { textOrJson, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import { type Column, tableText } from '../table.ts'
import type { Paint } from '../terminal.ts'

const paintOf = ({ isWorse }: Difference): Paint | undefined =>
  isWorse === undefined ? undefined : isWorse ? 'red' : 'green'

const columns: readonly Column<Difference>[] = [
  { title: 'WHAT', text: ({ what }) => what },
  { title: 'BEFORE', text: ({ before }) => before, align: 'right' },
  { title: 'AFTER', text: ({ after }) => after, align: 'right', paint: paintOf },
  { title: 'CHANGE', text: changeText, align: 'right' },
  { title: 'SEEN AFTER', text: ({ seen = '' }) => seen },
]

/** `+310 %`, `−12 %`; what has no share is better or worse, or only different. */
function changeText({ ratio, isWorse }: Difference): string {
  if (ratio === undefined) return isWorse === undefined ? '' : isWorse ? 'worse' : 'better'
  const percent = Math.round((ratio - 1) * 100)
  return `${percent < 0 ? '−' : '+'}${countText(Math.abs(percent))} %`
}

function wholeText(name: string, report: Report): string {
  const held = report.expectations.filter(({ verdict }) => verdict === 'held').length
  const verdict = isPassed(report) ? 'passed' : 'failed'
  const { scenario, seed, expectations, world, version } = report
  const where = world === undefined ? '' : `, world ${world}, Godwit ${version}`
  const how = `${verdict}, ${held} of ${expectations.length} held`
  return `${name} ${scenario}, seed ${seed}${where}: ${how}`
}

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
      if (output === 'json') writeJson(cli.terminal, found)
      else {
        cli.terminal.write(`${wholeText('before', one)}\n${wholeText('after ', other)}\n`)
        if (found.length === 0) cli.terminal.write('Nothing differs.')
        else cli.terminal.write(tableText(columns, found, cli.terminal.paint))
      }
      if (isPassed(one) && !isPassed(other))
        throw new CommandError(exitCode.unmet, `${after} did not pass, ${before} did`)
    })
  withExamples(compare, [
    ['godwit report compare before/tour.json after/tour.json', 'did the change cost anything?'],
  ])
}
