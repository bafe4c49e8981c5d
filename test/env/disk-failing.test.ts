// A folder whose disk fails as files are made in it: what could not be made durable is refused, and
// leaves no descriptor open. A process has some thousands of them, and its guests' disks need them.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openFolderDisk } from '#env/real/disk.ts'

vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  fsyncSync: () => {
    throw new Error('EIO: input/output error, fsync')
  },
}))

const openFiles = () => readdirSync('/proc/self/fd').length

test('a file that cannot be made durable leaves nothing open', () => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-disk-'))
  const disk = openFolderDisk(folder)
  const before = openFiles()
  for (let n = 0; n < 10; n++) expect(() => disk.open(`file.${n}`, 'create')).toThrow('EIO')
  for (let n = 0; n < 9; n++) expect(() => disk.rename(`file.${n}`, `other.${n}`)).toThrow('EIO')
  expect(openFiles()).toBe(before)
  rmSync(folder, { recursive: true })
})
