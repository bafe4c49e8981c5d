// The store: a page is kept once and for as long as a snapshot names it; what is damaged, cut or
// gone is a fault by name; a power cut leaves what was whole; two nodes do not undo each other.

import { beforeEach, describe, expect, test } from 'vitest'
import { PageListBuilder } from '#engine/snapshots/page-list.ts'
import type { Clock, Disk, DiskFile } from '#env/env.ts'
import { MemoryDisk, SeededRandom, VirtualClock } from '#env/memory.ts'
import { sha256 } from '#env/real.ts'
import { type Snapshot, SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import { isPackName, isSnapshotName, markUsing } from '#node-agent/snapshots/store-files.ts'
import { StoreSource } from '#node-agent/snapshots/store-source.ts'
import { asVmId } from '#proto/ids.ts'
import { pageBytes } from '#proto/units.ts'
import { VmSpec } from '#proto/vm-spec.ts'

const vmId = asVmId('vm1')
const pageOf = (value: number) => new Uint8Array(pageBytes).fill(value)

let disk = new MemoryDisk()
let clock = new VirtualClock()
let seed = 0
const open = (by: Clock = clock) =>
  new SnapshotStore({ disk, clock: by, random: new SeededRandom(++seed), digest: sha256 })
let store = open()

beforeEach(() => {
  disk = new MemoryDisk()
  clock = new VirtualClock()
  store = open()
})

/** The clock of a process that hangs: what it wanted to do by then it does when it wakes up. */
function standing() {
  const due: (() => void)[] = []
  const wakeAt = (_atMs: number, act: () => void) => {
    due.push(act)
    return () => due.splice(due.indexOf(act), due.includes(act) ? 1 : 0)
  }
  const wake = () => {
    for (const act of due.splice(0)) act()
  }
  return { nowMs: () => clock.nowMs(), wallMs: () => clock.wallMs(), wakeAt, wake }
}

const packs = () => disk.list().filter(isPackName)
const packBytes = () => packs().reduce((sum, name) => sum + disk.open(name, 'read').sizeBytes, 0)

/** Pages 0, 1, … hold these values; over a parent, if one is named. */
function put(name: string, values: readonly number[], parent?: Snapshot, into = store): Snapshot {
  into.pages.refresh()
  const pack = into.pages.write()
  const list = new PageListBuilder()
  for (const [page, value] of values.entries()) list.set(page, pack.add(pageOf(value)))
  pack.finish()
  const snapshot: Snapshot = {
    record: {
      ...{ vmId, name, takenWallMs: 5 },
      id: name.padEnd(32, '0').replace(/[^0-9a-f]/g, 'a'),
      ...(parent ? { parent: { name: parent.record.name, id: parent.record.id } } : {}),
      depth: parent ? parent.record.depth + 1 : 0,
      spec: VmSpec.parse({ memoryMib: 4 }),
      identity: {
        instanceId: '00112233-4455-4677-8899-aabbccddeeff',
        mac: '02:00:00:00:00:01',
        randomSeed: 'ab'.repeat(32),
      },
      disk: { sizeBytes: 0, layers: [] },
    },
    list: list.finish(parent === undefined),
    sections: [{ kind: 'hart', version: 2, bytes: Uint8Array.of(1, 2, 3) }],
  }
  into.write(snapshot)
  return snapshot
}

/** What the pages of a snapshot hold, by their first byte; or the code of the fault. */
async function valuesOf(name: string, from = open(), pages = 4): Promise<number[] | string> {
  from.pages.refresh()
  const snapshot = from.read(vmId, name)
  if ('fault' in snapshot) return snapshot.fault.code
  const list = from.resolve(snapshot)
  if ('fault' in list) return list.fault.code
  const lost = from.missing(list)
  if (lost) return lost.code
  const source = new StoreSource(list, 1024, from.pages)
  const wanted = Uint32Array.from({ length: pages }, (_, page) => page)
  try {
    const got = await source.request(wanted)
    const values = new Map(Array.from(got.pages, (page, at) => [page, got.bytes[at * pageBytes]]))
    return Array.from(wanted, (page) => values.get(page) ?? 0)
  } catch (thrown) {
    return (thrown as { fault: { code: string } }).fault.code
  }
}

/** What comes of it, as time goes on. */
async function drive<T>(work: Promise<T>): Promise<T> {
  let isOver = false
  void work.finally(() => {
    isOver = true
  })
  while (!isOver) {
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return work
}

const countedFile = (file: DiskFile, onClose: () => void): DiskFile => ({
  get sizeBytes() {
    return file.sizeBytes
  },
  read: (at, into) => file.read(at, into),
  write: (at, bytes) => file.write(at, bytes),
  flush: () => file.flush(),
  close: () => {
    onClose()
    file.close()
  },
})

describe('a page', () => {
  test('is kept once, whoever has it', async () => {
    put('one', [1, 2, 3, 3])
    const bytes = packBytes()
    put('two', [3, 2, 1, 1])
    expect(packBytes()).toBe(bytes)
    put('three', [1, 2, 3, 4])
    expect(packBytes() - bytes).toBeLessThan(2 * pageBytes)
    expect(await valuesOf('two')).toEqual([3, 2, 1, 1])
    expect(await valuesOf('three')).toEqual([1, 2, 3, 4])
  })

  test('goes with the last snapshot that names it', async () => {
    put('one', [1, 2, 3, 4])
    put('two', [1, 5])
    expect(await store.remove(vmId, 'one')).toBeUndefined()
    expect(await valuesOf('two', open(), 2)).toEqual([1, 5])
    // One page of four is left in the first pack: it has moved, and the pack is gone.
    expect(packBytes()).toBeLessThan(3 * pageBytes)
    expect(await store.remove(vmId, 'two')).toBeUndefined()
    expect(disk.list()).toEqual([])
  })

  test('that is damaged is a fault when it is read, and no other page', async () => {
    put('one', [1, 2, 3, 4])
    const file = disk.open(packs()[0] ?? '', 'write')
    file.write(2 * pageBytes + 77, Uint8Array.of(9))
    expect(await valuesOf('one')).toBe('bad-snapshot')
    expect(await valuesOf('one', open(), 2)).toEqual([1, 2])
  })
})

describe('a chain', () => {
  test('gives each of its snapshots, and loses any of them without harm', async () => {
    const first = put('first', [1, 2, 3, 4])
    const second = put('second', [5], first)
    put('third', [6, 7], second)
    expect(await valuesOf('second')).toEqual([5, 2, 3, 4])
    expect(await valuesOf('third')).toEqual([6, 7, 3, 4])
    expect(await store.remove(vmId, 'second')).toBeUndefined()
    expect(await valuesOf('third')).toEqual([6, 7, 3, 4])
    expect(await store.remove(vmId, 'first')).toBeUndefined()
    expect(await valuesOf('third')).toEqual([6, 7, 3, 4])
    expect(store.read(vmId, 'third')).toMatchObject({ record: { depth: 0 } })
  })

  test('over a parent that is another one, or is gone, is a fault', async () => {
    const first = put('first', [1, 2])
    put('second', [3], first)
    disk.remove('snap.vm1.first')
    expect(await valuesOf('second')).toBe('unknown-snapshot')
    const { record, ...rest } = first
    store.write({ ...rest, record: { ...record, id: '0'.repeat(32) } })
    expect(await valuesOf('second')).toBe('bad-snapshot')
  })
})

describe('a file', () => {
  const snapshots = () => disk.list().filter(isSnapshotName)

  test('that is damaged, cut or empty is a fault by name', async () => {
    put('one', [1, 2])
    const name = snapshots()[0] ?? ''
    const { sizeBytes } = disk.open(name, 'read')
    for (let at = 0; at < sizeBytes; at += 13) {
      const file = disk.open(name, 'write')
      const byte = new Uint8Array(1)
      file.read(at, byte)
      file.write(at, Uint8Array.of((byte[0] ?? 0) ^ 0x40))
      expect(await valuesOf('one')).toBe('bad-snapshot')
      file.write(at, byte)
    }
    expect(await valuesOf('one', open(), 2)).toEqual([1, 2])
    disk.remove(name)
    disk.open(name, 'create')
    expect(await valuesOf('one')).toBe('bad-snapshot')
  })

  test('of a pack that is cut, damaged or gone is told as lost pages', async () => {
    const damages: readonly ((name: string) => void)[] = [
      (name) => disk.remove(name),
      (name) => {
        const file = disk.open(name, 'write')
        file.write(file.sizeBytes - 64, new Uint8Array(8))
      },
      (name) => disk.open(name, 'write').write(2 * pageBytes + 3, Uint8Array.of(7)),
      (name) => {
        const file = disk.open(name, 'write')
        file.write(file.sizeBytes, new Uint8Array(1))
      },
    ]
    for (const damage of damages) {
      disk = new MemoryDisk()
      store = open()
      put('one', [1, 2])
      damage(packs()[0] ?? '')
      expect(await valuesOf('one')).toBe('bad-snapshot')
    }
  })

  test('that cannot be read keeps every page where it is', async () => {
    put('one', [1, 2])
    put('two', [3, 4])
    disk.open('snap.vm1.one', 'write').write(20, Uint8Array.of(0xff))
    const before = packs()
    expect(await store.remove(vmId, 'two')).toMatchObject({ code: 'bad-snapshot' })
    expect(packs()).toEqual(before)
  })

  test('is whole or not there after the power went, whenever it went', async () => {
    for (let run = 0; run < 40; run++) {
      disk = new MemoryDisk()
      store = open()
      const first = put('first', [1, 2, 3, 4])
      // The power goes at one of the writes of the second.
      let left = run
      const cut = new Proxy(disk, {
        get: (of, key) => {
          const value = Reflect.get(of, key)
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => {
            if (key !== 'list' && key !== 'exists' && left-- === 0) throw new Error('no power')
            return value.apply(of, args)
          }
        },
      })
      const random = new SeededRandom(1000 + run)
      try {
        const dying = new SnapshotStore({ disk: cut, clock, random, digest: sha256 })
        put('second', [5, 6], first, dying)
      } catch {
        // It was at work.
      }
      disk.powerLoss(new SeededRandom(run))
      expect(await valuesOf('first')).toEqual([1, 2, 3, 4])
      const second = await valuesOf('second')
      expect([[5, 6, 3, 4], 'unknown-snapshot']).toContainEqual(second)
      expect(await open().clear()).toBeUndefined()
      expect(disk.list().filter((name) => name.startsWith('temp.'))).toEqual([])
      expect(await valuesOf('first')).toEqual([1, 2, 3, 4])
    }
  })
})

describe('two nodes', () => {
  test.for(['one', 'another'])('one of a chain goes, and one more by %s', async (who) => {
    const first = put('first', [1, 2, 3, 4])
    const second = put('second', [5], first)
    put('third', [6, 7], second)
    const other = who === 'one' ? store : open()
    const gone = [store.remove(vmId, 'second'), other.remove(vmId, 'first')]
    expect(await drive(Promise.all(gone))).toEqual([undefined, undefined])
    expect(await valuesOf('third')).toEqual([6, 7, 3, 4])
    expect(await store.remove(vmId, 'third')).toBeUndefined()
    expect(disk.list()).toEqual([])
  })

  test('remove nothing that the other relies on meanwhile', async () => {
    put('one', [1, 2])
    const other = open()
    const using = await markUsing(other.ports)
    expect(await store.remove(vmId, 'one')).toMatchObject({ code: 'wrong-state' })
    expect(store.has(vmId, 'one')).toBe(true)
    if (typeof using === 'function') using()
    expect(await store.remove(vmId, 'one')).toBeUndefined()
  })

  test('hold nothing open that the other has removed, a little after the last use', async () => {
    const held = new Set<string>()
    let isAway = false
    const counted: Disk = {
      exists: (name) => disk.exists(name),
      list: () => {
        if (isAway) throw new Error('EIO: i/o error, scandir')
        return disk.list()
      },
      remove: (name) => disk.remove(name),
      rename: (from, to) => disk.rename(from, to),
      open: (name, mode) => {
        const file = disk.open(name, mode)
        held.add(name)
        return countedFile(file, () => held.delete(name))
      },
    }
    const random = new SeededRandom(++seed)
    const other = new SnapshotStore({ disk: counted, clock, random, digest: sha256 })
    put('one', [1, 2])
    const [mark, again] = [await other.use(), await other.use()]
    expect(await valuesOf('one', other)).toEqual([1, 2, 0, 0])
    mark()
    clock.advance(60_000)
    expect([...held].filter(isPackName)).toEqual(packs())
    again()
    expect(await store.remove(vmId, 'one')).toBeUndefined()
    // A share that is away for a moment ends no node: it is looked again.
    isAway = true
    clock.advance(60_000)
    expect([...held].filter(isPackName)).not.toEqual([])
    isAway = false
    clock.advance(60_000)
    expect([...held].filter(isPackName)).toEqual([])
  })

  test('wait for one that clears, and not for ever', async () => {
    disk.open('clearing.ab', 'create').write(0, new TextEncoder().encode('0'))
    const waiting = markUsing(store.ports)
    for (let turns = 0; turns < 300; turns++) {
      await Promise.resolve()
      clock.advance(50)
    }
    expect(await waiting).toMatchObject({ fault: { code: 'timed-out' } })
  })

  test('do not wait for one that died long ago', async () => {
    disk.open('clearing.ab', 'create').write(0, new TextEncoder().encode('0'))
    clock.advance(11 * 60_000)
    expect(await markUsing(store.ports)).toBeTypeOf('function')
  })

  test('wait for one that was killed over its mark no longer than a minute', async () => {
    put('one', [1, 2])
    const hung = open(standing())
    await hung.use()
    expect(await store.remove(vmId, 'one')).toMatchObject({ code: 'wrong-state' })
    clock.advance(59_000)
    expect(await store.remove(vmId, 'one')).toMatchObject({ code: 'wrong-state' })
    clock.advance(2000)
    expect(await store.remove(vmId, 'one')).toBeUndefined()
    expect(disk.list()).toEqual([])
  })

  test('who was taken for dead and wakes up keeps no snapshot of pages that are gone', async () => {
    const timers = standing()
    const hung = open(timers)
    const end = await hung.use()
    const pack = hung.pages.write()
    const list = new PageListBuilder()
    list.set(0, pack.add(new Uint8Array(pageBytes).fill(3)))
    pack.finish()
    await store.clear()
    clock.advance(61_000)
    expect(await store.clear()).toBeUndefined()
    expect(packs()).toEqual([])
    timers.wake()
    expect(end.isHeld()).toBe(false)
    put('one', [1])
    expect(() => put('two', [3], undefined, hung)).toThrow('stood still')
    end()
  })

  test('nor removes anything that others rely on by now', async () => {
    put('one', [1, 2])
    put('two', [2, 3])
    const timers = standing()
    const hung = open(timers)
    const removing = hung.remove(vmId, 'one')
    expect(disk.list().some((name) => name.startsWith('clearing.'))).toBe(true)
    // It hangs: of what it has begun nothing happens before it wakes up.
    disk
      .list()
      .filter((name) => name.startsWith('clearing.'))
      .map((name) => disk.remove(name))
    const using = await markUsing(store.ports)
    expect(await removing.catch((thrown) => thrown.fault)).toMatchObject({ code: 'timed-out' })
    expect(await valuesOf('one')).toEqual([1, 2, 0, 0])
    if (typeof using === 'function') using()
  })

  test('find what the other has stored, and read on when it has moved', async () => {
    const other = open()
    put('one', [1, 2, 3, 4])
    put('two', [4, 9], undefined, other)
    expect(await valuesOf('two', store, 2)).toEqual([4, 9])
    const reading = open()
    expect(await valuesOf('two', reading, 2)).toEqual([4, 9])
    expect(await store.remove(vmId, 'one')).toBeUndefined()
    expect(await valuesOf('two', reading, 2)).toEqual([4, 9])
  })
})
