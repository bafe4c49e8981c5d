import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { VirtioBalloon } from '#engine/devices/virtio-balloon.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import type { Segment } from '#engine/devices/virtio-queue.ts'
import { Ram } from '../ram.ts'
import { VirtioDriver } from './virtio-driver.ts'

const ramBytes = 1 << 20
const ramPages = ramBytes / 4096
const ramPageNumber = ramGpa / 4096
const [featureStats, featureDeflateOnOom, featureReporting] = [1 << 1, 1 << 2, 1 << 5]
const [inflateQueue, deflateQueue, statsQueue, compactReports, reports] = [0, 1, 2, 3, 4]
const [write, interruptUsed, interruptConfig, needsReset] = [2, 1, 2, 64]
const bufferAt = 0x9000

function board() {
  const ram = new Ram(ramBytes)
  const seen = { interrupt: false, released: [] as Segment[] }
  const balloon = new VirtioBalloon(ramBytes, (ranges) => seen.released.push(...ranges))
  const device = new VirtioMmio(3, balloon, ram, (level) => {
    seen.interrupt = level
  })
  return { ram, balloon, device, seen, driver: new VirtioDriver(device, ram) }
}

function started(features = featureStats | featureReporting) {
  const made = board()
  made.driver.start(features, 5)
  return made
}

type Made = ReturnType<typeof board>

/** A list of page numbers, counted from the start of RAM. */
function list({ ram, driver }: Made, queue: number, pages: readonly number[]): number {
  for (const [at, page] of pages.entries())
    ram.view.setUint32(bufferAt + 4 * at, (ramPageNumber + page) >>> 0, true)
  const on = driver.queue(queue)
  on.describe(0, ramGpa + bufferAt, 4 * pages.length, 0)
  on.offer(0)
  return on.used
}

/** Statistics as pairs of tag and value. */
function tell({ ram }: Made, stats: readonly (readonly [number, bigint])[]): number {
  for (const [n, [tag, value]] of stats.entries()) {
    ram.view.setUint16(bufferAt + 10 * n, tag, true)
    ram.view.setBigUint64(bufferAt + 10 * n + 2, value, true)
  }
  return 10 * stats.length
}

describe('memory balloon (VIRTIO 1.2, 5.5)', () => {
  test('is device 5 and offers statistics, deflation before want, and reports', () => {
    const { driver } = board()
    expect(driver.get(0x08)).toBe(5)
    expect(driver.get(0x10) & 0xffff).toBe(featureStats | featureDeflateOnOom | featureReporting)
  })

  test('a target is shown to the driver, which says how far it has come', () => {
    const { balloon, device, driver, seen } = started()
    balloon.targetPages = 100
    expect([driver.get(0x100), driver.get(0x60), seen.interrupt]).toEqual([
      100,
      interruptConfig,
      true,
    ])
    device.write(0x104, 4, 60)
    expect([balloon.targetPages, balloon.actualPages]).toEqual([100, 60])
    // The same target again is no news, and none is larger than RAM.
    const generation = driver.get(0xfc)
    balloon.targetPages = 100
    expect(driver.get(0xfc)).toBe(generation)
    balloon.targetPages = 1e9
    expect(balloon.targetPages).toBe(ramPages)
  })

  test('the driver cannot set the target', () => {
    const { balloon, device } = started()
    device.write(0x100, 4, 5)
    device.write(0x104, 4, 0xffff_ffff)
    expect([balloon.targetPages, balloon.actualPages]).toEqual([0, ramPages])
  })

  test('pages on the inflate queue are released, neighbours in one piece', () => {
    const made = started()
    expect(list(made, inflateQueue, [7, 8, 9, 20, 19, 18, 3])).toBe(1)
    expect(
      made.seen.released.map(({ gpa, bytes }) => [(gpa - ramGpa) / 4096, bytes / 4096]),
    ).toEqual([
      [7, 3],
      [18, 3],
      [3, 1],
    ])
  })

  test('pages on the deflate queue are the driver’s again', () => {
    const made = started()
    expect(list(made, deflateQueue, [7, 8])).toBe(1)
    expect(made.seen.released).toEqual([])
  })

  test('reported ranges are released as they are, on either number of the queue', () => {
    for (const queue of [compactReports, reports]) {
      const { driver, seen } = started()
      const on = driver.queue(queue)
      on.chain([
        { at: 0x10000, bytes: 0x8000, write: true },
        { at: 0x40000, bytes: 0x2000, write: true },
      ])
      on.offer(0)
      expect(seen.released).toEqual([
        { gpa: ramGpa + 0x10000, bytes: 0x8000 },
        { gpa: ramGpa + 0x40000, bytes: 0x2000 },
      ])
      expect([on.used, on.written(0)]).toEqual([1, 0])
    }
  })

  test('without statistics, reports come on the third queue of a driver that counts its own', () => {
    const { driver, seen } = started(featureReporting)
    const on = driver.queue(statsQueue)
    on.chain([{ at: 0x10000, bytes: 0x1000, write: true }])
    on.offer(0)
    expect(seen.released).toHaveLength(1)
  })
})

describe('statistics (5.5.6.3)', () => {
  test('are read as they come, wait in their ring, and are given back for newer ones', () => {
    const made = started()
    const on = made.driver.queue(statsQueue)
    const give = (stats: readonly (readonly [number, bigint])[]) => {
      on.describe(0, ramGpa + bufferAt, tell(made, stats), 0)
      on.offer(0)
    }
    expect(made.balloon.use).toBeUndefined()
    give([[4, 1000n], [0, 7n], [5, 8000n], [6, 3000n]]) // biome-ignore format: pairs
    const use = { freeBytes: 1000, availableBytes: 3000, totalBytes: 8000 }
    expect([made.balloon.use, on.used, made.seen.interrupt]).toEqual([use, 0, false])
    made.balloon.refreshUse()
    expect([on.used, made.driver.get(0x60)]).toEqual([1, interruptUsed])
    give([[4, 500n]])
    expect([made.balloon.use?.freeBytes, on.used]).toEqual([500, 1])
  })

  test('a wish from before the first statistics is met as soon as there are some', () => {
    const made = started()
    made.balloon.refreshUse()
    const on = made.driver.queue(statsQueue)
    on.describe(0, ramGpa + bufferAt, tell(made, [[4, 1n]]), 0)
    on.offer(0)
    expect(on.used).toBe(1)
  })

  test('what no memory has is cut, half a statistic is none', () => {
    const made = started()
    const on = made.driver.queue(statsQueue)
    tell(made, [
      [4, 2n ** 64n - 1n],
      [5, 9n],
    ])
    on.describe(0, ramGpa + bufferAt, 15, 0)
    on.offer(0)
    expect(made.balloon.use).toMatchObject({ freeBytes: Number.MAX_SAFE_INTEGER, totalBytes: 0 })
  })
})

describe('a hostile driver', () => {
  const lies: Record<string, (made: Made) => void> = {
    'a page out of RAM': (made) => list(made, inflateQueue, [1, ramPages]),
    'a page before RAM': (made) => list(made, inflateQueue, [-1]),
    'half a page number': ({ driver }) => {
      driver.describe(0, ramGpa + bufferAt, 6, 0)
      driver.offer(0)
    },
    'a list without end': ({ driver }) => {
      driver.describe(0, ramGpa, 0xffff_fffc, 0)
      driver.offer(0)
    },
    'a report out of RAM': ({ driver }) => {
      const on = driver.queue(reports)
      on.describe(0, ramGpa + ramBytes - 4096, 8192, write)
      on.offer(0)
    },
    'more reported than there is': ({ driver }) => {
      const on = driver.queue(reports)
      on.chain([0, 0].map((at) => ({ at, bytes: ramBytes, write: true })))
      on.offer(0)
    },
    'a report to be read': ({ driver }) => {
      const on = driver.queue(reports)
      on.describe(0, ramGpa, 4096, 0)
      on.offer(0)
    },
    'statistics without end': ({ driver }) => {
      const on = driver.queue(statsQueue)
      on.describe(0, ramGpa, ramBytes, 0)
      on.offer(0)
    },
  }
  for (const [name, lie] of Object.entries(lies)) {
    test(name, () => {
      const made = started()
      lie(made)
      expect(made.driver.get(0x70) & needsReset).toBe(needsReset)
      expect(made.seen.released).toEqual([])
    })
  }

  test('law: whatever it lists, only RAM is released', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -10, max: 300 }), { maxLength: 40 }), (pages) => {
        const made = started()
        list(made, inflateQueue, pages)
        const isRam = pages.every((page) => page >= 0 && page < ramPages)
        expect(made.seen.released.length > 0).toBe(isRam && pages.length > 0)
      }),
    )
  })
})

describe('a copy of a balloon', () => {
  test('has its target, what was given up, and the statistics', () => {
    const made = started()
    made.balloon.targetPages = 90
    made.device.write(0x104, 4, 40)
    const on = made.driver.queue(statsQueue)
    on.describe(0, ramGpa + bufferAt, tell(made, [[6, 77n]]), 0)
    on.offer(0)
    const copy = board()
    copy.ram.bytes.set(made.ram.bytes)
    copy.device.restore(made.device.capture())
    copy.balloon.restore(made.balloon.capture())
    expect(copy.balloon.capture()).toEqual(made.balloon.capture())
    expect([copy.balloon.targetPages, copy.balloon.actualPages]).toEqual([90, 40])
    expect(copy.balloon.use?.availableBytes).toBe(77)
    copy.balloon.refreshUse()
    expect(copy.driver.queue(statsQueue).used).toBe(1)
  })

  test('a driver that begins anew holds nothing, and is told the target again', () => {
    const { balloon, device, driver } = started()
    balloon.targetPages = 90
    device.write(0x104, 4, 40)
    driver.set(0x70, 0)
    expect([balloon.targetPages, balloon.actualPages, balloon.use]).toEqual([90, 0, undefined])
  })
})
