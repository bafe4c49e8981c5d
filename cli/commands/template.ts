// godwit template create | list | show | deploy | rm: a system with its application, kept apart
// from the VM it was made in, from which new VMs begin at once. Each waits until it is so.
// Not here: what a template is (docs/templates.md), its file (template-file.ts).

import type { Command } from 'commander'
import type { TemplateView } from '#proto/api.ts'
import { mibText } from '#proto/quantity.ts'
import { VmSpec, workloadOf } from '#proto/vm-spec.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { dayTimeText } from '../columns.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { positiveNumber, textOrJson, wholeBetween, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import { type Column, tableText } from '../table.ts'
import { inPercent } from '../units.ts'
import { freeNames } from './move.ts'
import { addTemplateFiles } from './template-file.ts'
import { addTemplateKeys } from './template-key.ts'

const waitMsMax = 120_000
const lookMs = 50
const deployMax = 256

const columns: readonly Column<TemplateView>[] = [
  { title: 'TEMPLATE', text: (t) => t.name },
  { title: 'PHASE', text: (t) => t.phase },
  { title: 'MADE', text: (t) => dayTimeText(t.takenWallMs) },
  { title: 'MEMORY', text: (t) => mibText(t.memoryMib), align: 'right' },
  { title: 'DISK', text: (t) => mibText(t.diskMib), align: 'right' },
  { title: 'WORKLOAD', text: (t) => workloadOf(t) },
  { title: 'ABOUT', text: (t) => t.about },
]

export function addTemplate(program: Command, cli: Cli): void {
  const template = program
    .command('template')
    .description('keep a running system as a template, and begin new VMs from it')
  addCreate(template, cli)
  addList(template, cli)
  addDeploy(template, cli)
  addRemove(template, cli)
  addShow(template, cli)
  addTemplateFiles(template, cli)
  addTemplateKeys(template, cli)
}

function addCreate(parent: Command, cli: Cli): void {
  const create = parent
    .command('create <vm> <name>')
    .description('keep what a running VM is now; the VM goes on')
    .option('--about <text>', 'what is in it, for people')
    .action((vm: string, name: string, { about }: { readonly about?: string }, self: Command) =>
      withApi(cli, self, async (api) => {
        const { name: snapshot } = await api.snapshot(vm, {})
        await taken(cli, api, vm, snapshot)
        await api.keepTemplate({ name, vm, snapshot, ...(about ? { about } : {}) })
        const made = await settled(cli, api, name)
        await api.dropSnapshot(vm, snapshot)
        if (made?.phase !== 'ready') throw failed(name, made?.fault?.message)
        cli.terminal.write(`template ${name} is ready: godwit template deploy ${name} ${name}-1`)
      }),
    )
  withExamples(create, [
    ["godwit template create web shop --about 'Debian with the shop, running'", 'web goes on'],
  ])
}

function addList(parent: Command, cli: Cli): void {
  const list = parent
    .command('list')
    .description('the templates of the cluster')
    .action((_options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        const rows = await api.templates()
        if (rows.length === 0) cli.terminal.note('There are no templates.')
        else cli.terminal.write(tableText(columns, rows, cli.terminal.paint))
      }),
    )
  withExamples(list, [['godwit template list', 'what new VMs can begin from']])
}

function addShow(parent: Command, cli: Cli): void {
  const show = parent
    .command('show <name>')
    .description('what a template is, and where it came from')
    .addOption(textOrJson())
    .action((name: string, { output }: { readonly output: string }, self: Command) =>
      withApi(cli, self, async (api) => {
        const all = await api.templates()
        const found = all.find((one) => one.name === name)
        if (!found) throw noTemplate(name, all)
        if (output === 'json') writeJson(cli.terminal, found)
        else cli.terminal.write(shownText(found))
      }),
    )
  withExamples(show, [['godwit template show shop', 'its size, who made it, whose key it had']])
}

function shownText(view: TemplateView): string {
  const { origin } = view
  const rows: [string, string | undefined][] = [
    ['template', `${view.name}, ${view.phase}`],
    ['about', view.about || undefined],
    ['made', dayTimeText(view.takenWallMs)],
    ['memory', mibText(view.memoryMib)],
    ['disk', view.diskMib > 0 ? mibText(view.diskMib) : undefined],
    ['image', view.image],
    ['arguments', view.args || undefined],
    ['owner', view.owner],
    ['came as', origin && `${origin.name}, of cluster ${origin.cluster}, by ${origin.version}`],
    ['made by', origin?.madeBy || undefined],
    ['file', origin?.id],
    ['signed by', origin && (origin.key ?? 'nobody')],
    ['fault', view.fault?.message],
  ]
  return rows
    .flatMap(([title, text]) => (text === undefined ? [] : [`${title.padEnd(10)} ${text}`]))
    .join('\n')
}

interface DeployOptions {
  readonly count: number
  readonly node?: string
  readonly cap?: number
  readonly ha: boolean
}

function addDeploy(parent: Command, cli: Cli): void {
  const deploy = parent
    .command('deploy <template> <name>')
    .description('begin a VM as the template has it: running, and somebody else')
    .option('-n, --count <n>', 'how many: NAME-1, NAME-2 …', wholeBetween(1, deployMax), 1)
    .option('--node <node>', 'there; left out: where placement puts it')
    .option('--cap <percent>', 'at most so much of one core', inPercent(positiveNumber))
    .option('--no-ha', 'do not restart it elsewhere when its node is lost')
    .action((template: string, name: string, options: DeployOptions, self: Command) =>
      withApi(cli, self, async (api) => {
        const { count, node, cap, ha } = options
        const ids = count === 1 ? [name] : freeNames(name, count, await api.vms())
        const spec = VmSpec.parse({ ha, ...(cap ? { cpuCapPercent: cap } : {}) })
        const where = node === undefined ? {} : { startOn: node }
        for (const id of ids) await api.run({ id, spec, template, ...where })
        for (const id of ids) cli.terminal.write(await runs(cli, api, id))
      }),
    )
  withExamples(deploy, [
    ['godwit template deploy shop web-2', 'at once; its pages come as it touches them'],
    ['godwit template deploy shop web --count 10', 'web-1 to web-10, over all nodes'],
  ])
}

function addRemove(parent: Command, cli: Cli): void {
  const remove = parent
    .command('rm <name...>')
    .description('remove templates, and what only they held; VMs made of them go on')
    .action((names: string[], _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        for (const name of names) {
          await api.dropTemplate(name)
          const left = await settled(cli, api, name)
          if (left) throw failed(name, left.fault?.message)
          cli.terminal.write(`template ${name} is removed`)
        }
      }),
    )
  withExamples(remove, [['godwit template rm shop', 'VMs made of it need it no more']])
}

async function taken(cli: Cli, api: ApiClient, vm: string, name: string): Promise<void> {
  const found = await poll(cli, async () =>
    (await api.snapshots(vm)).find((one) => one.name === name && one.phase !== 'taking'),
  )
  if (found?.phase !== 'ready') throw failed(name, found?.fault?.message)
}

/** As it is when nothing is being done with it; undefined when it is gone. */
async function settled(cli: Cli, api: ApiClient, name: string): Promise<TemplateView | undefined> {
  const find = async () => (await api.templates()).find((one) => one.name === name)
  const isBusy = (one: TemplateView | undefined) =>
    one?.phase === 'making' || one?.phase === 'removing'
  const end = await poll(cli, async () => {
    const found = await find()
    return isBusy(found) ? undefined : { found }
  })
  return end?.found
}

async function poll<T>({ clock }: Cli, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const untilMs = clock.nowMs() + waitMsMax
  for (;;) {
    const found = await look()
    if (found !== undefined || clock.nowMs() >= untilMs) return found
    await new Promise<void>((resolve) => void clock.wakeAt(clock.nowMs() + lookMs, resolve))
  }
}

function runs(cli: Cli, api: ApiClient, id: string): Promise<string> {
  return follow(
    cli,
    api,
    ({ vms }) => {
      const vm = vms.find((one) => one.id === id)
      if (vm?.phase === 'failed') throw failed(id, vm.fault?.message)
      return vm?.phase === 'running' ? `${id} is running on ${vm.nodeId}` : undefined
    },
    {
      onInterrupt: `${id} goes on without you; see: godwit vms`,
      late: { ms: waitMsMax, message: `${id} does not run yet; see: godwit vms -o wide` },
    },
  )
}

const noTemplate = (name: string, all: readonly TemplateView[]): CommandError => {
  const names = all.map((one) => one.name).join(', ') || 'none'
  return new CommandError(exitCode.failed, `There is no template ${name}; there are: ${names}.`)
}

const failed = (name: string, why = 'it is not there any more'): CommandError =>
  new CommandError(exitCode.failed, `${name}: ${why}`)
