// The store on a disk that fails or is full at an awkward moment: what is whole stays readable,
// and nothing that was begun keeps others away for ever.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PageListBuilder } from '#engine/snapshots/page-list.ts'
import type { Disk, DiskFile } from '#env/env.ts'
import { MemoryDisk, SeededRandom, VirtualClock } from '#env/memory.ts'
import { openFolderDisk } from '#env/real/disk.ts'
import { sha256 } from '#env/real.ts'
import { SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import { isPackName, markClearing, markUsing } from '#node-agent/snapshots/store-files.ts'
import { asVmId } from '#proto/ids.ts'
import { pageBytes } from '#proto/units.ts'
import { VmSpec } from '#proto/vm-spec.ts'

let folder = ''
let disk: Disk
let store: SnapshotStore
const clock = new VirtualClock()
const vmId = asVmId('vm1')

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-store-'))
  disk = openFolderDisk(folder)
  store = new SnapshotStore({ disk, clock, random: new SeededRandom(1), digest: sha256 })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Pages 0, 1, … hold these values. */
function put(into: SnapshotStore, name: string, values: readonly number[]): void {
  const pack = into.pages.write()
  const list = new PageListBuilder()
  for (const [page, value] of values.entries())
    list.set(page, pack.add(new Uint8Array(pageBytes).fill(value)))
  pack.finish()
  const identity = {
    instanceId: '00112233-4455-4677-8899-aabbccddeeff',
    mac: '02:00:00:00:00:01',
    randomSeed: 'ab'.repeat(32),
  }
  const spec = VmSpec.parse({ memoryMib: 4 })
  const id = name.padEnd(32, '0').replace(/[^0-9a-f]/g, 'a')
  const about = { vmId, name, id, takenWallMs: 5, depth: 0, spec, identity }
  const record = { ...about, disk: { sizeBytes: 0, layers: [] } }
  into.write({ record, list: list.finish(true), sections: [] })
}

test('a pack that was finished is given up without the file that has its descriptor by now', () => {
  const page = new Uint8Array(pageBytes).fill(7)
  const pack = store.pages.write()
  const digest = pack.add(page)
  pack.finish()
  // The snapshot's own file could not be written: the disk is full.
  pack.abandon()
  const others = ['a', 'b', 'c'].map((name) => disk.open(name, 'create'))
  for (const file of others) file.write(0, new Uint8Array(pageBytes).fill(1))
  const into = new Uint8Array(pageBytes)
  expect(store.pages.read(digest, into)).toBeUndefined()
  expect(into).toEqual(page)
  for (const file of others) file.close()
})

/** Takes the names of new files, and no more in them than there is room for: as a full disk may. */
function fullDisk(under: Disk, isFull: () => boolean, roomBytes = 0): Disk {
  const full = (file: DiskFile): DiskFile => ({
    get sizeBytes() {
      return file.sizeBytes
    },
    read: (offset, into) => file.read(offset, into),
    write: (offset, from) => {
      if (isFull() && from.length > roomBytes)
        throw new Error('ENOSPC: no space left on device, write')
      file.write(offset, from)
    },
    flush: () => file.flush(),
    close: () => file.close(),
  })
  return {
    open: (name, mode) => full(under.open(name, mode)),
    exists: (name) => under.exists(name),
    rename: (from, to) => under.rename(from, to),
    remove: (name) => under.remove(name),
    list: () => under.list(),
  }
}

test('a mark that does not fit on a full disk keeps nobody away when there is room again', async () => {
  let isFull = true
  const ports = { ...store.ports, disk: fullDisk(disk, () => isFull) }
  await expect(markClearing(ports)).rejects.toThrow('ENOSPC')
  await expect(markUsing(ports)).rejects.toThrow('ENOSPC')
  isFull = false
  expect(disk.list()).toEqual([])
})

test('a mark that its maker died over, or lost with the power, counts no longer than others', async () => {
  const dead = { nowMs: () => clock.nowMs(), wallMs: () => clock.wallMs() }
  const made = await markClearing({
    ...store.ports,
    clock: { ...dead, wakeAt: () => () => undefined },
  })
  expect(made).toBeTypeOf('function')
  const [name = ''] = disk.list()
  // The name was durable, what was in the file was not.
  disk.remove(name)
  disk.open(name, 'create').close()
  clock.advance(9 * 60_000)
  expect(disk.list()).toEqual([name])
  clock.advance(2 * 60_000)
  expect(await markUsing(store.ports)).toBeTypeOf('function')
})

test('a mark counts for as long as its maker lives and wants it', async () => {
  const mark = await markUsing(store.ports)
  for (let hours = 0; hours < 5; hours++) {
    clock.advance(60 * 60_000)
    expect(await markClearing(store.ports)).toMatchObject({ fault: { code: 'wrong-state' } })
  }
  if (typeof mark === 'function') mark()
  expect(disk.list()).toEqual([])
  clock.advance(60 * 60_000)
  expect(disk.list()).toEqual([])
  expect(await markClearing(store.ports)).toBeTypeOf('function')
})

test('on a full disk, packs that nobody needs go before those that must be written anew', async () => {
  let isFull = false
  const random = new SeededRandom(2)
  const ports = { clock, random, digest: sha256 }
  for (const value of [10, 20, 30, 40]) {
    isFull = false
    const under = new MemoryDisk()
    const full = fullDisk(under, () => isFull, 64)
    const crowded = new SnapshotStore({ disk: full, ...ports })
    put(crowded, 'both', [value, value + 1, value + 2])
    put(crowded, 'few', [value])
    put(crowded, 'alone', [value + 3, value + 4, value + 5])
    const crowdedPacks = () => under.list().filter(isPackName).length
    expect(crowdedPacks()).toBe(2)
    isFull = true
    await crowded.remove(vmId, 'both').catch(() => undefined)
    await crowded.remove(vmId, 'alone').catch(() => undefined)
    expect(crowdedPacks()).toBe(1)
  }
})

test('a pack that cannot be read is closed again each time', () => {
  put(store, 'one', [1, 2])
  store.pages.close()
  let open = 0
  const failing: Disk = {
    ...disk,
    open: (name, mode) => {
      const file = disk.open(name, mode)
      open++
      return {
        sizeBytes: file.sizeBytes,
        read: () => {
          throw new Error('EIO: input/output error, read')
        },
        write: (offset, from) => file.write(offset, from),
        flush: () => file.flush(),
        close: () => {
          open--
          file.close()
        },
      }
    },
  }
  const worn = new SnapshotStore({ ...store.ports, disk: failing })
  for (let n = 0; n < 3; n++) expect(() => worn.pages.refresh()).toThrow('EIO')
  expect(open).toBe(0)
})
