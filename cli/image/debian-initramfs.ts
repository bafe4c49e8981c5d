// The system that the image `debian` boots into: BusyBox as init, with a shell on the serial line.
// Everything lies in RAM; a disk of the VM is /dev/vda.
// Not here: where BusyBox and the kernel's modules come from (debian.ts).

import { type CpioEntry, cpioArchive } from './cpio.ts'

export interface InitramfsParts {
  /** BusyBox, linked statically. */
  readonly busybox: Uint8Array
  /** Kernel modules by file name, in the order in which they are loaded. */
  readonly modules: ReadonlyMap<string, Uint8Array>
  /** The line that it greets with. */
  readonly banner: string
}

/** BusyBox's init: the first script, then a shell for ever, and an orderly end. */
const inittab = `::sysinit:/etc/start
ttyS0::respawn:-/bin/sh
::ctrlaltdel:/bin/reboot
::shutdown:/bin/sync
`

/** Links to all of BusyBox's programs are made by itself, in RAM. */
const start = (modules: Iterable<string>) => `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
hostname godwit
${[...modules].map((name) => `insmod /lib/modules/${name}\n`).join('')}cat /etc/banner
`

const profile = `export PATH=/bin HOME=/root TERM=vt100 PS1='# '
cd /root
`

export function debianInitramfs({ busybox, modules, banner }: InitramfsParts): Uint8Array {
  const text = (path: string, content: string, mode = 0o644): CpioEntry => ({
    ...{ kind: 'file', path, mode },
    bytes: new TextEncoder().encode(content),
  })
  const folders = ['bin', 'dev', 'etc', 'lib', 'lib/modules', 'proc', 'root', 'sys', 'tmp']
  return cpioArchive([
    ...folders.map((path): CpioEntry => ({ kind: 'folder', path })),
    // The kernel opens it for init before anything is mounted.
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', path: 'bin/busybox', mode: 0o755, bytes: busybox },
    { kind: 'link', path: 'bin/sh', to: 'busybox' },
    { kind: 'link', path: 'init', to: 'bin/busybox' },
    ...[...modules].map(
      ([name, bytes]): CpioEntry => ({
        ...{ kind: 'file', path: `lib/modules/${name}`, mode: 0o644 },
        bytes,
      }),
    ),
    text('etc/inittab', inittab),
    text('etc/start', start(modules.keys()), 0o755),
    text('etc/profile', profile),
    text('etc/banner', `\n${banner}\n`),
  ])
}
