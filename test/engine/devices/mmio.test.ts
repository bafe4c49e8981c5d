import { describe, expect, test } from 'vitest'
import { MmioBus, type MmioDevice } from '#engine/devices/mmio.ts'

const registers = (gpa: number): MmioDevice & { last: number } => ({
  region: { gpa, sizeBytes: 0x100 },
  last: 0,
  read: (offset, size) => offset + size,
  write(_offset, _size, value) {
    this.last = value
    return true
  },
})

describe('the MMIO bus', () => {
  test('finds the device for an address', () => {
    const bus = new MmioBus([registers(0x2000), registers(0x1000)])
    expect(bus.read(0x1010, 4)).toBe(0x14n)
    expect(bus.read(0x20fc, 4)).toBe(0x100n)
    expect(bus.read(0x1010, 1)).toBe(0x11n)
  })

  test('nothing answers between the devices, across an end, or misaligned', () => {
    const bus = new MmioBus([registers(0x1000)])
    expect(bus.read(0x1100, 4)).toBeUndefined()
    expect(bus.read(0x10fe, 4)).toBeUndefined()
    expect(bus.read(0x1001, 2)).toBeUndefined()
    expect(bus.write(0x0, 1, 0n)).toBe(false)
  })

  test('8 bytes reach only a device that has registers so wide', () => {
    const bus = new MmioBus([registers(0x1000)])
    expect(bus.read(0x1000, 8)).toBeUndefined()
    expect(bus.write(0x1000, 8, 1n)).toBe(false)
  })

  test('a device sees a store as its low bytes, unsigned', () => {
    const device = registers(0x1000)
    new MmioBus([device]).write(0x1000, 2, -1n)
    expect(device.last).toBe(0xffff)
  })

  test('two devices at one address are a bug', () => {
    expect(() => new MmioBus([registers(0x1000), registers(0x10f0)])).toThrow('0x10f0')
  })
})
