// Secrets that several processes make at once: one of them counts, for all, and no half of one.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeSecretFile } from '#env/real/secret-file.ts'

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'godwit-secret-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('the first one counts, for its owner alone, and no draft of another stays', () => {
  const at = folder()
  const file = join(at, 'token')
  for (const text of ['first', 'second', 'third']) makeSecretFile(file, text)
  expect(readFileSync(file, 'utf8')).toBe('first')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(at)).toEqual(['token'])
})

test('what the disk refuses is told, and leaves nothing', () => {
  const at = folder()
  expect(() => makeSecretFile(join(at, 'no', 'such', 'folder'), 'text')).toThrow('ENOENT')
  expect(readdirSync(at)).toEqual([])
})
