// The image `u-boot`: the boot loader U-Boot with its shell, as Debian builds it for S-mode: a
// guest that is neither Linux nor ours. Not here: how packages are fetched (debian-packages.ts).

import { DebianPackages, suite, versionsOf } from './debian-packages.ts'
import type { ImageParts } from './image-folder.ts'
import { downloadFirmware, firmwareOf } from './opensbi.ts'

const path = 'usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin'
/** It keeps half of it for itself and its heap. */
const memoryMibDefault = 64

/** @param say a line for the person who waits */
export async function buildUBoot(
  workspace: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ImageParts> {
  say(`Reading the package lists of Debian ${suite} for riscv64 …`)
  const packages = await DebianPackages.open(workspace, signal)
  say('Fetching u-boot-qemu (about 3 MB) and opensbi …')
  const uBoot = await packages.download('u-boot-qemu')
  const opensbi = await downloadFirmware(packages)
  return {
    about: `U-Boot ${uBoot.version}, with its shell`,
    kernel: await packages.file(uBoot, path),
    firmware: await firmwareOf(packages, opensbi),
    memoryMibDefault,
    packages: versionsOf([uBoot, opensbi]),
  }
}
