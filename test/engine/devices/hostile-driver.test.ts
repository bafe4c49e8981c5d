// Laws for all kinds of virtio device at once: a driver may write whatever it likes to registers
// and rings, in any order, and nothing throws; what it is given stays within RAM; and the state
// that it has brought a device into can be captured and restored, byte for byte.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConsoleLine } from '#engine/devices/console-line.ts'
import { keyboard, pointer } from '#engine/devices/input-kinds.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { VirtioBalloon } from '#engine/devices/virtio-balloon.ts'
import { VirtioConsole } from '#engine/devices/virtio-console.ts'
import type { VirtioDevice } from '#engine/devices/virtio-device.ts'
import { VirtioInput } from '#engine/devices/virtio-input.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import type { Segment } from '#engine/devices/virtio-queue.ts'
import { VirtioRng } from '#engine/devices/virtio-rng.ts'
import type { Snapshotted } from '#engine/snapshots/vm-sections.ts'
import { Ram } from '../ram.ts'
import { VirtioDriver } from './virtio-driver.ts'

const ramBytes = 1 << 18
const [write, needsReset] = [2, 64]
/** Behind the rings, RAM is a list of its own page numbers: what a balloon is to read. */
const listAt = 0x4000
const pageList = new Uint8Array(
  Uint32Array.from({ length: (ramBytes - listAt) / 4 }, (_, n) => (ramGpa + 4 * n) / 4096).buffer,
)
const identity = {
  instanceId: '00112233-4455-6677-8899-aabbccddeeff',
  mac: '02:00:00:00:00:2a',
  randomSeed: 'ab'.repeat(32),
}

type Make = (
  line: ConsoleLine,
  release: (ranges: readonly Segment[]) => void,
) => VirtioDevice & Partial<Snapshotted>
const kinds: Readonly<Record<string, Make>> = {
  rng: () => new VirtioRng(identity),
  balloon: (_line, release) => new VirtioBalloon(ramBytes, release),
  console: (line) => new VirtioConsole(line),
  keyboard: () => withSomeEvents(new VirtioInput(keyboard)),
  pointer: () => withSomeEvents(new VirtioInput(pointer)),
}

/** Each time that the driver has set it up, somebody types. */
function withSomeEvents(device: VirtioInput): VirtioInput {
  const serve = device.serve.bind(device)
  device.serve = (queue, chain, dma) => {
    device.put(1, 30, 1)
    return serve(queue, chain, dma)
  }
  return device
}

function board(make: Make) {
  const ram = new Ram(ramBytes)
  ram.bytes.set(pageList, listAt)
  const line = new ConsoleLine()
  const released: Segment[] = []
  const device = make(line, (ranges) => released.push(...ranges))
  const transport = new VirtioMmio(2, device, ram, () => {})
  return { ram, line, released, device, transport, driver: new VirtioDriver(transport, ram) }
}

const registers = [
  ...[0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70],
  ...[0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0x100, 0x104, 0x108],
]
const inRam = fc.integer({ min: 0, max: ramBytes / 4096 - 1 }).map((page) => ramGpa + 4096 * page)
const anything = fc.integer({ min: 0, max: 0xffff_ffff })
const value = fc.oneof(fc.nat(16), inRam, anything)

interface Piece {
  readonly gpa: number
  readonly bytes: number
  readonly flags: number
  readonly next: number
}
type Act =
  | { readonly register: number; readonly value: number }
  | { readonly typed: string }
  /** A chain from descriptor 0 on, offered on a queue; each piece may lead elsewhere. */
  | { readonly queue: number; readonly pieces: readonly Piece[] }

const piece: fc.Arbitrary<Piece> = fc.record({
  gpa: fc.oneof({ weight: 8, arbitrary: inRam }, { weight: 1, arbitrary: value }),
  bytes: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(4, 16, 64, 4096) },
    { weight: 1, arbitrary: value },
  ),
  flags: fc.constantFrom(0, 0, write, write, 1, 1 | write, 4, 5),
  next: fc.nat(9),
})
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ register: fc.constantFrom(...registers), value }) },
  { weight: 1, arbitrary: fc.record({ typed: fc.string({ maxLength: 20 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      queue: fc.nat(5),
      pieces: fc.array(piece, { minLength: 1, maxLength: 4 }),
    }),
  },
)

/** A driver that does all of it; returns the board that is left. */
function play(make: Make, acts: readonly Act[]) {
  const made = board(make)
  const { driver, transport, line } = made
  const start = () => {
    driver.start(0)
    driver.start(driver.get(0x10), 5)
    return [0, 1, 2, 3, 4, 5].map((queue) => driver.queue(queue))
  }
  let queues = start()
  let typed = 0
  for (const one of acts) {
    if ('register' in one) transport.write(one.register, 4, one.value)
    else if ('typed' in one) typed = line.accept(typed, new TextEncoder().encode(one.typed))
    else {
      const on = queues[one.queue]
      for (const [index, { gpa, bytes, flags, next }] of one.pieces.entries())
        on?.describe(index, gpa, bytes, flags, next)
      on?.offer(0)
    }
    transport.serveAgain()
    line.takeOutput()
    if (driver.get(0x70) & needsReset) queues = start()
  }
  return made
}

for (const [kind, make] of Object.entries(kinds)) {
  test(`law: a driver of the ${kind} that writes whatever it likes breaks only itself`, () => {
    const check = (acts: readonly Act[]) => {
      const { device, transport, ram, released } = play(make, acts)
      for (const { gpa, bytes } of released)
        expect(gpa >= ramGpa && gpa + bytes <= ramGpa + ramBytes).toBe(true)
      const copy = board(make)
      copy.ram.bytes.set(ram.bytes)
      copy.transport.restore(transport.capture())
      expect(copy.transport.capture()).toEqual(transport.capture())
      const own = device.capture?.()
      if (own) copy.device.restore?.(own)
      expect(copy.device.capture?.()).toEqual(own)
    }
    fc.assert(fc.property(fc.array(act, { maxLength: 30 }), check), { numRuns: 200 })
  })
}
