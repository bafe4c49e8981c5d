// godwit image pull|add|list: guests that do not come along with Godwit, made on this machine.
// Not here: how one is made (../image/).

import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import type { ImageManifest } from '#proto/image-manifest.ts'
import { memoryMibMax, Name, ownImage } from '#proto/vm-spec.ts'
import type { Cli } from '../cli.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { wholeBetween, withExamples } from '../help.ts'
import { buildDebian } from '../image/debian.ts'
import { type ImageParts, imagesOf } from '../image/image-folder.ts'
import { imageOf, type OwnFiles } from '../image/own-files.ts'
import { buildUBoot } from '../image/u-boot.ts'
import { list } from '../policy-options.ts'
import { inMib } from '../units.ts'

type Build = (
  workspace: string,
  say: (line: string) => void,
  signal: AbortSignal,
  packages?: readonly string[],
) => Promise<ImageParts>

const builders: Readonly<Record<string, Build>> = { debian: buildDebian, 'u-boot': buildUBoot }

/** What can be pulled. */
export const pulled: readonly string[] = Object.keys(builders)

export function addImage(program: Command, cli: Cli): void {
  const image = program
    .command('image')
    .description('guests to pull or to add: a Debian Linux, files of your own')
  addPull(image, cli)
  addAdd(image, cli)
  const list = image
    .command('list')
    .description('what has been pulled or added, and what it was made from')
    .action(() => {
      const images = imagesOf(cli).list()
      for (const manifest of images) cli.terminal.write(`${manifest.name}  ${manifest.about}`)
      if (images.length === 0) cli.terminal.note('None yet: godwit image pull debian')
    })
  withExamples(list, [['godwit image list', 'names for: godwit run --image NAME']])
}

function addPull(image: Command, cli: Cli): void {
  const pull = image
    .command('pull')
    .description("build an image from Debian's packages, by this machine's apt")
    .addArgument(new Argument('<name>', 'which').choices([...pulled]))
    .option('--with <packages>', "of debian: Debian's packages to have in it, a,b", packageNames)
    .option('--as <name>', 'what VMs call it; with packages: debian-a-b, unless you say')
    .option('--fresh', 'again, though it is there')
    .action((name: string, options: PullOptions) => pullImage(cli, name, options))
  withExamples(pull, [
    ['godwit image pull debian', 'about 110 MB once; works offline afterwards'],
    ['godwit run deb --image debian', 'and boot it: godwit console deb'],
    ['godwit image pull debian --with python3-minimal,sqlite3 --as lab', 'with programs of Debian'],
    ['godwit image pull u-boot', 'a boot loader with a shell, in 3 MB'],
  ])
}

function addAdd(image: Command, cli: Cli): void {
  const add = image
    .command('add')
    .description('make an image of files of your own: a kernel, or any program for a bare machine')
    .argument('<name>', 'what VMs call it')
    .requiredOption('--kernel <file>', 'a raw image, or an ELF file, which says where it goes')
    .option('--initrd <file>', 'an initial RAM disk')
    .option('--firmware <file>', 'what runs in M-mode under it, as OpenSBI, with --boot unmodified')
    .addOption(
      new Option('--entry <mode>', 'the mode in which the kernel begins').choices([
        'machine',
        'supervisor',
      ]),
    )
    .option('--args <text>', 'boot arguments of a VM that is given none')
    .option(
      '--memory <MiB>',
      'RAM of a VM that is given none',
      inMib(wholeBetween(4, memoryMibMax)),
    )
    .action((name: string, own: OwnFiles) => addOwn(cli, name, own))
  withExamples(add, [
    ['godwit image add mine --kernel Image --initrd initrd.img', 'another Linux'],
    ['godwit image add bare --kernel a.elf --entry machine', 'a program that owns the machine'],
  ])
}

async function addOwn(cli: Cli, name: string, own: OwnFiles): Promise<void> {
  refuseName(name)
  const parts = imageOf(own)
  const images = imagesOf(cli)
  const there = images.find(name)
  if (there && there.packages.length > 0)
    throw new CommandError(
      exitCode.usage,
      `${name} was pulled (${there.about}): choose another name.`,
    )
  const publish = async (workspace: string) => images.publish(name, parts, workspace)
  tellReady(cli, await images.withWorkspace(publish))
}

interface PullOptions {
  readonly with?: readonly string[]
  readonly as?: string
  readonly fresh?: true
}

/** Debian policy, section 5.6.1, so that none is taken for an option. */
function packageNames(text: string): string[] {
  const names = list(text)
  const wrong = names.find((name) => !/^[a-z0-9][a-z0-9+.-]+$/.test(name))
  if (wrong === undefined && names.length > 0) return names
  throw new InvalidArgumentError(`\`${wrong ?? text}\` is no name of a package: say a,b`)
}

/** The name of the image that is to be there. */
function nameFor(source: string, { with: packages, as }: PullOptions): string {
  if (packages && source !== 'debian')
    throw new CommandError(exitCode.usage, `--with is for debian: ${source} has no packages.`)
  const name = as ?? [source, ...(packages ?? [])].join('-').replaceAll(/[+.]/g, '-')
  if (packages || name !== source) refuseName(name, '. Say --as NAME.')
  return name
}

/** What no image of a person's own may be called. @param mend said of what is no name */
function refuseName(name: string, mend = ''): void {
  const refused = Name.safeParse(name).error?.issues[0]?.message
  if (refused !== undefined)
    throw new CommandError(exitCode.usage, `\`${name}\`: ${refused}${mend}`)
  if (name === ownImage || Object.hasOwn(builders, name))
    throw new CommandError(exitCode.usage, `${name} is the name of another image: choose one.`)
}

async function pullImage(cli: Cli, source: string, options: PullOptions): Promise<void> {
  const name = nameFor(source, options)
  const images = imagesOf(cli)
  const known = options.fresh ? undefined : images.find(name)
  if (known) {
    if (!hasAll(known, options.with))
      throw new CommandError(
        exitCode.usage,
        `${name} is something else: ${known.about}. Say --as NAME, or --fresh.`,
      )
    cli.terminal.write(`${name} is here already: ${known.about}`)
    return
  }
  const say = (line: string) => cli.terminal.note(line)
  const signal = cli.interrupts.handle()
  const manifest = await images.withWorkspace(async (workspace) => {
    const parts = await (builders[source] as Build)(workspace, say, signal, options.with)
    return images.publish(name, parts, workspace)
  })
  tellReady(cli, manifest)
}

/** Was it pulled, and with these packages? What was asked for then stands at the end of `about`. */
function hasAll({ packages, about }: ImageManifest, wanted: readonly string[] = []): boolean {
  const words = about.split(', ')
  return packages.length > 0 && wanted.every((name) => words.includes(name))
}

function tellReady(cli: Cli, { name, about }: ImageManifest): void {
  cli.terminal.write(`${name} is ready: ${about}`)
  cli.terminal.note(`Boot it: godwit run vm1 --image ${name}`)
}
