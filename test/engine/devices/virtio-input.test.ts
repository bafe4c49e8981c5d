import { describe, expect, test } from 'vitest'
import { keyboard, pointer } from '#engine/devices/input-kinds.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { ScreenInput } from '#engine/devices/screen-input.ts'
import { VirtioInput } from '#engine/devices/virtio-input.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { Ram } from '../ram.ts'
import { queueSize, VirtioDriver } from './virtio-driver.ts'

const write = 2
const buffersAt = 0x9000
const configAt = 0x100
const [keyA, keyB] = [30, 48]

function board() {
  const ram = new Ram(1 << 20)
  const device = new VirtioInput(keyboard)
  const mouse = new VirtioInput(pointer)
  const transport = new VirtioMmio(5, device, ram, () => {})
  const other = new VirtioMmio(6, mouse, ram, () => {})
  const input = new ScreenInput([device, mouse])
  const driver = new VirtioDriver(transport, ram)
  return { ram, device, mouse, transport, other, input, driver, lent: 0 }
}
type Board = ReturnType<typeof board>

const started = (): Board => {
  const made = board()
  made.driver.start(0, 2)
  return made
}

function lend(made: Board, bytes = 8): void {
  const entry = made.lent++ % queueSize
  made.driver.describe(entry, ramGpa + buffersAt + 8 * entry, bytes, write)
  made.driver.offer(entry)
}

/** [type, code, value] of the n-th event that came. */
function came(made: Board, n: number): number[] {
  const at = buffersAt + 8 * (n % queueSize)
  const { view } = made.ram
  return [view.getUint16(at, true), view.getUint16(at + 2, true), view.getInt32(at + 4, true)]
}

function events(...all: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * all.length))
  for (const [n, [device, type, code, value]] of all.entries()) {
    view.setUint8(8 * n, device)
    view.setUint8(8 * n + 1, type)
    view.setUint16(8 * n + 2, code, true)
    view.setInt32(8 * n + 4, value, true)
  }
  return new Uint8Array(view.buffer)
}

describe('what a device says of itself (VIRTIO 1.2, 5.8.4, 5.8.5)', () => {
  const ask = (transport: VirtioMmio, select: number, subselect: number) => {
    transport.write(configAt, 1, select)
    transport.write(configAt + 1, 1, subselect)
    const size = transport.read(configAt + 2, 1) ?? 0
    return Uint8Array.from({ length: size }, (_, n) => transport.read(configAt + 8 + n, 1) ?? 0)
  }

  test('it is device 18, with a queue of events and one of status', () => {
    const { driver } = board()
    expect(driver.get(0x08)).toBe(18)
    const sizes = [0, 1, 2].map((queue) => {
      driver.set(0x30, queue)
      return driver.get(0x34)
    })
    expect(sizes).toEqual([64, 64, 0])
  })

  test('its name, and which events it sends', () => {
    const { transport, other } = board()
    expect(new TextDecoder().decode(ask(transport, 0x01, 0))).toBe('Godwit keyboard')
    const keys = ask(transport, 0x11, 1)
    expect((keys[keyA >> 3] ?? 0) & (1 << (keyA & 7))).not.toBe(0)
    expect((keys[0] ?? 0) & 1).toBe(0) // KEY_RESERVED is no key.
    expect(ask(transport, 0x11, 3)).toHaveLength(0)
    expect(ask(other, 0x11, 3)).toEqual(Uint8Array.of(0b11))
    expect((ask(other, 0x11, 1)[0x110 >> 3] ?? 0) & 0b111).toBe(0b111)
  })

  test('the axes of the pointer go from 0 to 32767; the keyboard has none', () => {
    const { transport, other } = board()
    expect([...new Uint32Array(ask(other, 0x12, 1).buffer)]).toEqual([0, 32767, 0, 0, 0])
    expect(ask(other, 0x12, 2)).toHaveLength(0)
    expect(ask(transport, 0x12, 0)).toHaveLength(0)
  })

  test('what nobody knows has size 0, and a selection is part of the state', () => {
    const made = board()
    expect(ask(made.transport, 0x7f, 9)).toHaveLength(0)
    ask(made.transport, 0x01, 0)
    const copy = board()
    copy.device.restore(made.device.capture())
    expect(copy.transport.read(configAt + 2, 1)).toBe('Godwit keyboard'.length)
  })
})

describe('events (VIRTIO 1.2, 5.8.6)', () => {
  test('each fills one buffer, in order', () => {
    const made = started()
    lend(made)
    lend(made)
    expect(made.input.accept(0, events([0, 1, keyA, 1], [0, 0, 0, 0]))).toBe(16)
    expect(made.driver.used).toBe(2)
    expect(made.driver.written(0)).toBe(8)
    expect([came(made, 0), came(made, 1)]).toEqual([
      [1, keyA, 1],
      [0, 0, 0],
    ])
  })

  test('what finds no buffer waits, and travels with the VM', () => {
    const made = started()
    made.input.accept(0, events([0, 1, keyA, 1], [0, 1, keyB, 1]))
    const copy = started()
    copy.device.restore(made.device.capture())
    copy.input.restore(made.input.capture())
    lend(copy)
    lend(copy)
    expect([came(copy, 0), came(copy, 1)]).toEqual([
      [1, keyA, 1],
      [1, keyB, 1],
    ])
    // Sent again to the new owner, from the start: what it has it does not take again.
    expect(copy.input.accept(0, events([0, 1, keyA, 1], [0, 1, keyB, 1]))).toBe(16)
    lend(copy)
    expect(copy.driver.used).toBe(2)
  })

  test('a gap, or half an event, is not taken', () => {
    const { input } = started()
    expect(input.accept(8, events([0, 1, keyA, 1]))).toBe(0)
    expect(input.accept(0, events([0, 1, keyA, 1]).subarray(0, 7))).toBe(0)
    expect(input.accept(0, events([0, 1, keyA, 1]))).toBe(8)
    expect(input.accept(5, events([0, 1, keyA, 1]))).toBe(8)
  })

  test('a driver that lends nothing stops the stream, and none is lost', () => {
    const made = started()
    const many = events(...Array.from({ length: 5000 }, (_, n) => [0, 1, keyA, n] as const))
    const taken = made.input.accept(0, many)
    expect(taken).toBe(4096 * 8)
    lend(made)
    expect(made.input.accept(taken, many.subarray(taken))).toBe(taken + 8)
    expect(came(made, 0)).toEqual([1, keyA, 0])
  })

  test('without a driver events are taken and forgotten: the machine is booting', () => {
    const made = board()
    expect(made.input.accept(0, events([0, 1, keyA, 1], [1, 3, 0, 9], [7, 1, 1, 1]))).toBe(24)
    made.driver.start(0, 2)
    lend(made)
    expect(made.driver.used).toBe(0)
  })

  test('while the VM stands still they are taken, but RAM is left alone', () => {
    const made = started()
    lend(made)
    made.input.hold()
    expect(made.input.accept(0, events([0, 1, keyA, 1]))).toBe(8)
    expect(made.driver.used).toBe(0)
    made.input.goOn()
    expect(made.driver.used).toBe(1)
  })

  test('a buffer that is too small, or one to be read, needs a reset', () => {
    const small = started()
    lend(small, 4)
    expect(small.driver.get(0x70) & 64).toBe(64)
    const readable = started()
    readable.driver.describe(0, ramGpa + buffersAt, 8, 0)
    readable.driver.offer(0)
    expect(readable.driver.get(0x70) & 64).toBe(64)
  })

  test('what the guest says of its lamps is taken', () => {
    const made = started()
    const status = made.driver.queue(1)
    status.describe(0, ramGpa + buffersAt, 8, 0)
    status.offer(0)
    expect(status.used).toBe(1)
  })
})
