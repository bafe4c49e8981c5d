// A file that is read into memory of all threads: whole, empty, or not there.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSharedFile } from '#env/real/shared-file.ts'
import { temporaryHome } from '../cli/rehearsal.ts'

test('is what the file holds, and need not be copied', async () => {
  const file = join(temporaryHome(), 'file')
  const bytes = Uint8Array.from({ length: (9 << 20) + 3 }, (_, i) => i % 251)
  writeFileSync(file, bytes)
  const read = await readSharedFile(file)
  expect(read.buffer).toBeInstanceOf(SharedArrayBuffer)
  expect(Buffer.compare(read, bytes)).toBe(0)
})

test('an empty one is empty, and a missing one is told', async () => {
  const home = temporaryHome()
  writeFileSync(join(home, 'empty'), '')
  expect(await readSharedFile(join(home, 'empty'))).toHaveLength(0)
  await expect(readSharedFile(join(home, 'none'))).rejects.toThrow(/ENOENT/)
})
