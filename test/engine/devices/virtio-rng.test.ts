import { describe, expect, test } from 'vitest'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { VirtioRng } from '#engine/devices/virtio-rng.ts'
import { Ram } from '../ram.ts'
import { VirtioDriver } from './virtio-driver.ts'

const identity = {
  instanceId: '00112233-4455-6677-8899-aabbccddeeff',
  mac: '02:00:00:00:00:2a',
  randomSeed: 'ab'.repeat(32),
}
const cloned = { ...identity, randomSeed: 'cd'.repeat(32) }
const write = 2
const bufferAt = 0x9000

function board() {
  const ram = new Ram(1 << 20)
  const rng = new VirtioRng(identity)
  const device = new VirtioMmio(2, rng, ram, () => {})
  const driver = new VirtioDriver(device, ram)
  driver.start(0)
  let drawn = 0
  const draw = (bytes: number) => {
    driver.describe(0, ramGpa + bufferAt, bytes, write)
    driver.offer(0)
    const written = driver.written(drawn++)
    return Buffer.from(ram.bytes.subarray(bufferAt, bufferAt + written)).toString('hex')
  }
  return { ram, rng, device, driver, draw }
}

describe('entropy device (VIRTIO 1.2, 5.4)', () => {
  test('is device 4 with one queue; it fills what it is lent', () => {
    const { driver, draw } = board()
    expect(driver.get(0x08)).toBe(4)
    const first = draw(64)
    expect(first).toHaveLength(128)
    expect(draw(64)).not.toBe(first)
  })

  test('gives less than an immense buffer asks for', () => {
    expect(board().draw(64 * 1024)).toHaveLength(2 * 4096)
  })

  test('the same identity draws the same, also as a copy that goes on', () => {
    const [one, other] = [board(), board()]
    expect(one.draw(32)).toBe(other.draw(32))
    const copy = board()
    copy.rng.restore(one.rng.capture())
    expect(copy.rng.capture()).toEqual(one.rng.capture())
    expect(copy.draw(32)).toBe(one.draw(32))
  })

  test('a clone draws other numbers than its original from then on', () => {
    const [original, clone] = [board(), board()]
    original.draw(32)
    clone.rng.restore(original.rng.capture())
    clone.rng.rebrand(cloned)
    expect(clone.draw(32)).not.toBe(original.draw(32))
  })

  test('a buffer that cannot be written, none, or one to be read needs a reset', () => {
    for (const [gpa, bytes, flags] of [
      [0x1000, 16, write],
      [ramGpa, 0, write],
      [ramGpa, 16, 0],
    ] as const) {
      const { driver } = board()
      driver.describe(0, gpa, bytes, flags)
      driver.offer(0)
      expect(driver.get(0x70) & 64).toBe(64)
    }
  })
})
