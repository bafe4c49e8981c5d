// Debian's kernel on our machine, booted both ways: from its first instruction to a shell, on as a
// copy, and once more after a reboot. The image is the one that `godwit image pull debian` has
// built on this machine; without it there is nothing to boot.

import { beforeAll, describe, expect, test } from 'vitest'
import type { BootImage } from '#engine/boot-layout.ts'
import { ConsoleVm, fileIn, pulledImage } from './console-vm.ts'
import { TestDisk } from './machine-rig.ts'

const folder = pulledImage('debian')
const ramBytes = 128 << 20
const diskBytes = 4 << 20
const bootMsMax = 120_000

const imageIn = (from: string): BootImage => ({
  kernel: fileIn(from, 'kernel'),
  initrd: fileIn(from, 'initramfs'),
  firmware: fileIn(from, 'firmware'),
})

describe.skipIf(folder === undefined).each([
  ['paravirtualised', 'SBI implementation ID=0x47445754'],
  ['unmodified', 'SBI implementation ID=0x1 '],
] as const)('Debian Linux, %s', (boot, sbi) => {
  let linux: ConsoleVm
  let image: BootImage
  const disk = new TestDisk(diskBytes)

  beforeAll(() => {
    image = imageIn(folder ?? '')
    linux = new ConsoleVm('quiet', { ramBytes, boot }, disk)
    linux.machine.boot(image)
    linux.machine.resume()
    linux.until('built-in shell')
  }, bootMsMax)

  test('runs as the machine that the device tree tells of', () => {
    expect(linux.say('uname -m')).toBe('riscv64')
    expect(linux.say('grep ^isa /proc/cpuinfo')).toContain('rv64imafdc')
    expect(linux.say('cat /proc/cmdline')).toBe('quiet')
    expect(linux.say('hostname')).toBe('godwit-00112233')
    // Its programs read the clock without asking the kernel.
    expect(linux.say('time true')).toMatch(/real\t0m/)
  })

  test('is answered by whom it was booted with', () => {
    expect(linux.say('dmesg | grep "SBI impl"')).toContain(sbi)
  })

  test('writes to its disk and reads it back', () => {
    linux.say('echo written by Linux | dd of=/dev/vda conv=fsync 2>/dev/null')
    expect(new TextDecoder().decode(disk.bytes.subarray(0, 16))).toBe('written by Linux')
    expect(disk.flushes).toBeGreaterThan(0)
    expect(linux.say('dd if=/dev/vda bs=16 count=1 2>/dev/null')).toBe('written by Linux')
  })

  // A second of loading modules: once is enough.
  test.runIf(boot === 'paravirtualised')('makes a file system, and finds its files again', () => {
    linux.say('mkdosfs /dev/vda; mount /dev/vda /mnt; echo kept > /mnt/file; umount /mnt')
    expect(linux.say('mount /dev/vda /mnt && cat /mnt/file')).toBe('kept')
    linux.say('umount /mnt')
  })

  test('lets root in at once, and whoever comes after by name', () => {
    linux.type('exit')
    linux.until('login: ')
    linux.type('root')
    linux.until('built-in shell')
    expect(linux.say('id -un')).toBe('root')
  })

  test('goes on as a copy in the middle of a shell loop, instruction for instruction', () => {
    linux.type('i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo tick $i; done; echo all""-told')
    linux.until('tick 7\r')
    const other = linux.copy(new TestDisk(diskBytes))
    expect(other.until('all-told')).toBe(linux.until('all-told'))
    const retired = Math.max(other.machine.retired, linux.machine.retired)
    for (const each of [linux, other]) each.upTo(retired)
    expect(other.ram.fullHash()).toBe(linux.ram.fullHash())
  })

  test(
    'reboots with what is on its disk, and that alone',
    () => {
      linux.say('echo kept | dd of=/dev/vda conv=fsync 2>/dev/null; echo lost > /tmp/file')
      linux.type('reboot')
      while (linux.step().kind !== 'reset') linux.step()
      linux.machine.reboot(image)
      linux.until('built-in shell')
      expect(linux.say('head -n 1 /dev/vda; ls /tmp')).toBe('kept')
    },
    bootMsMax,
  )

  test('powers the VM off', () => {
    linux.type('poweroff')
    linux.until('never printed')
    expect(linux.machine.end).toMatchObject({ reason: 'shut-down' })
  })
})
