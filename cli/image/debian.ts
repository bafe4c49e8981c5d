// The image `debian`: Debian's own riscv64 kernel, as it is in the package, an initial RAM disk
// with its BusyBox, and its firmware for who boots it as on hardware. Not here: how packages are
// fetched (debian-packages.ts), what is in the disk (debian-initramfs.ts), where images lie
// (image-folder.ts).

import { readFileSync } from 'node:fs'
import { debianInitramfs, moduleFiles } from './debian-initramfs.ts'
import { DebianPackages, fileIn, type Package, suite, versionsOf } from './debian-packages.ts'
import type { ImageParts } from './image-folder.ts'
import { downloadFirmware, firmwareOf } from './opensbi.ts'

const screenConsole = new URL('../../engine/guests/screen-console', import.meta.url)

/** The kernel keeps about 66 MiB for itself. */
const memoryMibDefault = 128
/** @param say a line for the person who waits */
export async function buildDebian(
  workspace: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ImageParts> {
  say(`Reading the package lists of Debian ${suite} for riscv64 …`)
  const packages = await DebianPackages.open(workspace, signal)
  const kernelName = await packages.dependencyOf('linux-image-riscv64', /linux-image-[\w.+-]+/)
  say(`Fetching ${kernelName} (about 110 MB), busybox-static and opensbi …`)
  const linux = await packages.download(kernelName)
  const busybox = await packages.download('busybox-static')
  const opensbi = await downloadFirmware(packages)
  say('Building the image …')
  return {
    ...(await assemble(packages, linux, busybox)),
    firmware: await firmwareOf(packages, opensbi),
    memoryMibDefault,
    packages: versionsOf([linux, busybox, opensbi]),
  }
}

async function assemble(
  packages: DebianPackages,
  linux: Package,
  busybox: Package,
): Promise<Pick<ImageParts, 'about' | 'kernel' | 'initramfs'>> {
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
      screenConsole: readFileSync(screenConsole),
      banner: `${about}, a guest of Godwit. Kernel ${release}. The end: poweroff`,
    }),
  }
}
