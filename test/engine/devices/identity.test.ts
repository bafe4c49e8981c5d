import { describe, expect, test } from 'vitest'
import { IdentityDevice } from '#engine/devices/identity.ts'

const original = {
  instanceId: '00112233-4455-6677-8899-aabbccddeeff',
  mac: '02:00:00:00:00:2a',
  randomSeed: 'ab'.repeat(32),
}
const clone = { ...original, instanceId: 'ff'.repeat(16), mac: '02:00:00:00:00:2b' }

function board() {
  const seen = { interrupt: false }
  const device = new IdentityDevice(original, (level) => {
    seen.interrupt = level
  })
  return { device, seen }
}

const bytesOf = (device: IdentityDevice, offset: number, length: number) =>
  Array.from({ length }, (_, at) => device.read(offset + at, 1))

describe('the identity device', () => {
  test('says which VM it is, in the order of the text', () => {
    const { device } = board()
    expect([0, 4, 8].map((offset) => device.read(offset, 4))).toEqual([0x4744_5749, 1, 1])
    expect(bytesOf(device, 0x10, 3)).toEqual([0x00, 0x11, 0x22])
    expect(bytesOf(device, 0x20, 6)).toEqual([2, 0, 0, 0, 0, 0x2a])
    expect(bytesOf(device, 0x40, 32)).toEqual(new Array(32).fill(0xab))
    expect(device.read(0x60, 4)).toBeUndefined()
  })

  test('another identity is another generation, and interrupts until acknowledged', () => {
    const { device, seen } = board()
    device.rebrand(clone)
    expect(seen.interrupt).toBe(true)
    expect(device.read(0x08, 4)).toBe(2)
    expect(bytesOf(device, 0x20, 6)).toEqual([2, 0, 0, 0, 0, 0x2b])
    expect(device.write(0x0c, 4)).toBe(true)
    expect(seen.interrupt).toBe(false)
  })

  test('the guest cannot choose who it is', () => {
    expect(board().device.write(0x10, 4)).toBe(false)
  })

  test('a copy has its identity, generation and interrupt', () => {
    const { device } = board()
    device.rebrand(clone)
    const copy = board()
    copy.device.restore(device.capture())
    expect(copy.seen.interrupt).toBe(true)
    expect(copy.device.capture()).toEqual(device.capture())
  })
})
