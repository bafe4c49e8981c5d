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
