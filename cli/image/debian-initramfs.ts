// The system that the image `debian` boots into: BusyBox as init, with a session on the serial
// line. Everything lies in RAM; a disk of the VM is /dev/vda, and vfat is there for who mounts one
// (ext4 is not: its module alone is 7 MB of RAM, and 2,200 million instructions to load).
// Not here: where BusyBox and the kernel's modules come from (debian.ts).
// What the shell does not wait for (network, random numbers, balloon) begins beside it.

import { type CpioEntry, cpioArchive } from './cpio.ts'

export interface InitramfsParts {
  /** BusyBox, linked statically. */
  readonly busybox: Uint8Array
  /** Kernel modules by file name. */
  readonly modules: ReadonlyMap<string, Uint8Array>
  /** Shows a console on the screen of a VM that has one (engine/guests/linux). */
  readonly screenConsole: Uint8Array
  /** The line that it greets with. */
  readonly banner: string
  /** Of Debian's packages: its own programs come before BusyBox's of the same name. */
  readonly programs?: readonly CpioEntry[]
}

/** What the scripts load, by the kernel's names: in the order of loading, each after its needs. */
const modules = {
  transport: ['virtio_mmio'],
  block: ['virtio_blk'],
  network: ['failover', 'net_failover', 'virtio_net'],
  random: ['virtio-rng'],
  balloon: ['virtio_balloon'],
  input: ['virtio_input'],
  vfat: ['fat', 'nls_cp437', 'nls_ascii', 'vfat'],
} as const

const fileOf = (module: string) => `${module}.ko.xz`
/** Files that `InitramfsParts.modules` must hold. */
export const moduleFiles: readonly string[] = Object.values(modules).flat().map(fileOf)

const load = (names: readonly string[]) =>
  names.map((name) => `insmod /lib/modules/${fileOf(name)}`).join('; ')

/** BusyBox's init: the first script, then sessions for ever, and an orderly end. */
const inittab = `::sysinit:/etc/start
ttyS0::respawn:/etc/session
::ctrlaltdel:/bin/reboot
::shutdown:/bin/sync
::shutdown:/bin/umount -a -r
`

/**
 * Links to all of BusyBox's programs are made by itself, in RAM, where there is none of that name.
 * Numbers: virtio device ids.
 */
const start = `#!/bin/busybox sh
/bin/busybox --install -s /bin 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
serial=$(cut -c 1-8 /proc/device-tree/serial-number 2>/dev/null)
hostname godwit\${serial:+-$serial}
${load(modules.transport)}
later=
for device in /sys/bus/virtio/devices/*; do
  case $(cat "$device/device" 2>/dev/null) in
    0x0001) later="$later network" ;;
    0x0002) ${load(modules.block)} ;;
    0x0004) later="$later random" ;;
    0x0005) later="$later balloon" ;;
  esac
done
for screen in /proc/device-tree/chosen/framebuffer@*; do
  [ -e "$screen/reg" ] && later="$later screen"
done
/etc/later $later >/dev/null 2>&1 &
cat /etc/banner
`

const later = `#!/bin/sh
ip link set lo up
for what; do
  case $what in
    network)
      ${load(modules.network)}
      /etc/network
      /etc/link-watch & ;;
    random) ${load(modules.random)} ;;
    balloon) ${load(modules.balloon)} ;;
    screen)
      ${load(modules.input)}
      /etc/screen & ;;
  esac
done
`

const network = `#!/bin/sh
ip link set eth0 up
udhcpc -b -i eth0 -A 3 -x "hostname:$(hostname)"
`

/**
 * A clone finds its link down for a moment (docs/network.md): it asks whether its address is still
 * right. Reading a pipe that says nothing waits without starting a process each time.
 */
const linkWatch = `#!/bin/sh
mkfifo /run/silence
exec 3<>/run/silence
link=/sys/class/net/eth0/carrier_changes
read before < $link
while :; do
  read -t 2 nothing <&3
  read now < $link && [ "$now" != "$before" ] || continue
  before=$now
  killall -USR1 udhcpc
done
`

/** The VM is another one than before: only a driver that begins anew reads its new MAC address. */
const newIdentity = `#!/bin/sh
killall udhcpc
cd /sys/bus/virtio/drivers/virtio_net || exit
card=$(basename "$(readlink -f /sys/class/net/eth0/device)")
echo "$card" > unbind
echo "$card" > bind
/etc/network
`

/** What udhcpc has been told: $1 is the event, the rest comes as variables (RFC 2132's options). */
const lease = `#!/bin/sh
case $1 in
  deconfig)
    ip -4 addr flush dev "$interface"
    ip link set "$interface" up ;;
  bound | renew)
    ip -4 addr flush dev "$interface"
    ip addr add "$ip/\${mask:-24}" broadcast + dev "$interface"
    for gateway in $router; do ip route add default via "$gateway" dev "$interface"; break; done
    for server in $dns; do echo "nameserver $server"; done > /etc/resolv.conf
    [ -n "$hostname" ] && hostname "$hostname" ;;
  nak) /etc/new-identity & ;;
esac
exit 0
`

/** Root is let in once, as on a console that is the operator's; after \`exit\` one logs in. */
const session = `#!/bin/sh
[ -e /run/greeted ] && exec getty -L 115200 ttyS0 vt100
touch /run/greeted
exec login -f root
`

/** The first virtual terminal: its letters go to the screen, and keys come to it from there. */
const screen = `#!/bin/sh
for screen in /proc/device-tree/chosen/framebuffer@*; do /bin/screen-console "$screen" & done
while :; do setsid -c login -f root < /dev/tty1 > /dev/tty1 2>&1; done
`

/** The kernel asks for a file system's module when one is mounted. */
const modprobe = `#!/bin/sh
case $* in
  *fs-vfat*) ${load(modules.vfat)} ;;
  *) exit 1 ;;
esac
`

const profile = `export PATH=/bin:/sbin HOME=/root TERM=vt100 PS1='# '
`

const folders = [
  ...['bin', 'dev', 'etc', 'etc/udhcpc', 'lib', 'lib/modules', 'mnt', 'proc', 'root', 'run'],
  ...['sbin', 'sys', 'tmp'],
]

export function debianInitramfs(parts: InitramfsParts): Uint8Array {
  const file = (path: string, bytes: Uint8Array, mode: number): CpioEntry => ({
    ...{ kind: 'file', path, bytes, mode },
  })
  const text = (path: string, content: string, mode = 0o644) =>
    file(path, new TextEncoder().encode(content), mode)
  const own: CpioEntry[] = [
    ...folders.map((path): CpioEntry => ({ kind: 'folder', path })),
    // The kernel opens it for init before anything is mounted.
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    file('bin/busybox', parts.busybox, 0o755),
    file('bin/screen-console', parts.screenConsole, 0o755),
    { kind: 'link', path: 'bin/sh', to: 'busybox' },
    { kind: 'link', path: 'init', to: 'bin/busybox' },
    ...[...parts.modules].map(([name, bytes]) => file(`lib/modules/${name}`, bytes, 0o644)),
    text('etc/inittab', inittab),
    // What mount tries when it is told no kind: asking for it brings its module.
    text('etc/filesystems', 'vfat\n'),
    text('etc/passwd', 'root::0:0:root:/root:/bin/sh\n'),
    text('etc/group', 'root:x:0:\n'),
    text('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'),
    text('etc/start', start, 0o755),
    text('etc/later', later, 0o755),
    text('etc/session', session, 0o755),
    text('etc/screen', screen, 0o755),
    text('etc/network', network, 0o755),
    text('etc/link-watch', linkWatch, 0o755),
    text('etc/new-identity', newIdentity, 0o755),
    text('etc/udhcpc/default.script', lease, 0o755),
    text('sbin/modprobe', modprobe, 0o755),
    text('etc/profile', profile),
    text('etc/banner', `\n${parts.banner}\n`),
  ]
  return cpioArchive(parts.programs ? merged(parts.programs, own) : own)
}

/** Debian's packages have all of their programs below /usr: what is ours goes there as well. */
function merged(programs: readonly CpioEntry[], own: readonly CpioEntry[]): CpioEntry[] {
  const roots = ['bin', 'lib', 'sbin']
  const isRoot = ({ path }: CpioEntry) => roots.includes(path)
  const below = (entry: CpioEntry): CpioEntry => {
    const [root = ''] = entry.path.split('/')
    return roots.includes(root) ? { ...entry, path: `usr/${entry.path}` } : entry
  }
  return [
    ...['usr', ...roots.map((root) => `usr/${root}`)].map(
      (path): CpioEntry => ({ kind: 'folder', path }),
    ),
    ...roots.map((root): CpioEntry => ({ kind: 'link', path: root, to: `usr/${root}` })),
    ...programs.filter((entry) => !isRoot(entry)),
    ...own.filter((entry) => !isRoot(entry)).map(below),
  ]
}
