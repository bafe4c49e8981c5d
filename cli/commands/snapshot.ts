// godwit snapshot create | list | restore | rm: states of a VM to come back to, and the way back.
// Each waits until it is so: the coordinator accepts at once, and a node does the work.

import type { Command } from 'commander'
import type { SnapshotView } from '#proto/api.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'
import type { SnapshotComparison } from '#proto/snapshots.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { dayTimeText } from '../columns.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { textOrJson, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import { snapshotTree } from '../snapshot-tree.ts'
import { type Column, tableText } from '../table.ts'

/** A VM of 3 GiB takes some seconds to be written; later something is wrong. */
const waitMsMax = 120_000
const lookMs = 50

const none = '-'
const columns: readonly Column<SnapshotView>[] = [
  { title: 'SNAPSHOT', text: (s) => s.name },
  { title: 'PHASE', text: (s) => s.phase },
  { title: 'TAKEN', text: (s) => (s.takenWallMs ? dayTimeText(s.takenWallMs) : none) },
  { title: 'CAME FROM', text: (s) => s.basedOn ?? none },
  {
    title: 'PAGES',
    text: (s) => (s.measured ? countText(s.measured.pages) : none),
    align: 'right',
  },
  {
    title: 'STORED',
    text: (s) => (s.measured ? bytesText(s.measured.storedBytes) : none),
    align: 'right',
  },
  {
    title: 'DOWNTIME',
    text: (s) => (s.measured ? msText(s.measured.downtimeMs) : none),
    align: 'right',
  },
]

export function addSnapshot(program: Command, cli: Cli): void {
  const snapshot = program
    .command('snapshot')
    .description('take states of a VM, and come back to them')
  addCreate(snapshot, cli)
  addList(snapshot, cli)
  addTree(snapshot, cli)
  addRestore(snapshot, cli)
  addSwitch(snapshot, cli)
  addDiff(snapshot, cli)
  addRemove(snapshot, cli)
}

function addCreate(parent: Command, cli: Cli): void {
  const create = parent
    .command('create <vm> [name]')
    .description('take a snapshot of a VM while it runs: its memory, its devices and its disk')
    .action((vm: string, name: string | undefined, _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        const { name: given } = await api.snapshot(vm, name === undefined ? {} : { name })
        const taken = await settled(cli, api, vm, given)
        if (taken?.phase !== 'ready' || !taken.measured) throw failed(vm, given, taken)
        const { storedBytes, downtimeMs } = taken.measured
        const cost = `${bytesText(storedBytes)} stored, it stood still for ${msText(downtimeMs)}`
        cli.terminal.write(`${given} of ${vm} is taken: ${cost}`)
      }),
    )
  withExamples(create, [
    ['godwit snapshot create kv before', 'kv goes on; `before` is what it was'],
    ['godwit snapshot create kv', 'under a name that is free'],
  ])
}

function addList(parent: Command, cli: Cli): void {
  const list = parent
    .command('list <vm>')
    .description('the snapshots of a VM')
    .action((vm: string, _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        const rows = await api.snapshots(vm)
        if (rows.length === 0) cli.terminal.note(`${vm} has no snapshots.`)
        else cli.terminal.write(tableText(columns, rows, cli.terminal.paint))
      }),
    )
  withExamples(list, [['godwit snapshot list kv', 'when each was taken, and what it cost']])
}

function addTree(parent: Command, cli: Cli): void {
  const tree = parent
    .command('tree <vm>')
    .description('which snapshot came from which, and where the VM is')
    .action((vm: string, _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        const rows = await api.snapshots(vm)
        if (rows.length === 0) cli.terminal.note(`${vm} has no snapshots.`)
        else for (const line of snapshotTree(vm, rows)) cli.terminal.write(line)
      }),
    )
  withExamples(tree, [['godwit snapshot tree kv', 'kv stands beside the one it was last']])
}

function addSwitch(parent: Command, cli: Cli): void {
  const change = parent
    .command('switch <vm> <name>')
    .description('keep what the VM is now as a snapshot, and let it go on as another one has it')
    .option('--as <name>', 'what to call the one that is kept; left out: a name that is free')
    .action((vm: string, name: string, { as }: { readonly as?: string }, self: Command) =>
      withApi(cli, self, async (api) => {
        const { name: given } = await api.snapshot(vm, as === undefined ? {} : { name: as })
        const kept = await settled(cli, api, vm, given)
        if (kept?.phase !== 'ready') throw failed(vm, given, kept)
        const { epoch } = await api.restore(vm, name)
        const view = await runsAgain(cli, api, vm, epoch)
        if (view.phase !== 'running')
          throw new CommandError(exitCode.failed, `${vm} failed: ${view.fault?.message ?? ''}`)
        cli.terminal.write(`${vm} was kept as ${given}, and goes on as ${name} has it`)
      }),
    )
  withExamples(change, [
    ['godwit snapshot switch kv before --as after', 'and back: godwit snapshot switch kv after'],
  ])
}

function addRestore(parent: Command, cli: Cli): void {
  const restore = parent
    .command('restore <vm> <name>')
    .description('let a VM go on as a snapshot has it; what it is now is lost')
    .action((vm: string, name: string, _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        const { epoch } = await api.restore(vm, name)
        const view = await runsAgain(cli, api, vm, epoch)
        if (view.phase !== 'running')
          throw new CommandError(exitCode.failed, `${vm} failed: ${view.fault?.message ?? ''}`)
        cli.terminal.write(`${vm} goes on as ${name} has it, on ${view.nodeId}`)
      }),
    )
  withExamples(restore, [
    ['godwit snapshot restore kv before', 'at once; its pages come as it touches them'],
  ])
}

function addDiff(parent: Command, cli: Cli): void {
  const diff = parent
    .command('diff <vm> <from> <to>')
    .description('what differs from one snapshot to another one')
    .addOption(textOrJson(''))
    .action((vm: string, from: string, to: string, options: { output: string }, self: Command) =>
      withApi(cli, self, async (api) => {
        const found = await api.compareSnapshots(vm, from, to)
        if (options.output === 'json') writeJson(cli.terminal, found)
        else for (const line of comparisonLines(found)) cli.terminal.write(line)
      }),
    )
  withExamples(diff, [['godwit snapshot diff kv before after', 'pages, devices and disk layers']])
}

function comparisonLines(found: SnapshotComparison): string[] {
  const { changed, appeared, vanished, equal, bytes, sections, layersGone, layersNew } = found
  const list = (names: readonly string[]) => (names.length > 0 ? names.join(', ') : none)
  return [
    `memory   ${countText(changed)} pages changed, ${countText(appeared)} appeared, ` +
      `${countText(vanished)} became zero, ${countText(equal)} are the same; ${bytesText(bytes)}`,
    `devices  ${list(sections)}`,
    `disk     ${layersNew.length} new layers (${list(layersNew)}), ` +
      `${layersGone.length} gone (${list(layersGone)})`,
  ]
}

function addRemove(parent: Command, cli: Cli): void {
  const remove = parent
    .command('rm <vm> <name...>')
    .description('remove snapshots, and what only they held')
    .action((vm: string, names: string[], _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        for (const name of names) {
          await api.dropSnapshot(vm, name)
          const left = await settled(cli, api, vm, name)
          if (left) throw failed(vm, name, left)
          cli.terminal.write(`${name} of ${vm} is removed`)
        }
      }),
    )
  withExamples(remove, [['godwit snapshot rm kv before', 'those taken after it stay whole']])
}

/** As it is when nothing is being done with it; undefined when it is gone. */
async function settled(
  { clock }: Cli,
  api: ApiClient,
  vm: string,
  name: string,
): Promise<SnapshotView | undefined> {
  const untilMs = clock.nowMs() + waitMsMax
  for (;;) {
    const found = (await api.snapshots(vm)).find((snapshot) => snapshot.name === name)
    if (found?.phase !== 'taking' && found?.phase !== 'removing') return found
    if (clock.nowMs() >= untilMs)
      throw new CommandError(exitCode.failed, `${name} is ${found.phase} still; list it later`)
    await new Promise<void>((resolve) => void clock.wakeAt(clock.nowMs() + lookMs, resolve))
  }
}

const runsAgain = (cli: Cli, api: ApiClient, vm: string, epoch: number) =>
  follow(
    cli,
    api,
    ({ vms }) =>
      vms.find(
        (each) =>
          each.id === vm &&
          ((each.phase === 'running' && each.epoch > epoch) || each.phase === 'failed'),
      ),
    {
      onInterrupt: `${vm} goes on without you; see: godwit vms`,
      late: { ms: waitMsMax, message: `${vm} does not run yet; see: godwit vms -o wide` },
    },
  )

const failed = (vm: string, name: string, found: SnapshotView | undefined): CommandError =>
  new CommandError(
    exitCode.failed,
    `${name} of ${vm}: ${found?.fault?.message ?? 'it is not there any more'}`,
  )
