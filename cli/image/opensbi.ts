// Firmware for guests that boot as on hardware: OpenSBI's `fw_dynamic` of Debian's package, which
// is told by who loads it where the next stage begins.
// Not here: how it is entered (engine/boot-layout.ts).

import type { DebianPackages, Package } from './debian-packages.ts'

const path = 'usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin'

export const downloadFirmware = (packages: DebianPackages): Promise<Package> =>
  packages.download('opensbi')

export const firmwareOf = (packages: DebianPackages, opensbi: Package): Promise<Uint8Array> =>
  packages.file(opensbi, path)
