// Debian with programs of Debian in it, as `godwit image pull debian --with bc` builds it: programs
// that nobody here compiled, linked to Debian's own libraries.

import { beforeAll, describe, expect, test } from 'vitest'
import { ConsoleVm, fileIn, pulledImage } from './console-vm.ts'

const folder = pulledImage('debian-bc')

// skipped: where the image was not pulled
describe.skipIf(folder === undefined)('Debian Linux with packages', () => {
  let linux: ConsoleVm

  beforeAll(() => {
    linux = new ConsoleVm('quiet', { ramBytes: 160 << 20 })
    const from = folder ?? ''
    linux.machine.boot({ kernel: fileIn(from, 'kernel'), initrd: fileIn(from, 'initramfs') })
    linux.machine.resume()
    linux.until('built-in shell')
  }, 120_000)

  test('runs its own program, not BusyBox’s of the same name', () => {
    expect(linux.say('bc --version | head -1')).toMatch(/^bc 1\./)
    expect(linux.say("echo 'scale=30; 4*a(1)' | bc -l")).toBe('3.141592653589793238462643383276')
  })

  test('and BusyBox’s where it has none', () => {
    expect(linux.say('readlink /bin/ls')).toMatch(/busybox$/)
  })
})
