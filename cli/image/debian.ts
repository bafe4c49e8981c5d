// The image `debian`: Debian's own riscv64 kernel, as it is in the package, an initial RAM disk
// with its BusyBox, and its firmware for who boots it as on hardware. Not here: how packages are
// fetched (debian-packages.ts), what is in the disk (debian-initramfs.ts), where images lie
// (image-folder.ts).

import { readFileSync } from 'node:fs'
import { mebibyte } from '#proto/units.ts'
import { memoryMibMax } from '#proto/vm-spec.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import type { CpioEntry } from './cpio.ts'
import { debianInitramfs, moduleFiles } from './debian-initramfs.ts'
import { DebianPackages, fileIn, type Package, suite, versionsOf } from './debian-packages.ts'
import type { ImageParts } from './image-folder.ts'
import { downloadFirmware, firmwareOf } from './opensbi.ts'
import { treeBytes, treeEntries } from './package-tree.ts'

const screenConsole = new URL('../../engine/guests/screen-console', import.meta.url)

/** The kernel keeps about 66 MiB for itself. */
const memoryMibDefault = 128
const memoryMibStep = 32

/**
 * @param say a line for the person who waits
 * @param wanted packages that it is to have besides, with all that they need
 */
export async function buildDebian(
  workspace: string,
  say: (line: string) => void,
  signal: AbortSignal,
  wanted: readonly string[] = [],
): Promise<ImageParts> {
  say(`Reading the package lists of Debian ${suite} for riscv64 …`)
  const packages = await DebianPackages.open(workspace, signal)
  const kernelName = await packages.dependencyOf('linux-image-riscv64', /linux-image-[\w.+-]+/)
  say(`Fetching ${kernelName} (about 110 MB), busybox-static and opensbi …`)
  const linux = await packages.download(kernelName)
  const busybox = await packages.download('busybox-static')
  const opensbi = await downloadFirmware(packages)
  const more = wanted.length > 0 ? await fetchMore(packages, wanted, say) : undefined
  say('Building the image …')
  return {
    ...(await assemble(packages, linux, busybox, more)),
    firmware: await firmwareOf(packages, opensbi),
    memoryMibDefault: more ? memoryMibFor(more.entries) : memoryMibDefault,
    packages: versionsOf([linux, busybox, opensbi, ...(more?.packages ?? [])]),
  }
}

interface More {
  readonly words: string
  readonly packages: readonly Package[]
  readonly entries: readonly CpioEntry[]
}

async function fetchMore(
  from: DebianPackages,
  wanted: readonly string[],
  say: (line: string) => void,
): Promise<More> {
  say(`Fetching ${wanted.join(', ')} with all that they need …`)
  const packages = await from.downloadWithNeeds(wanted)
  const entries = treeEntries(await from.unpackAll(packages))
  return { words: wanted.join(', '), packages, entries }
}

/**
 * While it boots, the disk is there twice, and Linux lets files fill half of the RAM that is left
 * beside the first copy. (Packed by zstd it would be a third of that, and boot in 21 s, not 6.)
 */
function memoryMibFor(entries: readonly CpioEntry[]): number {
  const treeMib = treeBytes(entries) / mebibyte
  const least = memoryMibDefault + 3.05 * treeMib
  const neededMib = Math.ceil(least / memoryMibStep) * memoryMibStep
  if (neededMib <= memoryMibMax) return neededMib
  throw new CommandError(
    exitCode.failed,
    `All of it lies in RAM, and a VM would need ${neededMib} MiB: ` +
      `more than ${memoryMibMax} there are not. Ask for less.`,
  )
}

async function assemble(
  packages: DebianPackages,
  linux: Package,
  busybox: Package,
  more?: More,
): Promise<Pick<ImageParts, 'about' | 'kernel' | 'initramfs'>> {
  const modulePatterns = moduleFiles.map((name) => `*/${name}`)
  const linuxFolder = await packages.unpack(linux, ['./boot/vmlinux-*', ...modulePatterns])
  const busyboxFolder = await packages.unpack(busybox, ['*/bin/busybox'])
  const release = linux.name.replace('linux-image-', '')
  const base = `Debian ${suite}: Linux ${linux.version}, BusyBox ${busybox.version}`
  const about = more ? `${base}, ${more.words}` : base
  return {
    about,
    kernel: fileIn(linuxFolder, (path) => path.startsWith('boot/vmlinux-')),
    initramfs: debianInitramfs({
      busybox: fileIn(busyboxFolder, (path) => path.endsWith('bin/busybox')),
      modules: new Map(
        moduleFiles.map((name) => [name, fileIn(linuxFolder, (path) => path.endsWith(`/${name}`))]),
      ),
      screenConsole: readFileSync(screenConsole),
      ...(more && { programs: more.entries }),
      banner: `${about}, a guest of Godwit. Kernel ${release}. The end: poweroff`,
    }),
  }
}
