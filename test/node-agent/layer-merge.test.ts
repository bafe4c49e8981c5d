// A merge of layers as the agent writes it. The law: a disk reads the same before and after, for
// any layers; and whatever breaks the merge off (a store that fails, a full one, a death at any
// step, a loss of power), the disk reads as before, and nothing is left that is not swept.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { openLayeredDisk } from '#engine/devices/layered-disk.ts'
import type { Clock, Disk, DiskFile } from '#env/env.ts'
import { faultyDisk, noDiskFaults } from '#env/faulty-disk.ts'
import { MemoryDisk, SeededRandom } from '#env/memory.ts'
import { openFolderDisk } from '#env/real/disk.ts'
import { mergeLayers } from '#node-agent/layer-merge.ts'
import { sweepLayers } from '#node-agent/layer-sweep.ts'
import { FaultError } from '#proto/faults.ts'

const blockBytes = 4096
/** The last block is not whole. */
const sizeBytes = 150 * blockBytes + 512
/** Never waits: what would be slept is over. */
const clock: Clock = {
  ...{ nowMs: () => 0, wallMs: () => 0 },
  wakeAt: (_atMs, fn) => {
    queueMicrotask(fn)
    return () => undefined
  },
}
const wanted = { clock, isWanted: () => true }

interface Write {
  readonly sector: number
  readonly sectors: number
  readonly value: number
}
const sectors = sizeBytes / 512
const writes = fc.array(
  fc.record({
    sector: fc.integer({ min: 0, max: sectors - 1 }),
    sectors: fc.integer({ min: 1, max: 90 }),
    value: fc.integer({ min: 0, max: 255 }),
  }),
  { maxLength: 8 },
)

const nameOf = (layer: number) => `vm.${layer}.disk`
const names = (count: number) => Array.from({ length: count }, (_, n) => nameOf(n))

/** Layers over each other, each with its writes; the last is the top. */
function build(store: Disk, chain: readonly (readonly Write[])[]): void {
  for (const [n, all] of chain.entries()) {
    const layers = names(n + 1)
    const disk = openLayeredDisk(store, { sizeBytes, layers, epoch: 1 })
    for (const { sector, sectors: count, value } of all) {
      const length = Math.min(count, sectors - sector) * 512
      disk.write(sector * 512, new Uint8Array(length).fill(value))
    }
    disk.flush()
    disk.close()
  }
}

function contentOf(store: Disk, layers: readonly string[]): Uint8Array {
  const disk = openLayeredDisk(store, { sizeBytes, layers, epoch: 1 })
  const bytes = new Uint8Array(sizeBytes)
  disk.read(0, bytes)
  disk.close()
  return bytes
}

const sameBytes = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

/** Five layers that have something in each, holes, and zeros over what is not zero. */
const someChain: readonly (readonly Write[])[] = [
  [{ sector: 0, sectors: 400, value: 1 }],
  [{ sector: 90, sectors: 8, value: 0 }],
  [
    { sector: 700, sectors: 80, value: 3 },
    { sector: sectors - 3, sectors: 3, value: 4 },
  ],
  [{ sector: 705, sectors: 2, value: 5 }],
  [{ sector: 1, sectors: 1, value: 6 }],
]

describe('content', () => {
  test('law: a disk over merged layers reads as it did, and so does one that is written on', async () => {
    const chains = fc.array(writes, { minLength: 3, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(chains, fc.nat(), fc.nat(), writes, async (chain, a, b, later) => {
        const store = new MemoryDisk()
        build(store, chain)
        const sealed = names(chain.length - 1)
        const from = a % (sealed.length - 1)
        const to = from + 2 + (b % (sealed.length - from - 1))
        const into = 'vm.90.disk'
        await mergeLayers({ sizeBytes, layers: sealed.slice(from, to), into }, { store, ...wanted })
        const top = nameOf(chain.length - 1)
        const merged = [...sealed.slice(0, from), into, ...sealed.slice(to), top]
        const before = contentOf(store, [...sealed, top])
        expect(sameBytes(contentOf(store, merged), before)).toBe(true)
        const [one, other] = [
          [...sealed, top, 'x'],
          [...merged, top, 'y'],
        ].map((layers) => layers.filter((name, n) => layers.indexOf(name) === n))
        for (const layers of [one, other]) {
          const disk = openLayeredDisk(store, { sizeBytes, layers: layers ?? [], epoch: 1 })
          for (const { sector, sectors: count, value } of later)
            disk.write(
              sector * 512,
              new Uint8Array(Math.min(count, sectors - sector) * 512).fill(value),
            )
          disk.flush()
          disk.close()
        }
        expect(sameBytes(contentOf(store, one ?? []), contentOf(store, other ?? []))).toBe(true)
      }),
      { numRuns: Number(process.env.GODWIT_PROPERTY_RUNS ?? 60) },
    )
  })

  test('what no layer holds is a hole in the merged one, through which one sees what is below', async () => {
    const store = new MemoryDisk()
    build(store, someChain)
    const into = 'vm.90.disk'
    const blocks = await mergeLayers(
      { sizeBytes, layers: names(4).slice(1), into },
      { store, ...wanted },
    )
    // Two of zeros, eleven from the middle, and the two at the end that three sectors touch.
    expect(blocks).toBe(15)
    expect(contentOf(store, [nameOf(0), into, nameOf(4)])[0]).toBe(1)
  })
})

/** What the process was doing when it died. */
class Death extends Error {}

/** A store as a process sees it that dies at its n-th word to it: it says nothing more then. */
function mortal(store: Disk, lastWord: number): Disk {
  let words = 0
  const say = <T>(what: () => T): T => {
    words += 1
    if (words > lastWord) throw new Death('the process is dead')
    return what()
  }
  const file = (one: DiskFile): DiskFile => ({
    get sizeBytes() {
      return one.sizeBytes
    },
    read: (offset, into) => say(() => one.read(offset, into)),
    write: (offset, from) => say(() => one.write(offset, from)),
    flush: () => say(() => one.flush()),
    close: () => one.close(),
  })
  return {
    open: (name, mode) => file(say(() => store.open(name, mode))),
    exists: (name) => store.exists(name),
    remove: (name) => say(() => store.remove(name)),
    rename: (from, to) => say(() => store.rename(from, to)),
    list: () => store.list(),
  }
}

describe('broken off', () => {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })
  const order = { sizeBytes, layers: names(4), into: 'vm.90.disk' }
  const keep = names(5)

  test('a death at any step leaves the disk as it was, and half a file that is swept', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'godwit-merge-'))
    folders.push(folder)
    const store = openFolderDisk(folder)
    build(store, someChain)
    const before = contentOf(store, keep)
    let [deaths, left] = [0, 0]
    for (let lastWord = 0; ; lastWord++) {
      const ports = { store: mortal(store, lastWord), ...wanted }
      const end = await mergeLayers(order, ports).then(
        () => 'whole' as const,
        () => 'dead' as const,
      )
      expect(sameBytes(contentOf(store, keep), before)).toBe(true)
      if (end === 'whole') break
      deaths += 1
      if (store.exists(order.into)) left += 1
      sweepLayers(store, { keep, belowSerial: 1000 }, [])
      expect(readdirSync(folder).sort()).toEqual(keep)
    }
    expect(sameBytes(contentOf(store, [order.into, nameOf(4)]), before)).toBe(true)
    expect(deaths).toBeGreaterThan(20)
    expect(left).toBeGreaterThan(10)
  })

  test('half a file of that name, left by the dead, is no part of what is written anew', async () => {
    const store = new MemoryDisk()
    build(store, someChain)
    const half = openLayeredDisk(store, { sizeBytes, layers: [order.into], epoch: 9 })
    half.write(0, new Uint8Array(8192).fill(99))
    half.flush()
    half.close()
    await mergeLayers(order, { store, ...wanted })
    const merged = contentOf(store, [order.into, nameOf(4)])
    expect(sameBytes(merged, contentOf(store, keep))).toBe(true)
  })

  test('when it is whole it survives a loss of power, whatever of it was not flushed', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const store = new MemoryDisk()
      build(store, someChain)
      const before = contentOf(store, keep)
      await mergeLayers(order, { store, ...wanted })
      store.powerLoss(new SeededRandom(seed))
      expect(sameBytes(contentOf(store, [order.into, nameOf(4)]), before)).toBe(true)
    }
  })

  test.each([
    ['reads fail', { reads: true }],
    ['writes fail', { writes: true }],
    ['there is no room', { isFull: true }],
  ])('%s in the middle: a fault that says so, and nothing is left', async (_what, how) => {
    for (let after = 0; after < 12; after++) {
      const store = new MemoryDisk()
      build(store, someChain)
      const before = contentOf(store, keep)
      let [asked, isMended] = [0, false]
      const failing = faultyDisk(store, () => {
        const fails = asked++ >= after && !isMended
        return fails ? { ...noDiskFaults, ...how } : noDiskFaults
      })
      const end = await mergeLayers(order, { store: failing, ...wanted }).catch((error) => error)
      isMended = true
      // A store of which a part was full may have room for what was there to be overwritten.
      if (end instanceof Error) {
        expect((end as FaultError).fault.code).toBe('disk-failed')
        sweepLayers(store, { keep, belowSerial: 1000 }, [])
        expect(store.list()).toEqual(keep)
      }
      expect(sameBytes(contentOf(store, keep), before)).toBe(true)
    }
  })

  test('one that nobody waits for any more ends, and takes away what it wrote', async () => {
    const store = new MemoryDisk()
    build(store, someChain)
    let asked = 0
    const end = await mergeLayers(order, { store, clock, isWanted: () => asked++ < 1 }).catch(
      (error) => error,
    )
    expect(end).toBeInstanceOf(FaultError)
    expect((end as FaultError).fault.code).toBe('cancelled')
    expect(store.list()).toEqual(keep)
  })

  test('a layer that is missing is named', async () => {
    const store = new MemoryDisk()
    build(store, someChain)
    store.remove(nameOf(2))
    await expect(mergeLayers(order, { store, ...wanted })).rejects.toThrow(/vm\.2\.disk is missing/)
    expect(store.exists(order.into)).toBe(false)
  })
})
