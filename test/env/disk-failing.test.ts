// A folder whose disk fails as files are made in it: what could not be made durable is refused, and
// leaves no descriptor open. A process has some thousands of them, and its guests' disks need them.

import fs, { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolderDisk } from '#env/real/disk.ts'

const { fsyncSync } = fs
beforeEach(() => {
  fs.fsyncSync = () => {
    throw new Error('EIO: input/output error, fsync')
  }
  syncBuiltinESMExports()
})
afterEach(() => {
  fs.fsyncSync = fsyncSync
  syncBuiltinESMExports()
})

const openFiles = () => readdirSync('/proc/self/fd').length

test('a file that cannot be made durable leaves nothing open', () => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-disk-'))
  const disk = openFolderDisk(folder)
  const before = openFiles()
  for (let n = 0; n < 10; n++) {
    expect(() => disk.open(`file.${n}`, 'create')).toThrow('EIO')
    // Who tries again makes it anew: a name that is there already is taken for durable.
    expect(disk.list()).toEqual([])
  }
  for (let n = 0; n < 10; n++) {
    writeFileSync(join(folder, 'temp'), 'whole')
    expect(() => disk.rename('temp', 'named')).toThrow('EIO')
  }
  expect(openFiles()).toBe(before)
  rmSync(folder, { recursive: true })
})
