// The image `debian`: Debian's own riscv64 kernel, as it is in the package, and an initial RAM disk
// with its BusyBox. Not here: how packages are fetched (debian-packages.ts), what is in the disk
// (debian-initramfs.ts), where images lie (image-folder.ts).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError, exitCode } from '../exit-code.ts'
import { debianInitramfs, moduleFiles } from './debian-initramfs.ts'
import { DebianPackages, type Package, suite } from './debian-packages.ts'
import type { ImageParts } from './image-folder.ts'

export const debianImage = 'debian'

/** @param say a line for the person who waits */
export async function buildDebian(
  workspace: string,
  say: (line: string) => void,
): Promise<ImageParts> {
  say(`Reading the package lists of Debian ${suite} for riscv64 …`)
  const packages = await DebianPackages.open(workspace)
  const kernelName = await packages.dependencyOf('linux-image-riscv64', /linux-image-[\w.+-]+/)
  say(`Fetching ${kernelName} (about 110 MB) and busybox-static …`)
  const linux = await packages.download(kernelName)
  const busybox = await packages.download('busybox-static')
  say('Building the image …')
  return assemble(packages, linux, busybox)
}

async function assemble(
  packages: DebianPackages,
  linux: Package,
  busybox: Package,
): Promise<ImageParts> {
  const modulePatterns = moduleFiles.map((name) => `*/${name}`)
  const linuxFolder = await packages.unpack(linux, ['./boot/vmlinux-*', ...modulePatterns])
  const busyboxFolder = await packages.unpack(busybox, ['*/bin/busybox'])
  const release = linux.name.replace('linux-image-', '')
  const about = `Debian ${suite}: Linux ${linux.version}, BusyBox ${busybox.version}`
  return {
    about,
    kernel: fileIn(linuxFolder, (path) => path.startsWith('boot/vmlinux-')),
    initramfs: debianInitramfs({
      busybox: fileIn(busyboxFolder, (path) => path.endsWith('bin/busybox')),
      modules: new Map(
        moduleFiles.map((name) => [name, fileIn(linuxFolder, (path) => path.endsWith(`/${name}`))]),
      ),
      banner: `${about}, a guest of Godwit. Kernel ${release}. The end: poweroff`,
    }),
    packages: [linux, busybox].map(({ name, version }) => ({ name, version })),
  }
}

function fileIn(folder: string, is: (path: string) => boolean): Uint8Array {
  const path = readdirSync(folder, { recursive: true }).map(String).find(is)
  if (path !== undefined) return readFileSync(join(folder, path))
  throw new CommandError(exitCode.failed, `Debian's package has another shape now: ${folder}`)
}
