// godwit disk show | merge: the layers of a VM's disk, and making them one. The cluster merges by
// itself when they become many; this is for who does not want to wait for that.

import type { Command } from 'commander'
import type { VmView } from '#proto/api.ts'
import { bytesText } from '#proto/quantity.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { textOrJson, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'

interface Output {
  readonly output: string
}

export function addDisk(program: Command, cli: Cli): void {
  const disk = program.command('disk').description("the layers of VMs' disks")
  addShow(disk, cli)
  addMerge(disk, cli)
}

function addShow(parent: Command, cli: Cli): void {
  const show = parent
    .command('show <vm>')
    .description('the layers of a disk, the oldest first, and whether some are being merged')
    .addOption(textOrJson())
    .action((vmId: string, { output }: Output, self: Command) =>
      withApi(cli, self, async (api) => {
        const vm = await api.vm(vmId)
        if (output === 'json') writeJson(cli.terminal, factsOf(vm))
        else for (const line of linesOf(vm)) cli.terminal.write(line)
      }),
    )
  withExamples(show, [['godwit disk show kv', 'what lies below what']])
}

const factsOf = ({ id, disk, merging }: VmView) => ({
  vm: id,
  ...disk,
  ...(merging && { merging }),
})

function linesOf({ id, disk, merging }: VmView): string[] {
  if (disk.sizeBytes === 0) return [`${id} has no disk.`]
  const { layers, sizeBytes } = disk
  const top = layers.length - 1
  return [
    `disk of ${id}: ${bytesText(sizeBytes)}, ${layers.length} layers`,
    ...layers.map((name, n) => `  ${name}${n === top ? '   the top: what it writes to' : ''}`),
    ...(merging ? [`${merging.layers} of them become one: ${phaseTexts[merging.phase]}`] : []),
  ]
}

const phaseTexts: Record<NonNullable<VmView['merging']>['phase'], string> = {
  writing: 'a node writes it',
  swapping: 'it is written, and takes their place as soon as nobody copies the VM',
}

function addMerge(parent: Command, cli: Cli): void {
  const merge = parent
    .command('merge <vm>')
    .description('make all layers below the top of a disk one, whether the VM runs or not')
    .option('--no-wait', 'return as soon as the coordinator has accepted it')
    .addOption(textOrJson())
    .action((vmId: string, options: Output & { readonly wait: boolean }, self: Command) =>
      withApi(cli, self, async (api) => {
        const before = await api.vm(vmId)
        const accepted = await api.merge(vmId)
        const after = options.wait ? await merged(cli, api, vmId, options.output) : accepted
        if (options.output === 'json') writeJson(cli.terminal, factsOf(after))
        else cli.terminal.write(outcomeOf(before, after))
      }),
    )
  withExamples(merge, [
    ['godwit disk merge kv', 'kv runs on; from then on its disk is two layers'],
    ['godwit disk merge kv -o json', 'what it has then'],
  ])
}

function outcomeOf(before: VmView, { id, disk, merging }: VmView): string {
  const [from, to] = [before.disk.layers.length, disk.layers.length]
  return merging
    ? `${merging.layers} layers of ${id} are being merged; see: godwit disk show ${id}`
    : `the disk of ${id} had ${from} layers, and has ${to}`
}

/** Says how far it is, and comes back when it has ended. */
async function merged(cli: Cli, api: ApiClient, vmId: string, output: string): Promise<VmView> {
  let told: string | undefined
  let most = 0
  const vm = await follow(
    cli,
    api,
    ({ vms }) => {
      const found = vms.find(({ id }) => id === vmId)
      if (!found) throw new CommandError(exitCode.failed, `${vmId} is gone`)
      const { merging, disk } = found
      most = Math.max(most, disk.layers.length)
      if (merging && merging.phase !== told && output !== 'json')
        cli.terminal.note(`${merging.layers} layers: ${phaseTexts[merging.phase]}`)
      told = merging?.phase
      return merging ? undefined : found
    },
    { onInterrupt: `the merge goes on without you; see: godwit disk show ${vmId}` },
  )
  if (vm.disk.layers.length > 2 && vm.disk.layers.length >= most)
    throw new CommandError(exitCode.failed, `${vmId} was not merged; see: godwit events`)
  return vm
}
