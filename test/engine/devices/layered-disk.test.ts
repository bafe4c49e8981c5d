// A VM's disk in layers: what lies over what, what a power loss may take, and who may write. The
// store is env's double in memory, which at a power loss keeps or loses each unflushed sector as it
// likes.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DiskFencedError,
  DiskLayerError,
  type DiskStore,
  openLayeredDisk,
} from '#engine/devices/layered-disk.ts'
import { MemoryDisk, SeededRandom } from '#env/memory.ts'
import { watched } from './watched-store.ts'

const sectorBytes = 512
const sizeBytes = 10 * 4096 + sectorBytes // the last block is not whole
const sectors = sizeBytes / sectorBytes
/** What the law's sealed layer is full of; no step writes it. */
const below = 255

const open = (store: DiskStore, layers: string[], epoch = 1) =>
  openLayeredDisk(store, { sizeBytes, layers, epoch })
const filled = (length: number, value: number) => new Uint8Array(length).fill(value)
const readAt = (disk: ReturnType<typeof open>, offset: number, length: number) => {
  const into = filled(length, 0xee)
  disk.read(offset, into)
  return into
}

describe('layers', () => {
  test('what was never written reads as zeros, to the last byte', () => {
    const disk = open(new MemoryDisk(), ['a'])
    expect(readAt(disk, 0, sizeBytes)).toEqual(filled(sizeBytes, 0))
  })

  test('a write in the middle of a block keeps the rest of it, copied up from below', () => {
    const store = new MemoryDisk()
    const base = open(store, ['base'])
    base.write(0, filled(8192, 1))
    base.flush()
    base.close()
    const disk = open(store, ['base', 'top'])
    disk.write(4096 - 512, filled(1024, 2))
    const want = filled(8192, 1)
    want.fill(2, 4096 - 512, 4096 + 512)
    expect(readAt(disk, 0, 8192)).toEqual(want)
  })

  test('two clones share what lies below and never see each other', () => {
    const store = new MemoryDisk()
    const original = open(store, ['base'])
    original.write(0, filled(4096, 1))
    original.flush()
    original.close()
    const [left, right] = [open(store, ['base', 'left']), open(store, ['base', 'right'])]
    left.write(0, filled(512, 2))
    right.write(512, filled(512, 3))
    expect([...readAt(left, 0, 1024)]).toEqual([...filled(512, 2), ...filled(512, 1)])
    expect([...readAt(right, 0, 1024)]).toEqual([...filled(512, 1), ...filled(512, 3)])
    expect(readAt(open(store, ['base', 'third']), 0, 1024)).toEqual(filled(1024, 1))
  })

  test('a sealed layer that is missing, of another disk, or no layer at all is named', () => {
    const store = new MemoryDisk()
    store.open('text', 'create').write(0, filled(4096, 65))
    openLayeredDisk(store, { sizeBytes: 8192, layers: ['small'], epoch: 1 }).close()
    expect(() => open(store, ['gone', 'top'])).toThrow(/gone is missing/)
    expect(() => open(store, ['small', 'top'])).toThrow(/8192 bytes, not/)
    expect(() => open(store, ['text', 'top'])).toThrow(/text is not a disk layer/)
    expect(() => open(store, ['small', 'small'])).toThrow(DiskLayerError)
    expect(() => open(store, [])).toThrow(DiskLayerError)
  })

  test('reaching over the end is a bug of the device above', () => {
    const disk = open(new MemoryDisk(), ['a'])
    expect(() => disk.write(sizeBytes - 512, filled(1024, 1))).toThrow(/not on a disk/)
    expect(() => disk.read(sizeBytes, filled(512, 0))).toThrow(/not on a disk/)
  })
})

describe('the fence', () => {
  test('an older epoch can not open; the same one and a newer one can', () => {
    const store = new MemoryDisk()
    open(store, ['a'], 5).close()
    expect(() => open(store, ['a'], 4)).toThrow(DiskFencedError)
    open(store, ['a'], 5).close()
    open(store, ['a'], 6).close()
    expect(() => open(store, ['a'], 5)).toThrow(/epoch 6/)
  })

  test('opening is durable: after a power loss the older epoch is still refused', () => {
    const store = new MemoryDisk()
    open(store, ['a'], 5)
    store.powerLoss(new SeededRandom(1))
    expect(() => open(store, ['a'], 4)).toThrow(DiskFencedError)
  })

  test('a writer that has been replaced can neither write nor flush', () => {
    const store = new MemoryDisk()
    const old = open(store, ['a'], 1)
    old.write(0, filled(512, 1))
    const next = open(store, ['a'], 2)
    expect(() => old.write(0, filled(512, 9))).toThrow(DiskFencedError)
    expect(() => old.flush()).toThrow(DiskFencedError)
    next.write(512, filled(512, 2))
    next.flush()
    expect(readAt(next, 512, 512)).toEqual(filled(512, 2))
  })

  test('a flush in the midst of which another opens fails, whenever that was', () => {
    const flushes = 2 // of the blocks, of the bitmap
    for (let during = 1; during <= flushes; during++) {
      const store = new MemoryDisk()
      let left = Number.POSITIVE_INFINITY
      const old = open(
        beforeEachFlush(store, () => --left === 0 && open(store, ['a'], 2)),
        ['a'],
      )
      old.write(0, filled(512, 1))
      left = during
      expect(() => old.flush()).toThrow(DiskFencedError)
    }
  })

  test('what a newer one has flushed in the midst of it stays', () => {
    const store = new MemoryDisk()
    let left = Number.POSITIVE_INFINITY
    const takeOver = () => {
      if (--left !== 0) return
      const next = open(store, ['a'], 2)
      next.write(4096, filled(512, 2))
      next.flush()
    }
    const old = open(beforeEachFlush(store, takeOver), ['a'])
    old.write(0, filled(512, 1))
    left = 1
    expect(() => old.flush()).toThrow(DiskFencedError)
    expect(readAt(open(store, ['a'], 3), 4096, 512)).toEqual(filled(512, 2))
  })
})

describe('power loss', () => {
  test('a block whose bitmap was not yet durable reads as it was below', () => {
    const store = new MemoryDisk()
    const base = open(store, ['base'])
    base.write(0, filled(4096, 1))
    base.flush()
    let left = Number.POSITIVE_INFINITY
    const dying = beforeEachFlush(store, () => {
      if (--left === 0) throw new Error('power lost')
    })
    const disk = open(dying, ['base', 'top'])
    disk.write(0, filled(4096, 2))
    left = 2
    expect(() => disk.flush()).toThrow('power lost')
    // Of the bitmap's sector the old content survives: no bit is set.
    store.powerLoss({ float: () => 0, below: () => 0, bytes: (length) => new Uint8Array(length) })
    expect(readAt(open(store, ['base', 'top']), 0, 4096)).toEqual(filled(4096, 1))
  })

  test('law: after a power loss at any point every flushed write is read back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World()
        for (const each of steps) world.take(each)
        world.compare()
      }),
      { seed: 1, numRuns: 300, examples: [[[{ do: 'lose', seed: 1, after: 0 }]]] },
    )
  })
})

type Step =
  | { do: 'write'; sector: number; count: number; value: number }
  | { do: 'flush' }
  | { do: 'seal' }
  /** The power goes at the `after`-th operation on the store from here. */
  | { do: 'lose'; seed: number; after: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      sector: fc.nat(sectors - 1),
      count: fc.integer({ min: 1, max: 24 }),
      value: fc.integer({ min: 1, max: below - 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'seal' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('lose' as const), seed: fc.nat(), after: fc.nat(8) }),
  },
)

class PowerLost extends Error {}

/**
 * A disk over a sealed layer full of `below`, and for each sector what it may hold: the last
 * flushed value and all written since.
 */
class World {
  #store = new MemoryDisk()
  #layers = ['l0', 'l1']
  #operationsLeft = Number.POSITIVE_INFINITY
  #seed = 0
  #disk: ReturnType<typeof open>
  #may: Set<number>[] = Array.from({ length: sectors }, () => new Set([below]))
  #now: number[] = Array.from({ length: sectors }, () => below)

  constructor() {
    const sealed = open(this.#store, ['l0'])
    sealed.write(0, filled(sizeBytes, below))
    sealed.flush()
    sealed.close()
    this.#disk = this.#open()
  }

  take(step: Step): void {
    try {
      this.#do(step)
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error
      this.#losePower()
    }
  }

  /** A running disk reads what was written last. */
  compare(): void {
    this.#operationsLeft = Number.POSITIVE_INFINITY
    expect(this.#readSectors()).toEqual(this.#now)
  }

  #do(step: Step): void {
    if (step.do === 'lose') {
      this.#operationsLeft = step.after
      this.#seed = step.seed
    } else if (step.do === 'flush') {
      this.#flush()
    } else if (step.do === 'seal') {
      this.#flush()
      this.#layers.push(`l${this.#layers.length}`)
      this.#disk = this.#open()
    } else {
      const count = Math.min(step.count, sectors - step.sector)
      for (let at = step.sector; at < step.sector + count; at++) this.#may[at]?.add(step.value)
      this.#disk.write(step.sector * sectorBytes, filled(count * sectorBytes, step.value))
      this.#now.fill(step.value, step.sector, step.sector + count)
    }
  }

  #flush(): void {
    this.#disk.flush()
    this.#may = this.#now.map((value) => new Set([value]))
  }

  #losePower(): void {
    this.#operationsLeft = Number.POSITIVE_INFINITY
    this.#store.powerLoss(new SeededRandom(this.#seed))
    this.#disk = this.#open()
    this.#now = this.#readSectors()
    for (const [at, value] of this.#now.entries()) {
      expect(this.#may[at], `sector ${at} after the power loss`).toContain(value)
    }
    this.#may = this.#now.map((value) => new Set([value]))
  }

  #readSectors(): number[] {
    const bytes = readAt(this.#disk, 0, sizeBytes)
    return Array.from({ length: sectors }, (_, at) => {
      const sector = bytes.subarray(at * sectorBytes, (at + 1) * sectorBytes)
      expect(
        sector.every((byte) => byte === sector[0]),
        `sector ${at} is whole`,
      ).toBe(true)
      return sector[0] as number
    })
  }

  #open() {
    const spend = () => {
      if (this.#operationsLeft-- <= 0) throw new PowerLost()
    }
    return open(watched(this.#store, { write: spend, flush: spend }), [...this.#layers])
  }
}

const beforeEachFlush = (store: MemoryDisk, act: () => void) => watched(store, { flush: act })
