// U-Boot, a system that is neither Linux nor ours, as Debian builds it: at its shell it finds our
// machine, reads our disk, resets it and switches it off, booted both ways. The image is the one
// that `godwit image pull u-boot` has built on this machine.

import { beforeAll, describe, expect, test } from 'vitest'
import type { BootImage } from '#engine/boot-layout.ts'
import { ConsoleVm, fileIn, pulledImage } from './console-vm.ts'
import { TestDisk } from './machine-rig.ts'

const folder = pulledImage('u-boot')
const bootMsMax = 60_000
const prompt = '=> '

describe.skipIf(folder === undefined).each(['paravirtualised', 'unmodified'] as const)(
  'U-Boot, %s',
  (boot) => {
    const disk = new TestDisk(4 << 20)
    let image: BootImage
    let uBoot: ConsoleVm

    /** Keeps it from booting on, by a line that does nothing. */
    const toPrompt = () => {
      uBoot.until('stop autoboot')
      uBoot.type('')
      uBoot.until(prompt)
    }
    const say = (command: string) => {
      uBoot.type(command)
      return uBoot.until(prompt)
    }

    beforeAll(() => {
      const from = folder ?? ''
      image = { kernel: fileIn(from, 'kernel'), firmware: fileIn(from, 'firmware') }
      disk.bytes.set(new TextEncoder().encode('first block'))
      uBoot = new ConsoleVm('', { ramBytes: 64 << 20, boot }, disk)
      uBoot.machine.boot(image)
      uBoot.machine.resume()
      toPrompt()
    }, bootMsMax)

    test('comes to its shell and knows its machine', () => {
      expect(say('version')).toContain('U-Boot 20')
      const found = say('bdinfo')
      expect(found).toContain('start    = 0x0000000080000000')
      expect(found).toContain('size     = 0x0000000004000000')
    })

    test('reads the virtio disk', () => {
      expect(say('virtio scan; virtio info')).toContain('4.0 MB')
      say('virtio read 0x82000000 0 1')
      expect(say('md.b 0x82000000 10')).toContain('first block')
    })

    test('resets the machine, and is there again', () => {
      uBoot.type('reset')
      while (uBoot.step().kind !== 'reset') uBoot.step()
      uBoot.machine.reboot(image)
      toPrompt()
      expect(say('version')).toContain('U-Boot 20')
    })

    test('switches the VM off', () => {
      uBoot.type('poweroff')
      uBoot.until('never printed')
      expect(uBoot.machine.end).toMatchObject({ reason: 'shut-down' })
    })
  },
)
