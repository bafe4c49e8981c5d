// What Debian's own drivers make of our virtio devices besides disk and network: random numbers,
// the balloon and its reports, the second console; and that all of it goes on in a copy. Guest time
// is instruction-count time: every run is the same.

import { beforeAll, describe, expect, test } from 'vitest'
import { ConsoleVm, fileIn, pulledImage } from './console-vm.ts'

const folder = pulledImage('debian')
const mebibyte = 1 << 20
const ramBytes = 192 * mebibyte
const pagesOf = (mib: number) => (mib * mebibyte) / 4096
const limitMs = 120_000
/** Slices in which the balloon has to come to its target: it takes a few dozen. */
const stepsMax = 2000

function untilBalloonIs(vm: ConsoleVm, pages: number): void {
  for (let steps = 0; vm.machine.balloon.actualPages !== pages; steps++) {
    expect(steps).toBeLessThan(stepsMax)
    vm.step()
  }
}

describe.skipIf(folder === undefined)('Debian’s drivers', { timeout: limitMs }, () => {
  let linux: ConsoleVm

  beforeAll(() => {
    const [kernel, initrd] = ['kernel', 'initramfs'].map((file) => fileIn(folder ?? '', file)) as [
      Uint8Array,
      Uint8Array,
    ]
    linux = new ConsoleVm('quiet', { ramBytes })
    linux.machine.boot({ kernel, initrd })
    linux.machine.resume()
    linux.until('built-in shell')
    linux.say('until grep -q virtio_balloon /proc/modules; do sleep 1; done')
  }, limitMs)

  const touchedMib = () => linux.ram.touchedBytes() / mebibyte

  test('take random numbers from the device that is made for it', () => {
    expect(linux.say('cat /sys/class/misc/hw_random/rng_current')).toBe('virtio_rng.0')
    const draw = 'dd if=/dev/hwrng bs=16 count=1 2>/dev/null | od -x -A n'
    const [first, second] = [linux.say(draw), linux.say(draw)]
    expect(first).toMatch(/^([0-9a-f]{4} ?){8}$/)
    expect(second).not.toBe(first)
  })

  // Linux' driver of the generation id (VMGenID), since 6.10: no program of ours is needed for it.
  test('stir their random numbers anew when the VM has become another one', () => {
    const clone = linux.copy()
    const seeds = 'dmesg | grep -c "reseeded due to virtual machine fork"'
    expect(clone.say(seeds)).toBe('0')
    clone.machine.pause()
    const [instanceId, mac] = ['f0'.repeat(16), '02:00:00:00:00:2b']
    clone.machine.rebrand({ instanceId, mac, randomSeed: 'cd'.repeat(32) })
    clone.machine.resume()
    expect(clone.say(`sleep 1; ${seeds}`)).toBe('1')
    expect(linux.say(seeds)).toBe('0')
  })

  test('say how their memory stands, and again when they are asked', () => {
    const { balloon } = linux.machine
    const before = balloon.use
    expect(before?.totalBytes).toBeGreaterThan(100 * mebibyte)
    linux.say('dd if=/dev/zero of=/tmp/file bs=1M count=20 2>/dev/null')
    balloon.refreshUse()
    linux.say('true')
    expect((before?.freeBytes ?? 0) - (balloon.use?.freeBytes ?? 0)).toBeGreaterThan(15 * mebibyte)
    linux.say('rm /tmp/file')
  })

  test('report memory that is no longer used, which nothing then has to carry', () => {
    const before = touchedMib()
    linux.say('dd if=/dev/urandom of=/tmp/file bs=1M count=40 2>/dev/null')
    const full = touchedMib()
    linux.say('rm /tmp/file; sleep 10')
    expect(full - before).toBeGreaterThan(10)
    expect(full - touchedMib()).toBeGreaterThan(10)
  })

  test('blow the balloon up and let it down again, also in a copy made meanwhile', () => {
    linux.machine.balloon.targetPages = pagesOf(64)
    while (linux.machine.balloon.actualPages === 0) linux.step()
    const copy = linux.copy()
    for (const vm of [linux, copy]) untilBalloonIs(vm, pagesOf(64))
    const retired = Math.max(copy.machine.retired, linux.machine.retired)
    for (const vm of [linux, copy]) vm.upTo(retired)
    expect(copy.ram.fullHash()).toBe(linux.ram.fullHash())
    linux.machine.balloon.targetPages = 0
    untilBalloonIs(linux, 0)
  })

  test('write to the second console, which is the same line', () => {
    expect(linux.say('echo by way of hvc0 > /dev/hvc0')).toContain('by way of hvc0')
  })

  test('read from the second console when a shell is on it', () => {
    linux.type('sh -i </dev/hvc0 >/dev/hvc0 2>&1')
    linux.until('built-in shell')
    linux.until('# ')
    expect(linux.say('tty')).toBe('/dev/hvc0')
    // Its prompt, and behind the end of this shell that of the other.
    linux.until('# ')
    linux.type('exit')
    linux.until('# ')
    expect(linux.say('tty')).toBe('/dev/ttyS0')
  })
})
