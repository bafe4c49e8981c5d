// The committed image against its source. Without the compiler that made it this can't be told:
// tools/guest.mjs then says so loudly, and the test's name does not hide it.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))

test('the committed image is what its source says (where its compiler is)', () => {
  const check = spawnSync(process.execPath, ['tools/guest.mjs', '--check'], { cwd: root })
  if (check.stdout.includes('SKIPPED')) console.warn(check.stdout.toString())
  expect(check.stderr.toString()).toBe('')
  expect(check.status).toBe(0)
})

test('the image is small, and holds no path of the machine that built it', () => {
  const image = readFileSync(new URL('../../../engine/guests/godwit-guest.bin', import.meta.url))
  expect(image.length).toBeLessThan(64 * 1024)
  expect(image.includes('/src')).toBe(false)
  expect(image.includes('/tmp')).toBe(false)
})
