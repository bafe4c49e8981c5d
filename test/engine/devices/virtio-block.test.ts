import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BlockBackend } from '#engine/devices/block-backend.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { VirtioBlock } from '#engine/devices/virtio-block.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { Ram } from '../ram.ts'
import { availAt, queueSize, usedAt, VirtioDriver } from './virtio-driver.ts'

const [inRequest, outRequest, flushRequest, getIdRequest] = [0, 1, 4, 8]
const diskBytes = 256 * 1024
const [ok, ioError, unsupported] = [0, 1, 2]
const [interruptUsed, interruptConfig, needsReset] = [1, 2, 64]

class MemoryDisk implements BlockBackend {
  readonly sizeBytes = diskBytes
  readonly bytes = new Uint8Array(diskBytes)
  readonly done: string[] = []
  fails = false

  read(offset: number, into: Uint8Array): void {
    if (this.fails) throw new Error('the disk is gone')
    into.set(this.bytes.subarray(offset, offset + into.length))
  }

  write(offset: number, from: Uint8Array): void {
    this.done.push(`write ${offset}+${from.length}`)
    this.bytes.set(from, offset)
  }

  flush(): void {
    if (this.fails) throw new Error('the disk is gone')
    this.done.push('flush')
  }

  close(): void {
    this.done.push('close')
  }
}

function board() {
  const ram = new Ram(1 << 20)
  const disk = new MemoryDisk()
  const seen = { interrupt: false, failed: '' }
  const block = new VirtioBlock(diskBytes, 'vm-1', (cause) => {
    seen.failed = String(cause)
  })
  block.connect(disk)
  const device = new VirtioMmio(0, block, ram, (level) => {
    seen.interrupt = level
  })
  return { ram, disk, block, device, seen, driver: new VirtioDriver(device, ram) }
}

function started() {
  const made = board()
  made.driver.start()
  return made
}

const sectors = (count: number, fill: number) => new Uint8Array(512 * count).fill(fill)

describe('virtio transport (VIRTIO 1.2, 4.2.2)', () => {
  test('names itself: magic, version 2, block device, and its features', () => {
    const { driver } = board()
    expect([driver.get(0), driver.get(4), driver.get(8)]).toEqual([0x74726976, 2, 2])
    expect(driver.get(0x10)).toBe((1 << 1) | (1 << 2) | (1 << 9) | (1 << 28) | (1 << 29))
    driver.set(0x14, 1)
    expect(driver.get(0x10)).toBe(1)
    expect(driver.get(0x34)).toBe(128)
    expect(driver.get(0x100)).toBe(diskBytes / 512)
  })

  test('FEATURES_OK stays off for a feature that was not offered', () => {
    const { driver } = board()
    driver.start(1 << 5)
    expect(driver.get(0x70) & 8).toBe(0)
    driver.start()
    expect(driver.get(0x70)).toBe(1 | 2 | 8 | 4)
  })

  test('a small kernel that looks for the disk of QEMU, and at the low features alone, has it', () => {
    const { driver } = board()
    expect(driver.get(0xc)).toBe(0x554d4551)
    driver.start(1 << 9, 1, 0)
    expect(driver.get(0x70)).toBe(1 | 2 | 8 | 4)
    expect(driver.request(flushRequest, 0, sectors(0, 0))?.status).toBe(0)
  })

  test('a queue takes only a size that is a power of two up to its maximum', () => {
    const { ram, driver } = board()
    driver.start()
    driver.set(0x44, 0)
    for (const size of [0, 3, 256]) driver.set(0x38, size)
    driver.set(0x44, 1)
    // Still 8: the ring index of the ninth request wraps to its place 0.
    for (let n = 0; n < queueSize + 1; n++) driver.request(flushRequest, 0, sectors(0, 0))
    expect(ram.view.getUint16(usedAt + 2, true)).toBe(queueSize + 1)
    expect(driver.get(0x70) & needsReset).toBe(0)
  })

  test('serves nothing before DRIVER_OK, and after a reset', () => {
    const { driver } = started()
    driver.set(0x70, 1 | 2 | 8)
    expect(driver.request(flushRequest, 0, sectors(0, 0))).toBeUndefined()
    driver.set(0x70, 0)
    expect([driver.get(0x70), driver.get(0x44), driver.get(0x60)]).toEqual([0, 0, 0])
  })

  test('interrupts until acknowledged, unless the driver wants none', () => {
    const { ram, driver, seen } = started()
    driver.request(flushRequest, 0, sectors(0, 0))
    expect([seen.interrupt, driver.get(0x60)]).toEqual([true, interruptUsed])
    driver.set(0x64, interruptUsed)
    expect(seen.interrupt).toBe(false)
    ram.view.setUint16(availAt, 1, true)
    driver.request(flushRequest, 0, sectors(0, 0))
    expect(seen.interrupt).toBe(false)
  })
})

describe('block device (VIRTIO 1.2, 5.2)', () => {
  test('reads back what it wrote, however the buffers are cut', () => {
    const { driver, disk } = started()
    const data = Uint8Array.from({ length: 1536 }, (_, at) => at % 253)
    expect(driver.request(outRequest, 3, data, 5)?.status).toBe(ok)
    expect(disk.bytes.slice(1536, 3072)).toEqual(data)
    expect(driver.request(inRequest, 3, 1536, 4)).toEqual({ status: ok, data })
    expect([driver.written(0), driver.written(1)]).toEqual([1, 1537])
  })

  test('a flush is the backend’s flush, and get-id is the VM’s name', () => {
    const { driver, disk } = started()
    driver.request(flushRequest, 0, sectors(0, 0))
    expect(disk.done).toEqual(['flush'])
    const id = driver.request(getIdRequest, 0, 20)
    expect(new TextDecoder().decode(id?.data).replaceAll('\0', '')).toBe('vm-1')
  })

  test('moves more in one piece than it has named, for a driver that did not ask', () => {
    const { driver } = started()
    expect(driver.request(outRequest, 1, sectors(300, 7))?.status).toBe(ok)
    expect(driver.request(inRequest, 1, 512 * 300)).toEqual({ status: ok, data: sectors(300, 7) })
  })

  test('refuses what is out of range, no whole sector, or unknown', () => {
    const { driver } = started()
    expect(driver.request(inRequest, diskBytes / 512, 512)?.status).toBe(ioError)
    expect(driver.request(outRequest, diskBytes / 512 - 1, sectors(2, 1))?.status).toBe(ioError)
    expect(driver.request(inRequest, Number.MAX_SAFE_INTEGER, 512)?.status).toBe(ioError)
    expect(driver.request(inRequest, 0, 100)?.status).toBe(ioError)
    expect(driver.request(99, 0, 512)?.status).toBe(unsupported)
  })

  test('a backend that fails stops the VM, and the request is never answered', () => {
    const { driver, disk, seen } = started()
    disk.fails = true
    expect(driver.request(flushRequest, 0, sectors(0, 0))).toBeUndefined()
    expect(seen.failed).toContain('the disk is gone')
    expect(seen.interrupt).toBe(false)
  })

  test('settles only what was not flushed', () => {
    const { driver, disk, block } = started()
    driver.request(outRequest, 0, sectors(1, 1))
    block.settle()
    block.settle()
    driver.request(outRequest, 0, sectors(1, 2))
    driver.request(flushRequest, 0, sectors(0, 0))
    block.settle()
    expect(disk.done).toEqual(['write 0+512', 'flush', 'write 0+512', 'flush'])
  })
})

describe('a hostile driver', () => {
  const broken = ({ driver }: ReturnType<typeof started>) => {
    expect(driver.get(0x70) & needsReset).toBe(needsReset)
    expect(driver.get(0x60)).toBe(interruptConfig)
    expect(driver.request(flushRequest, 0, sectors(0, 0))).toBeUndefined()
    driver.start()
    expect(driver.get(0x70)).toBe(1 | 2 | 8 | 4)
  }

  test('a chain that bites its own tail', () => {
    const made = started()
    made.driver.describe(0, ramGpa, 16, 1, 1)
    made.driver.describe(1, ramGpa, 16, 1, 0)
    made.driver.offer(0)
    broken(made)
  })

  test('descriptors and buffers that are not there', () => {
    for (const [gpa, head, flags] of [
      [ramGpa + (1 << 20) - 8, 0, 0],
      [0x1000, 0, 0],
      [2 ** 60, 0, 0],
      [ramGpa, queueSize, 0],
      [ramGpa, 0, 4],
    ] as const) {
      const made = started()
      made.driver.describe(0, gpa, 16, flags)
      made.driver.offer(head)
      broken(made)
    }
  })

  test('descriptors that are lent to two chains at once: it would be kept busy for nothing', () => {
    const made = started()
    made.driver.chain([
      { at: 0x8000, bytes: 16, write: false },
      { at: 0x9000, bytes: 512, write: true },
      { at: 0xa000, bytes: 1, write: true },
    ])
    for (let n = 0; n < queueSize; n++) made.driver.offer(0, false)
    made.driver.set(0x50, 0)
    expect(made.driver.used).toBe(Math.floor(queueSize / 3))
    broken(made)
  })

  test('readable behind writable, no status byte, an index far ahead, a ring out of RAM', () => {
    const wrong: ((made: ReturnType<typeof started>) => void)[] = [
      ({ driver }) => {
        driver.chain([
          { at: 0x8000, bytes: 16, write: true },
          { at: 0x8000, bytes: 16, write: false },
        ])
        driver.offer(0)
      },
      ({ driver }) => {
        driver.chain([{ at: 0x8000, bytes: 16, write: false }])
        driver.offer(0)
      },
      ({ ram, driver }) => {
        ram.view.setUint16(availAt + 2, 500, true)
        driver.set(0x50, 0)
      },
      ({ driver }) => {
        driver.set(0x44, 0)
        driver.set(0xa4, 0xffff_ffff)
        driver.set(0x44, 1)
        driver.request(flushRequest, 0, sectors(0, 0))
      },
    ]
    for (const lie of wrong) {
      const made = started()
      lie(made)
      broken(made)
    }
  })

  test('law: whatever stands in the rings, nothing throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), fc.nat(9), (bytes, index) => {
        const { ram, driver } = started()
        // Descriptors whose addresses begin in RAM, so that some chains get far.
        ram.bytes.set(bytes, 0x1000)
        for (let n = 0; n < queueSize; n++) {
          ram.view.setUint32(0x1000 + 16 * n + 4, 0, true)
          ram.bytes[0x1000 + 16 * n + 3] = 0x80
          ram.bytes[0x1000 + 16 * n + 2] = 0
          ram.view.setUint16(0x1000 + 16 * n + 14, bytes[n] ?? 0, true)
        }
        for (let n = 0; n < queueSize; n++) driver.offer(bytes[n] ?? 0, n === index)
        driver.set(0x50, 0)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a copy of a block device', () => {
  test('goes on with the same rings', () => {
    const { ram, driver, device, disk } = started()
    driver.request(outRequest, 1, sectors(1, 7))
    const copy = board()
    copy.ram.bytes.set(ram.bytes)
    copy.disk.bytes.set(disk.bytes)
    copy.device.restore(device.capture())
    expect(copy.seen.interrupt).toBe(true)
    expect(copy.device.capture()).toEqual(device.capture())
    const again = new VirtioDriver(copy.device, copy.ram)
    again.offer(0, false)
    expect(again.request(inRequest, 1, 512)).toEqual({ status: ok, data: sectors(1, 7) })
  })

  test('refuses the section of another kind of device, and a queue of no size', () => {
    const { device } = started()
    const section = device.capture()
    const otherDevice = { ...section, bytes: section.bytes.slice() }
    otherDevice.bytes[0] = 1
    expect(() => board().device.restore(otherDevice)).toThrow('device type 1')
    const noSize = { ...section, bytes: section.bytes.slice() }
    noSize.bytes.set([3, 0], 34)
    expect(() => board().device.restore(noSize)).toThrow('a queue of 3')
  })
})
