// The store on a disk that fails or is full at an awkward moment: what is whole stays readable,
// and nothing that was begun keeps others away for ever.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Disk, DiskFile } from '#env/env.ts'
import { SeededRandom, VirtualClock } from '#env/memory.ts'
import { sha256 } from '#env/real.ts'
import { openFolderDisk } from '#env/real/disk.ts'
import { SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import { markClearing, markUsing } from '#node-agent/snapshots/store-files.ts'
import { pageBytes } from '#proto/units.ts'

let folder = ''
let disk: Disk
let store: SnapshotStore
const clock = new VirtualClock()

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-store-'))
  disk = openFolderDisk(folder)
  store = new SnapshotStore({ disk, clock, random: new SeededRandom(1), digest: sha256 })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

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

/** Takes the names of new files, but not what is in them, as a full disk may. */
function fullDisk(under: Disk, isFull: () => boolean): Disk {
  const full = (file: DiskFile): DiskFile => ({
    get sizeBytes() {
      return file.sizeBytes
    },
    read: (offset, into) => file.read(offset, into),
    write: (offset, from) => {
      if (isFull()) throw new Error('ENOSPC: no space left on device, write')
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
  expect(() => markClearing(ports)).toThrow('ENOSPC')
  await expect(markUsing(ports)).rejects.toThrow('ENOSPC')
  isFull = false
  expect(disk.list()).toEqual([])
})

test('a mark that its maker died over, or lost with the power, counts no longer than others', async () => {
  const made = markClearing(store.ports)
  expect(made).toBeTypeOf('function')
  const [name = ''] = disk.list()
  // The name was durable, what was in the file was not.
  disk.remove(name)
  disk.open(name, 'create').close()
  expect(markClearing(store.ports)).toBeTypeOf('function')
  clock.advance(11 * 60_000)
  expect(await markUsing(store.ports)).toBeTypeOf('function')
})
