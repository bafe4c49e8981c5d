// The network device against VIRTIO 1.2, section 5.1, by a small driver; and what a hostile one may
// say.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { receiveQueue, transmitQueue, VirtioNet } from '#engine/devices/virtio-net.ts'
import { Ram } from '../ram.ts'
import { VirtioDriver } from './virtio-driver.ts'

const [featureMtu, featureMac, featureStatus] = [1 << 3, 1 << 5, 1 << 16]
const mac = '02:00:00:00:00:2a'
const otherMac = '02:00:00:00:00:2b'
const [interruptUsed, interruptConfig, needsReset] = [1, 2, 64]
const registers = { interruptStatus: 0x60, acknowledge: 0x64, status: 0x70, config: 0x100 }
const headerBytes = 12
const bufferBytes = headerBytes + 1518
const [sendAt, receiveAt] = [0x8000, 0x10000]

function board() {
  const ram = new Ram(1 << 20)
  const net = new VirtioNet(mac)
  const seen = { interrupt: false }
  const device = new VirtioMmio(1, net, ram, (level) => {
    seen.interrupt = level
  })
  const driver = new VirtioDriver(device, ram)
  const [receiver, sender] = [driver.queue(receiveQueue), driver.queue(transmitQueue)]
  return { ram, net, device, driver, receiver, sender, seen }
}

function started() {
  const made = board()
  made.driver.start(featureMtu | featureMac | featureStatus, 2)
  return made
}

/** A frame whose bytes say which one it is. */
const frameOf = (nth: number, bytes = 60) => new Uint8Array(bytes).fill(nth)

/** Sends a frame behind an empty header, as the driver of Linux does: in one descriptor. */
function send({ ram, sender }: ReturnType<typeof board>, frame: Uint8Array): void {
  ram.bytes.fill(0, sendAt, sendAt + headerBytes)
  ram.bytes.set(frame, sendAt + headerBytes)
  sender.chain([{ at: sendAt, bytes: headerBytes + frame.length, write: false }])
  sender.offer(0)
}

/** Lends `count` buffers, one descriptor each. */
function lend({ receiver }: ReturnType<typeof board>, count: number, bytes = bufferBytes): void {
  for (let n = 0; n < count; n++) {
    receiver.describe(n, ramGpa + receiveAt + n * bufferBytes, bytes, 2)
    receiver.offer(n, n === count - 1)
  }
}

const received = ({ ram, receiver }: ReturnType<typeof board>, nth: number) => {
  const at = receiveAt + nth * bufferBytes
  return ram.bytes.slice(at, at + receiver.written(nth))
}

describe('what the driver finds (5.1.3, 5.1.4)', () => {
  test('a network card with its address, a link that is up, and an MTU of 1,500', () => {
    const { driver, device } = board()
    expect(driver.get(8)).toBe(1)
    const read = (offset: number, size: number) => device.read(registers.config + offset, size)
    expect([0, 1, 2, 3, 4, 5].map((n) => read(n, 1))).toEqual([2, 0, 0, 0, 0, 0x2a])
    expect(read(6, 2)).toBe(1)
    expect(read(10, 2)).toBe(1500)
    expect(driver.get(0x10)).toBe((featureMtu | featureMac | featureStatus | (3 << 28)) >>> 0)
  })
})

test('a driver without VERSION_1, whose headers are shorter, is refused', () => {
  const { driver } = board()
  driver.start(featureMac, 2, 0)
  expect(driver.get(registers.status) & 8).toBe(0)
})

describe('frames of the guest (5.1.6.2)', () => {
  test('leave without their header, in order, once', () => {
    const made = started()
    send(made, frameOf(1))
    send(made, frameOf(2, 1518))
    expect(made.net.takeFrames()).toEqual([frameOf(1), frameOf(2, 1518)])
    expect(made.net.takeFrames()).toBeUndefined()
    expect(made.sender.used).toBe(2)
    expect(made.driver.get(registers.interruptStatus)).toBe(interruptUsed)
  })

  test('may be cut into pieces, the header too', () => {
    const made = started()
    made.ram.bytes.set(frameOf(7, 100), sendAt + headerBytes)
    made.sender.chain([
      { at: sendAt, bytes: 5, write: false },
      { at: sendAt + 5, bytes: 20, write: false },
      { at: sendAt + 25, bytes: 87, write: false },
    ])
    made.sender.offer(0)
    expect(made.net.takeFrames()).toEqual([frameOf(7, 100)])
  })

  test('are kept apart from what is sent after they were taken', () => {
    const made = started()
    send(made, frameOf(1))
    const first = made.net.takeFrames()
    send(made, frameOf(2))
    expect(first).toEqual([frameOf(1)])
  })

  test('that no Ethernet carries are lost and counted, and the device goes on', () => {
    const made = started()
    send(made, frameOf(1, 13))
    send(made, frameOf(1, 1519))
    send(made, frameOf(1, 14))
    expect(made.net.takeFrames()).toEqual([frameOf(1, 14)])
    expect(made.net.takeLost()).toBe(2)
    expect(made.sender.used).toBe(3)
  })

  test('that nobody takes are lost from some number on, and the slice should end before', () => {
    const made = started()
    for (let n = 0; n < 1000; n++) {
      if (made.net.isFull) break
      send(made, frameOf(n & 0xff))
    }
    expect(made.net.isFull).toBe(true)
    for (let n = 0; n < 1000; n++) send(made, frameOf(9))
    expect(made.net.takeFrames()?.length).toBe(320)
    expect(made.net.takeLost()).toBe(64 + 1000 - 320)
    expect(made.net.isFull).toBe(false)
  })
})

describe('frames for the guest (5.1.6.3)', () => {
  test('fill the buffers that were lent, behind a header that names one buffer', () => {
    const made = started()
    lend(made, 2)
    expect(made.receiver.used).toBe(0)
    expect(made.net.receive([frameOf(3), frameOf(4, 1518)])).toBe(2)
    const header = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)
    expect(received(made, 0)).toEqual(Uint8Array.of(...header, ...frameOf(3)))
    expect(received(made, 1)).toEqual(Uint8Array.of(...header, ...frameOf(4, 1518)))
    expect(made.seen.interrupt).toBe(true)
  })

  test('wait for buffers, in order, and come when some are lent', () => {
    const made = started()
    made.net.receive([frameOf(1), frameOf(2), frameOf(3)])
    expect(made.receiver.used).toBe(0)
    lend(made, 3)
    expect([0, 1, 2].map((n) => received(made, n)[headerBytes])).toEqual([1, 2, 3])
  })

  test('that come while 256 wait are lost: the newest', () => {
    const made = started()
    const many = Array.from({ length: 300 }, (_, n) => frameOf(n & 0xff))
    expect(made.net.receive(many)).toBe(256)
    expect(made.net.receive([frameOf(0)])).toBe(0)
    lend(made, 8)
    expect(received(made, 7)[headerBytes]).toBe(7)
  })

  test('are lost while there is no driver, and when the driver resets the device', () => {
    const made = board()
    expect(made.net.receive([frameOf(1)])).toBe(0)
    made.driver.start(featureMac, 2)
    expect(made.net.receive([frameOf(2)])).toBe(1)
    made.driver.start(featureMac, 2)
    lend(made, 1)
    expect(made.receiver.used).toBe(0)
  })
})

describe('a VM that becomes another one', () => {
  test('finds another address, and its link down until it has looked, then up', () => {
    const made = started()
    const link = () => made.device.read(registers.config + 6, 2)
    made.net.rebrand(otherMac)
    expect(made.device.read(registers.config + 5, 1)).toBe(0x2b)
    expect(made.driver.get(registers.interruptStatus)).toBe(interruptConfig)
    made.driver.set(registers.acknowledge, interruptConfig)
    expect(link()).toBe(0)
    expect(made.driver.get(registers.interruptStatus)).toBe(interruptConfig)
    expect(link()).toBe(1)
  })

  test('is told also when it is moved before its driver has looked', () => {
    const [made, copy] = [started(), board()]
    made.net.rebrand(otherMac)
    copy.device.restore(made.device.capture())
    copy.net.restore(made.net.capture())
    expect(copy.driver.get(registers.interruptStatus)).toBe(interruptConfig)
    expect(copy.device.read(registers.config + 6, 2)).toBe(0)
  })
})

test('a copy goes on with the same queues; frames in flight are lost, and only those', () => {
  const [made, copy] = [started(), board()]
  send(made, frameOf(1))
  made.net.receive([frameOf(2)])
  lend(made, 1)
  made.net.receive([frameOf(3)])
  const sections = [made.device.capture(), made.net.capture()] as const
  copy.ram.bytes.set(made.ram.bytes)
  copy.device.restore(sections[0])
  copy.net.restore(sections[1])
  expect([copy.device.capture(), copy.net.capture()]).toEqual(sections)
  expect(copy.net.takeFrames()).toBeUndefined()
  copy.receiver.describe(1, ramGpa + receiveAt, bufferBytes, 2)
  copy.ram.view.setUint16(0x2000 + 4 + 2, 1, true)
  copy.ram.view.setUint16(0x2002, 2, true)
  copy.net.receive([frameOf(4)])
  expect(copy.receiver.used).toBe(2)
  expect(copy.ram.bytes[receiveAt + headerBytes]).toBe(4)
})

describe('a hostile driver', () => {
  test('that sends less than a header, or lends less than a frame needs, must reset', () => {
    const short = started()
    short.sender.chain([{ at: sendAt, bytes: headerBytes - 1, write: false }])
    short.sender.offer(0)
    expect(short.driver.get(registers.status) & needsReset).toBe(needsReset)
    const small = started()
    lend(small, 1, headerBytes + 59)
    small.net.receive([frameOf(1)])
    expect(small.driver.get(registers.status) & needsReset).toBe(needsReset)
    expect(small.net.receive([frameOf(1)])).toBe(1)
  })

  test('says what it likes: nothing throws, and no frame is longer or shorter than it may be', () => {
    const descriptor = fc.record({
      gpa: fc.oneof(fc.integer({ min: 0, max: 2 ** 32 }), fc.constant(ramGpa + 0x8000)),
      bytes: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
      flags: fc.integer({ min: 0, max: 7 }),
      next: fc.integer({ min: 0, max: 9 }),
    })
    const lies = fc.array(descriptor, { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(lies, fc.array(fc.nat(9), { maxLength: 12 }), fc.boolean(), (list, heads, tx) => {
        const made = started()
        const side = tx ? made.sender : made.receiver
        for (const [n, { gpa, bytes, flags, next }] of list.entries())
          side.describe(n, gpa, bytes, flags, next)
        made.net.receive([frameOf(1), frameOf(2, 1518)])
        for (const head of heads) side.offer(head)
        made.net.receive([frameOf(3)])
        for (const frame of made.net.takeFrames() ?? []) {
          expect(frame.length).toBeGreaterThanOrEqual(14)
          expect(frame.length).toBeLessThanOrEqual(1518)
        }
      }),
    )
  })
})
