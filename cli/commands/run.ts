// godwit run: starts VMs, described by options or by a file, and waits until they run.
// Not here: what such a file may say (../vm-file.ts). Sizes in MiB, shares in percent.

import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { z } from 'zod'
import type { ClusterView, VmView } from '#proto/api.ts'
import { vmPhaseSentences } from '#proto/state.ts'
import { Name, ownImage, VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import type { ApiClient, RunInput } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { type GlobalOptions, placeOf, withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { positiveNumber, wholeNumber, withExamples } from '../help.ts'
import { imagesOf } from '../image/image-folder.ts'
import { workloadMistake } from '../own-workloads.ts'
import { inMib, inPercent, inSeconds } from '../units.ts'
import { readVms } from '../vm-file.ts'
import { pulled } from './image.ts'

interface RunOptions {
  readonly file?: string
  readonly image?: string
  readonly args?: string
  readonly memory?: number
  readonly disk?: number
  readonly shares?: number
  readonly cap?: number
  readonly clock?: 'real' | 'instructions'
  readonly boot?: VmSpec['boot']
  readonly screen?: string
  readonly node?: string
  readonly heartbeat?: number
  readonly pin?: boolean
  readonly ha: boolean
  readonly network?: boolean | string
  readonly wait: boolean
}

export function addRun(program: Command, cli: Cli): void {
  const run = program
    .command('run [name]')
    .description('start a VM, or all VMs of a file')
    .option('-f, --file <file>', 'YAML or JSON: one VM or a list, in the words of a scenario')
    .option('--image <name>', 'the guest; left out: godwit-guest, the one that comes along')
    .option(
      '--args <text>',
      "boot arguments; our guest's: workload=kv, cpu, dirty, check or desktop (docs/guest.md)",
    )
    .option('--memory <MiB>', "RAM; left out: the image's, or 32", inMib(wholeNumber))
    .option('--disk <MiB>', 'durable disk', inMib(wholeNumber))
    .option('--shares <n>', 'weight against the other VMs of its pCPU', wholeNumber)
    .option('--cap <percent>', 'at most so much of one core', inPercent(positiveNumber))
    .addOption(new Option('--clock <kind>', 'guest time').choices(['real', 'instructions']))
    .addOption(bootOption())
    .option('--screen <size>', 'a screen with keyboard and pointer, e.g. 800x600')
    .option('--heartbeat <seconds>', 'a kernel silent for so long hangs', inSeconds(wholeNumber))
    .option('--node <node>', 'start it there; left out: where placement puts it')
    .option('--pin', 'with --node: it may run there and nowhere else')
    .option('--network <name>', 'hear the VMs of that network, and no others')
    .option('--no-network', 'without a network device')
    .option('--no-ha', 'do not restart it elsewhere when its node is lost')
    .option('--no-wait', 'return as soon as the coordinator has accepted it')
    .action((name: string | undefined, options: RunOptions, command: Command) =>
      withApi(cli, command, async (api) => {
        const requests = await requestsOf(
          cli,
          name,
          options,
          command.optsWithGlobals<GlobalOptions>(),
        )
        const accepted: VmView[] = []
        for (const request of requests) accepted.push(await api.run(request))
        for (const vm of accepted) await tellStart(cli, api, vm, options.wait)
        const [only, another] = accepted
        if (only && !another && options.wait) tellNext(cli, only, command)
      }),
    )
  withExamples(run, [
    ["godwit run kv --args 'workload=kv' --disk 16", 'a key-value store with a durable disk'],
    ["godwit run busy --args 'workload=cpu load=60' --cap 50", 'burns CPU, half a core at most'],
    [
      "godwit run desk --args 'workload=desktop' --screen 800x600",
      'a desktop, to be used in the page',
    ],
    ['godwit run solo --node n2 --pin --no-ha', 'on n2 only, and lost with it'],
    ['godwit run web --image debian --network shop', 'hears the VMs of the network shop alone'],
    ['godwit run -f vms.yaml', 'all VMs of a file'],
  ])
}

const bootOption = (): Option =>
  new Option('--boot <way>', 'who answers the guest: the VMM, or firmware as on hardware').choices([
    ...['paravirtualised', 'unmodified'],
  ])

async function requestsOf(
  cli: Cli,
  name: string | undefined,
  options: RunOptions,
  where: GlobalOptions,
): Promise<RunInput[]> {
  if ((name === undefined) === (options.file === undefined))
    throw new CommandError(exitCode.usage, 'Give the name of one VM, or a file with -f.')
  if (name !== undefined) {
    refuseMissingImage(cli, options.image, where)
    const mistake = workloadMistake(options.image, options.args)
    if (mistake !== undefined) throw new CommandError(exitCode.usage, mistake)
    return [requestOf(cli, name, options)]
  }
  const file = options.file ?? ''
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new CommandError(exitCode.usage, `Cannot read the file: ${cause.message}`)
  })
  const read = readVms(text, file)
  if ('requests' in read) return read.requests
  throw new CommandError(exitCode.usage, read.mistakes.join('\n'))
}

/** A cluster of this machine has the images of this machine; of another one nothing is known. */
function refuseMissingImage(cli: Cli, image: string | undefined, where: GlobalOptions): void {
  if (image === undefined || image === ownImage || where.api !== undefined || cli.api) return
  const images = imagesOf(cli)
  if (images.manifest(image)) return
  const known = [ownImage, ...images.list().map(({ name }) => name)]
  const mend = pulled.includes(image)
    ? `godwit image pull ${image}`
    : `there are ${known.join(', ')} (godwit image --help)`
  throw new CommandError(exitCode.failed, `image ${image} is not on this machine: ${mend}`)
}

function requestOf(cli: Cli, id: string, options: RunOptions): RunInput {
  const { image, args, disk, shares, cap, clock, screen } = options
  const own = image === undefined ? undefined : imagesOf(cli).manifest(image)
  const {
    memory = own?.memoryMibDefault,
    boot = own?.entry === 'machine' ? 'unmodified' : undefined,
  } = options
  const given: { readonly [K in keyof VmSpecInput]: VmSpecInput[K] | undefined } = {
    image,
    args,
    memoryMib: memory,
    diskMib: disk,
    cpuShares: shares,
    cpuCapPercent: cap,
    clock,
    boot,
    screen,
    heartbeatMs: options.heartbeat === undefined ? undefined : options.heartbeat * 1000,
    network: options.network,
  }
  const spec = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  refuseMistakes(id, spec)
  return { id, spec: { ...spec, ha: options.ha }, ...startOf(options) }
}

/** What the coordinator would refuse, said in the words of the command line. */
function refuseMistakes(id: string, spec: object): void {
  const name = Name.safeParse(id).error?.issues.map(({ message }) => `\`${id}\`: ${message}`) ?? []
  const rest = VmSpec.safeParse(spec).error?.issues.map(
    (issue) => `${optionOf(issue.path[0])}: ${boundText(issue)}`,
  )
  const mistakes = [...name, ...(rest ?? [])]
  if (mistakes.length > 0) throw new CommandError(exitCode.usage, mistakes.join('\n'))
}

/** Out of bounds, in plain words. */
function boundText(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_big' && issue.origin !== 'string') return `at most ${issue.maximum}`
  if (issue.code === 'too_small' && issue.origin !== 'string') return `at least ${issue.minimum}`
  return issue.message
}

const optionNames: Readonly<Record<string, string>> = {
  memoryMib: '--memory',
  heartbeatMs: '--heartbeat',
  diskMib: '--disk',
  cpuShares: '--shares',
  cpuCapPercent: '--cap',
}
const optionOf = (field: PropertyKey | undefined): string =>
  optionNames[String(field)] ?? `--${String(field)}`

function startOf({ node, pin }: RunOptions): Pick<RunInput, 'nodeId' | 'startOn'> {
  if (node !== undefined) return pin ? { nodeId: node } : { startOn: node }
  if (pin) throw new CommandError(exitCode.usage, 'Say with --node where to pin it.')
  return {}
}

async function tellStart(cli: Cli, api: ApiClient, vm: VmView, wait: boolean): Promise<void> {
  if (!wait) return cli.terminal.write(`${vm.id} is accepted.`)
  let told = false
  const look = ({ vms }: ClusterView) => {
    const now = vms.find(({ id }) => id === vm.id)
    if (now?.phase !== 'pending') return now?.phase === 'starting' ? undefined : now
    if (!told) cli.terminal.note(`${vm.id} ${vmPhaseSentences.pending}${whyText(now)}`)
    told = true
    return undefined
  }
  const onInterrupt = `${vm.id} goes on starting without you; see: godwit vms`
  const started = await follow(cli, api, look, { onInterrupt })
  const { id, phase, nodeId } = started
  if (phase === 'failed')
    throw new CommandError(exitCode.failed, `${id} failed${endOf(started)}; ${again(id)}`)
  cli.terminal.write(`${id} ${vmPhaseSentences[phase]}${nodeId ? ` on ${nodeId}` : ''}`)
}

/** To a person only: what to do with it. */
function tellNext(cli: Cli, { id, spec }: VmView, command: Command): void {
  if (!cli.terminal.notesInteractive) return
  const { url } = placeOf(cli, command.optsWithGlobals<GlobalOptions>())
  const hasScreen = spec.screen !== undefined
  const next = hasScreen
    ? `Its screen: ${url}/#/vm/${id}/screen`
    : `Talk to it: godwit console ${id}`
  cli.terminal.note(cli.terminal.paint('dim', next))
}

const again = (id: string) => `to try again: godwit start ${id}, or godwit rm ${id}`

/** Before what comes behind it in one line. */
const endOf = (vm: VmView): string => whyText(vm).replace(/\.$/, '')

const whyText = ({ fault }: VmView): string => (fault ? `: ${fault.message}` : '')
