// godwit nodes | vms | migrations | events: what there is, and what happened.
// Not here: the columns (../columns.ts), the forms (../listing.ts).

import type { Command } from 'commander'
import { stringify } from 'yaml'
import type { EventView } from '#proto/api.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { eventList, type List, migrationList, nodeList, vmList, whenText } from '../columns.ts'
import { withApi } from '../connection.ts'
import { wholeNumber, withExamples } from '../help.ts'
import {
  type ListOptions,
  type OutputForm,
  showList,
  watchViews,
  withListOptions,
  writeIn,
} from '../listing.ts'

export function addListCommands(program: Command, cli: Cli): void {
  const nodes = addList(program, cli, 'nodes', 'the nodes of the cluster', nodeList)
  withExamples(nodes, [
    ['godwit nodes', 'phase, VMs, load, memory and lease of each'],
    ['godwit nodes -o wide --watch', 'more columns, drawn again with every change'],
    ['godwit nodes -o json', "the API's NodeView rows, for scripts"],
  ])
  const vms = addList(program, cli, 'vms', 'the VMs, and where they run', vmList).alias('ps')
  withExamples(vms, [
    ['godwit vms', 'phase, node, load and dirty rate of each'],
    ['godwit vms -o wide | less -S', 'all columns, one line a VM, scrolled sideways'],
    ['godwit vms -o json --watch', 'one JSON document a line, with every change'],
  ])
  const migrations = addList(program, cli, 'migrations', 'migrations and clones', migrationList)
  withExamples(migrations, [
    ['godwit migrations', 'rounds, bytes, total time and downtime of each'],
    ['godwit migrations -o wide', 'with the hash that was equal on both ends'],
  ])
  addEvents(program, cli)
}

function addList<Row>(program: Command, cli: Cli, name: string, about: string, list: List<Row>) {
  return withListOptions(program.command(name).description(about)).action(
    (options: ListOptions, command: Command) =>
      withApi(cli, command, (api) => showList(cli, api, list, options)),
  )
}

interface EventOptions extends ListOptions {
  readonly after: number
}

function addEvents(program: Command, cli: Cli): void {
  const events = withListOptions(program.command('events').description('the story of the cluster'))
    .option('--after <seq>', 'only events with a higher number', wholeNumber, 0)
    .action((options: EventOptions, command: Command) =>
      withApi(cli, command, async (api) => {
        if (options.watch) return followEvents(cli, api, options)
        const rows = await api.events(options.after)
        return showList(cli, api, { ...eventList, rows: () => rows }, options)
      }),
    )
  withExamples(events, [
    ['godwit events', 'what happened, oldest first'],
    ['godwit events --watch', 'and what happens from now on'],
  ])
}

/**
 * Each event once, as a line. A view holds the last 200: more than can happen between two of them.
 */
function followEvents(cli: Cli, api: ApiClient, { after, output }: EventOptions): Promise<never> {
  let last = after
  return watchViews(cli, api, ({ events }) => {
    for (const event of events.filter(({ seq }) => seq > last)) {
      writeIn(output, cli, eventLine(event, output))
      last = event.seq
    }
  })
}

function eventLine(event: EventView, output: OutputForm): string {
  if (output === 'json') return JSON.stringify(event)
  if (output === 'yaml') return `---\n${stringify(event).trimEnd()}`
  const kind = output === 'wide' ? `${event.kind.padEnd(19)}  ` : ''
  return `${whenText(event.wallMs)}  ${kind}${event.text}`
}
