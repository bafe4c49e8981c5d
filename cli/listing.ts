// Shows a list in the form that was asked for, once or again with every change of the cluster.
// Machine forms are complete and stable: json is the API's own rows; watched, one compact document
// a line (json) or `---` between documents (yaml). A watch outlives a restart of the coordinator.
// Not here: which columns (columns.ts), alignment (table.ts).

import { type Command, Option } from 'commander'
import { stringify } from 'yaml'
import type { ClusterView } from '#proto/api.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import { ClusterWatch } from '#scenarios/runner/cluster-watch.ts'
import type { Cli } from './cli.ts'
import type { List } from './columns.ts'
import { CommandError, exitCode } from './exit-code.ts'
import { screenText } from './screen-text.ts'
import { tableText } from './table.ts'

export const outputForms = ['table', 'wide', 'json', 'yaml'] as const
export type OutputForm = (typeof outputForms)[number]

export interface ListOptions {
  readonly output: OutputForm
  readonly watch?: boolean
}

export const outputOption = () =>
  new Option('-o, --output <form>', 'how to print it').choices(outputForms).default('table')

/** Adds `-o` and `--watch`. */
export const withListOptions = (command: Command): Command =>
  command.addOption(outputOption()).option('-w, --watch', 'go on, and show every change')

export async function showList<Row>(
  cli: Cli,
  api: ApiClient,
  list: List<Row>,
  options: ListOptions,
): Promise<void> {
  const text = (view: ClusterView) => listText(cli, list, view, options)
  if (options.watch) return watchTexts(cli, api, text, options.output)
  const view = await api.cluster()
  writeIn(options.output, cli, text(view))
  const note = list.note?.(view)
  if (note !== undefined && isForPersons(options.output)) cli.terminal.note(note)
}

const isForPersons = (form: OutputForm): boolean => form === 'table' || form === 'wide'

/**
 * What programs read is never folded, and neither is a row of many columns: one line a row can be
 * piped to `less -S`, searched and selected, and a wider window shows it whole.
 */
export function writeIn(form: OutputForm, { terminal }: Pick<Cli, 'terminal'>, text: string): void {
  if (form === 'table') terminal.write(text)
  else terminal.data(text)
}

export function listText<Row>(
  cli: Cli,
  list: List<Row>,
  view: ClusterView,
  { output, watch }: ListOptions,
): string {
  const rows = list.rows(view)
  if (output === 'json') return JSON.stringify(rows, null, watch ? 0 : 2)
  if (output === 'yaml') return (watch ? '---\n' : '') + stringify(rows).trimEnd()
  const columns = list.columns.filter((column) => !column.wide || output === 'wide')
  if (rows.length === 0) return list.empty
  return tableText(columns, rows, cli.terminal.paint)
}

/**
 * Until Ctrl-C. On a terminal tables are drawn in place, as much of them as there is room for, and
 * left there whole at the end; elsewhere each different text is printed.
 */
export async function watchTexts(
  cli: Cli,
  api: ApiClient,
  textOf: (view: ClusterView) => string,
  form: OutputForm,
): Promise<never> {
  const inPlace = cli.terminal.interactive && form !== 'json' && form !== 'yaml'
  const live = inPlace ? cli.terminal.live('stdout') : undefined
  let last: string | undefined
  try {
    return await watchViews(cli, api, (view) => {
      const text = textOf(view)
      if (live) live.draw(screenText(text, cli.terminal))
      else if (text !== last) writeIn(form, cli, text)
      last = text
    })
  } finally {
    live?.done(last)
  }
}

/**
 * Every view of the cluster until Ctrl-C. A cluster that is not there at the start is told, not
 * waited for.
 */
export async function watchViews(
  cli: Cli,
  api: ApiClient,
  onView: (view: ClusterView) => void,
): Promise<never> {
  const signal = cli.interrupts.handle()
  onView(await api.cluster())
  const watch = new ClusterWatch(api, cli.clock, onView)
  await aborted(signal)
  watch.close()
  throw new CommandError(exitCode.interrupted, '')
}

export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
