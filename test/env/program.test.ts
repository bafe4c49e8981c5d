// A bundle runs only while it is newer than all that it was made from, and stands where it was.

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { programFile } from '#env/real/program.ts'
import { temporaryHome } from '../cli/rehearsal.ts'
import { repositoryRoot } from '../tidy/source-file.ts'

const [old, made, later] = [1000, 2000, 3000]

/** A checkout with one program of two sources, bundled by `builder`. */
function checkout({ builder = '' } = {}): string {
  const root = `${temporaryHome()}/`
  for (const folder of ['cli', '.cache/programs/cli']) mkdirSync(root + folder, { recursive: true })
  for (const path of ['cli/process.ts', 'cli/words.ts']) {
    writeFileSync(root + path, '')
    utimesSync(root + path, old, old)
  }
  const sources = { 'cli/process': ['cli/process.ts', 'cli/words.ts'] }
  const origin = { root: builder || root, sources }
  writeFileSync(`${root}.cache/programs/origin.json`, JSON.stringify(origin))
  utimesSync(`${root}.cache/programs`, made, made)
  return root
}

const chosen = (root: string, program = 'cli/process') => {
  const file = programFile(pathToFileURL(`${root}${program}.ts`), root)
  return fileURLToPath(file).slice(root.length)
}

test('a bundle that is newer than its sources runs', () => {
  expect(chosen(checkout())).toBe('.cache/programs/cli/process.js')
})

test('when one source has changed, or is gone, the sources run', () => {
  const root = checkout()
  utimesSync(`${root}cli/words.ts`, later, later)
  expect(chosen(root)).toBe('cli/process.ts')
  rmSync(`${root}cli/words.ts`)
  expect(chosen(root)).toBe('cli/process.ts')
})

test('a bundle of another folder, or of other programs, does not count', () => {
  expect(chosen(checkout({ builder: '/elsewhere/' }))).toBe('cli/process.ts')
  expect(chosen(checkout(), 'cli/other')).toBe('cli/other.ts')
})

test('where nothing was built the sources run', () => {
  expect(chosen(`${temporaryHome()}/`)).toBe('cli/process.ts')
})

test('each program of this checkout is bundled, and starts from its bundle', () => {
  for (const program of ['cli/process', 'coordinator/process', 'node-agent/process']) {
    expect(chosen(repositoryRoot, program)).toBe(`.cache/programs/${program}.js`)
    const main = `${repositoryRoot}${program.replace('process', 'main')}.ts`
    const { stdout, status } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' })
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: /usage|--node/i })
  }
  expect(chosen(repositoryRoot, 'node-agent/pcpu-thread')).toMatch(/\.js$/)
})
