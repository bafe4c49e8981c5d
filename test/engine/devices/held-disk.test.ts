// A disk that holds its writes: what the guest reads of it, what the disk below sees and when, and
// that a replica which applies the same batches ends with the same disk, whatever the power did.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyBatch } from '#engine/devices/held-batch.ts'
import { HeldDisk } from '#engine/devices/held-disk.ts'
import { openLayeredDisk } from '#engine/devices/layered-disk.ts'
import { MemoryDisk, SeededRandom } from '#env/memory.ts'
import { TestDisk } from '../machine-rig.ts'
import { watched } from './watched-store.ts'

const sizeBytes = 6 * 4096 + 512 // the last block is not whole
const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

/** A disk that remembers in which order it was written and flushed. */
class LoggedDisk extends TestDisk {
  readonly done: string[] = []

  override write(offset: number, from: Uint8Array): void {
    super.write(offset, from)
    this.done.push(`write ${offset}+${from.length}`)
  }

  override flush(): void {
    super.flush()
    this.done.push('flush')
  }
}

function held() {
  const below = new LoggedDisk(sizeBytes)
  return { below, disk: new HeldDisk(below) }
}

const contentOf = (disk: { read(offset: number, into: Uint8Array): void }) => {
  const into = filled(sizeBytes, 0xee)
  disk.read(0, into)
  return into
}

describe('held writes', () => {
  test('are read by the guest, and the disk below sees neither them nor their flush', () => {
    const { below, disk } = held()
    disk.write(512, filled(1024, 1))
    disk.flush()
    expect(contentOf(disk).subarray(512, 1536)).toEqual(filled(1024, 1))
    disk.take()
    disk.close()
    expect(below.done).toEqual([])
    expect(below.closed).toBe(true)
  })

  test('are written in order, with their flushes, and one at the end', () => {
    const { below, disk } = held()
    disk.write(0, filled(512, 1))
    disk.flush()
    disk.flush()
    disk.write(512, filled(512, 2))
    const batch = disk.take()
    disk.flush() // of what the batch's own end flushes
    expect(disk.take()).toEqual(new Uint8Array(0))
    disk.writeTaken()
    const order = ['write 0+512', 'flush', 'write 512+512', 'flush']
    expect(below.done).toEqual(order)
    const replica = new LoggedDisk(sizeBytes)
    applyBatch(replica, batch)
    expect(replica.done).toEqual(order)
  })

  test('are not what the guest changes afterwards in its own memory', () => {
    const { disk } = held()
    const bytes = filled(4096, 1)
    disk.write(0, bytes)
    bytes.fill(2)
    expect(contentOf(disk)[0]).toBe(1)
  })

  test('that were taken are not what the guest writes into the same block later', () => {
    const { below, disk } = held()
    disk.write(0, filled(8192, 1))
    disk.take()
    disk.write(512, filled(512, 2))
    disk.write(4096, filled(512, 2))
    disk.writeTaken()
    expect(below.bytes.subarray(0, 8192)).toEqual(filled(8192, 1))
    expect(contentOf(disk).subarray(512, 1024)).toEqual(filled(512, 2))
    expect(contentOf(disk).subarray(1024, 4096)).toEqual(filled(3072, 1))
  })

  test('count what they hold in memory, until they are taken', () => {
    const { disk } = held()
    disk.write(0, filled(8192, 1))
    expect(disk.heldBytes).toBe(8192)
    disk.write(512, filled(512, 2))
    disk.write(1024, filled(512, 2))
    expect(disk.heldBytes).toBe(8192 + 4096 + 1024)
    disk.take()
    expect(disk.heldBytes).toBe(0)
    expect(disk.isEmpty).toBe(false)
    disk.writeTaken()
    expect(disk.isEmpty).toBe(true)
  })

  test('stay when the disk below fails, and can be written again', () => {
    const { below, disk } = held()
    disk.write(4096, filled(4096, 1))
    disk.take()
    disk.write(4096, filled(4096, 2))
    below.fails = new Error('EIO')
    expect(() => disk.writeAll()).toThrow('EIO')
    expect(() => disk.write(0, filled(512, 3))).toThrow('EIO')
    below.fails = undefined
    disk.writeAll()
    expect(below.bytes.subarray(0, 8192)).toEqual(
      Uint8Array.of(...filled(4096, 0), ...filled(4096, 2)),
    )
  })
})

describe('a batch of senseless bytes', () => {
  const sound = () => {
    const { disk } = held()
    disk.write(0, filled(512, 1))
    disk.flush()
    disk.write(sizeBytes - 512, filled(512, 2))
    return disk.take()
  }
  const at = (change: (view: DataView) => void) => {
    const batch = sound()
    change(new DataView(batch.buffer))
    return batch
  }
  const secondWrite = 16 + 16 + 512 + 16
  const senseless: Record<string, [Uint8Array, RegExp]> = {
    'is cut in its header': [sound().subarray(0, 12), /cut short/],
    'is cut in a record': [sound().subarray(0, -1), /cut short/],
    'is cut between records': [sound().subarray(0, secondWrite), /cut short/],
    'goes on behind its end': [Uint8Array.of(...sound(), 0), /1 bytes follow/],
    'is none': [at((view) => view.setUint8(0, 0)), /no batch/],
    'is of another version': [at((view) => view.setUint32(8, 2, true)), /version 2/],
    'has an unknown record': [at((view) => view.setUint32(secondWrite, 7, true)), /kind 7/],
    'has a flush with bytes': [at((view) => view.setUint32(secondWrite, 2, true)), /kind 2/],
    'has a length beyond its end': [
      at((view) => view.setUint32(secondWrite + 4, 0xffff_ffff, true)),
      /cut short/,
    ],
    'leads beyond the disk': [
      at((view) => view.setBigUint64(secondWrite + 8, BigInt(sizeBytes), true)),
      /not on this disk/,
    ],
    'leads far beyond the disk': [
      at((view) => view.setBigUint64(secondWrite + 8, 2n ** 64n - 1n, true)),
      /not on this disk/,
    ],
  }

  test.each(Object.keys(senseless))('that %s is refused, and nothing is written', (name) => {
    const [batch, why] = senseless[name] ?? []
    const disk = new LoggedDisk(sizeBytes)
    expect(() => applyBatch(disk, batch as Uint8Array)).toThrow(why)
    expect(disk.done).toEqual([])
  })

  test('law: whatever the bytes, a batch is applied or refused whole', () => {
    const changes = fc.array(fc.tuple(fc.nat(sound().length - 1), fc.nat(255)), { maxLength: 4 })
    fc.assert(
      fc.property(changes, (made) => {
        const batch = sound()
        for (const [offset, value] of made) batch[offset] = value
        const disk = new LoggedDisk(sizeBytes)
        let refused = false
        try {
          applyBatch(disk, batch)
        } catch (error) {
          expect((error as Error).message).toMatch(/refused, and nothing of it was written/)
          refused = true
        }
        expect(disk.done.length === 0).toBe(refused)
      }),
      { seed: 5, numRuns: 500 },
    )
  })

  test('the sound one is applied; no bytes are no batch and write nothing', () => {
    const disk = new LoggedDisk(sizeBytes)
    applyBatch(disk, new Uint8Array(0))
    expect(disk.done).toEqual([])
    applyBatch(disk, sound())
    expect(disk.bytes[0]).toBe(1)
    expect(disk.bytes.at(-1)).toBe(2)
  })
})

type Step =
  | { do: 'write'; offset: number; length: number; value: number }
  | { do: 'flush' | 'take' | 'write-taken' | 'write-all' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      offset: fc.nat(sizeBytes - 1),
      length: fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: 12_000 })),
      value: fc.integer({ min: 1, max: 255 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'take' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'write-taken' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'write-all' as const }) },
)

test('law: the guest reads what it wrote, the disk below is as it was when last taken', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const [below, replica] = [new TestDisk(sizeBytes), new TestDisk(sizeBytes)]
      const disk = new HeldDisk(below)
      const now = filled(sizeBytes, 0)
      let taken = now.slice()
      let written = now.slice()
      for (const each of steps) {
        if (each.do === 'write') {
          const from = filled(Math.min(each.length, sizeBytes - each.offset), each.value)
          disk.write(each.offset, from)
          now.set(from, each.offset)
        } else if (each.do === 'flush') disk.flush()
        else if (each.do === 'take' || each.do === 'write-all') {
          applyBatch(replica, disk.take())
          taken = now.slice()
          expect(Buffer.compare(replica.bytes, taken), 'what the replica has').toBe(0)
        }
        if (each.do === 'write-taken') disk.writeTaken()
        else if (each.do === 'write-all') disk.writeAll()
        if (each.do === 'write-taken' || each.do === 'write-all') written = taken
        expect(Buffer.compare(contentOf(disk), now), 'what the guest reads').toBe(0)
        expect(Buffer.compare(below.bytes, written), 'what is below').toBe(0)
      }
    }),
    { seed: 3, numRuns: 300 },
  )
})

class PowerLost extends Error {}
type Writes = readonly Step[]
const writes = fc.array(
  step.filter((each) => each.do === 'write' || each.do === 'flush'),
  { minLength: 1, maxLength: 12 },
)

function guestDoes(disk: HeldDisk, steps: Writes, sectors = 512): void {
  for (const each of steps) {
    if (each.do === 'flush') disk.flush()
    else if (each.do === 'write') {
      const offset = each.offset - (each.offset % sectors)
      const length = Math.min(Math.ceil(each.length / sectors) * sectors, sizeBytes - offset)
      disk.write(offset, filled(length, each.value))
    }
  }
}

test('law: the power goes while a batch is written; the replica that applies it has it all', () => {
  const losses = fc.record({ seed: fc.nat(), after: fc.nat(40) })
  fc.assert(
    fc.property(writes, writes, writes, losses, (before, batched, later, { seed, after }) => {
      const store = new MemoryDisk()
      let left = Infinity
      const spend = () => {
        if (left-- <= 0) throw new PowerLost()
      }
      const dying = watched(store, { write: spend, flush: spend })
      const open = (from: typeof dying, epoch: number) =>
        openLayeredDisk(from, { sizeBytes, layers: ['top'], epoch })
      const disk = new HeldDisk(open(dying, 1))
      guestDoes(disk, before)
      disk.writeAll()
      guestDoes(disk, batched)
      const batch = disk.take()
      const taken = contentOf(disk)
      guestDoes(disk, later) // never acknowledged, and lost with the node
      left = after
      try {
        disk.writeTaken()
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error
      }
      store.powerLoss(new SeededRandom(seed))
      const replica = open(store, 2)
      applyBatch(replica, batch)
      store.powerLoss(new SeededRandom(seed + 1)) // what it applied is durable
      expect(contentOf(open(store, 3))).toEqual(taken)
    }),
    { seed: 4, numRuns: 300 },
  )
})
