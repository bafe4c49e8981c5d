// Debian with a screen: its own virtio input driver takes our keys, and the program that comes with
// the image shows the console they go to; and so in a copy. Guest time is instruction-count time.

import { beforeAll, describe, expect, test } from 'vitest'
import { screenGpa, screenPages } from '#engine/screen.ts'
import { devices, encodeEvents, keyEvents } from '#proto/screen-input.ts'
import { ConsoleVm, fileIn, pulledImage } from './console-vm.ts'

const folder = pulledImage('debian')
/** An image that was pulled before there were screens has nothing that shows a console. */
const isNew =
  folder !== undefined && Buffer.from(fileIn(folder, 'initramfs')).includes('bin/screen-console')
const size = { width: 320, height: 240 }
const ramBytes = 128 << 20
const pages = screenPages(size)
const limitMs = 120_000
const keys = { e: 18, c: 46, h: 35, o: 24, space: 57, enter: 28 } as const

describe.skipIf(!isNew)('Debian with a screen', { timeout: limitMs }, () => {
  let linux: ConsoleVm
  let done = 0

  beforeAll(() => {
    const [kernel, initrd] = ['kernel', 'initramfs'].map((file) => fileIn(folder ?? '', file)) as [
      Uint8Array,
      Uint8Array,
    ]
    linux = new ConsoleVm('quiet', { ramBytes, screen: size })
    linux.machine.boot({ kernel, initrd })
    linux.machine.resume()
    linux.until('built-in shell')
    linux.say('until grep -q . /dev/vcs1 && pidof screen-console; do sleep 1; done; sleep 2')
  }, limitMs)

  const type = (vm: ConsoleVm, ...names: (keyof typeof keys)[]) => {
    for (const name of names)
      for (const value of [1, 0] as const) {
        const events = encodeEvents(keyEvents(devices.keyboard, keys[name], value))
        const end = done + events.length
        while (done < end) {
          done = vm.machine.input(done, events.subarray(events.length - (end - done)), 'screen')
          vm.step()
        }
      }
  }

  /** How many pixels are not of the ground's colour. */
  const inkOf = ({ ram }: ConsoleVm) => {
    const bytes = new Uint8Array(pages * 4096)
    for (let page = 0; page < pages; page++)
      ram.readPage(ram.pageCount - pages + page, bytes.subarray(page * 4096, (page + 1) * 4096))
    const pixels = new Uint32Array(bytes.buffer, 0, size.width * size.height)
    return pixels.filter((pixel) => pixel !== 0x14191b).length
  }

  test('knows the keyboard and the pointer by name, and keeps the screen out of its memory', () => {
    const names = linux.say('cat /sys/class/input/input*/name')
    expect(names).toMatch(/Godwit keyboard\s+Godwit pointer/)
    const end = (screenGpa(ramBytes, size) - 1).toString(16)
    expect(linux.say('cat /proc/iomem')).toContain(`-${end} : System RAM`)
  })

  test('shows what is typed at its screen, in the letters of its console', () => {
    const before = inkOf(linux)
    expect(before).toBeGreaterThan(100)
    type(linux, 'e', 'c', 'h', 'o', 'space', 'h', 'o', 'h', 'o', 'enter')
    linux.say('sleep 1')
    expect(linux.say('cat /dev/vcs1')).toMatch(/# echo hoho\s+hoho\s+#/)
    // Eight letters and a prompt more, in two lines.
    expect(inkOf(linux) - before).toBeGreaterThan(100)
  })

  test('goes on in a copy, which shows the same', () => {
    const copy = linux.copy()
    expect(inkOf(copy)).toBe(inkOf(linux))
    type(copy, 'h', 'o')
    copy.say('sleep 1')
    expect(copy.say('cat /dev/vcs1')).toMatch(/hoho\s+# ho/)
  })
})
