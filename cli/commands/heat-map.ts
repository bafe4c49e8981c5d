// godwit heat-map: draws what `godwit migrate --page-log FILE` has written. Reads a file and writes
// a picture; a cluster is not needed.

import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { PageLog } from '#proto/page-log.ts'
import type { Cli } from '../cli.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { heatMapHtml, heatMapText } from '../heat-map.ts'
import { withExamples } from '../help.ts'

/** What stands before and behind a row of the map. */
const columnsWithout = 24
const columnsMax = 120
const rows = 24

export function addHeatMap(program: Command, cli: Cli): void {
  const heatMap = program
    .command('heat-map <file>')
    .description('draw which pages a migration sent when, and why')
    .option('--html <file>', 'write a picture that a browser shows, instead of text')
    .action((file: string, { html }: { readonly html?: string }) => {
      const log = readLog(file)
      if (html === undefined) {
        const columns = Math.min(columnsMax, cli.terminal.columns - columnsWithout)
        cli.terminal.write(heatMapText(log, columns, rows))
        return
      }
      writeFileSync(html, heatMapHtml(log))
      cli.terminal.note(`${html} is written.`)
    })
  withExamples(heatMap, [
    ['godwit migrate kv n2 --page-log kv.json', 'write it down'],
    ['godwit heat-map kv.json', 'look at it here'],
    ['godwit heat-map kv.json --html kv.html', 'or in a browser'],
  ])
}

function readLog(file: string): PageLog {
  try {
    return PageLog.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (thrown) {
    const why = thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown)
    throw new CommandError(
      exitCode.usage,
      `${file} is no page log (${why}): write one with godwit migrate VM NODE --page-log ${file}`,
    )
  }
}
