// The store keeps what it was given, all of a step or nothing, also when its process is killed in
// the middle.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import type { StoredRecord } from '#coordinator/core/records.ts'
import { loadState } from '#coordinator/core/stored-state.ts'
import { openSqliteStore, SqliteStore } from '#coordinator/shell/sqlite-store.ts'

let folder = ''
let file = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-store-'))
  file = join(folder, 'cluster.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const record = (id: string, value: unknown): StoredRecord => ({ kind: 'vm', id, value })

test('what was applied is there after it was closed', () => {
  const store = openSqliteStore(file)
  store.apply([record('a', { n: 1 }), record('b', { n: 1 })], [])
  store.apply([record('a', { n: 2 })], [{ kind: 'vm', id: 'b' }])
  store.close()
  const again = openSqliteStore(file)
  expect(again.load()).toEqual([record('a', { n: 2 })])
  again.close()
})

test('a transaction that fails leaves nothing behind', () => {
  const store = openSqliteStore(file)
  const bad = { kind: 'vm', id: undefined, value: 1 } as unknown as StoredRecord
  expect(() => store.apply([record('a', 1), bad], [])).toThrow()
  expect(store.load()).toEqual([])
  store.apply([record('a', 2)], [])
  expect(store.load()).toHaveLength(1)
  store.close()
})

test('a disk that is full is called so, and what was there stays', () => {
  const database = new DatabaseSync(file)
  const store = new SqliteStore(database)
  store.apply([record('a', 1)], [])
  database.exec('pragma max_page_count = 8')
  const large = { text: 'x'.repeat(100_000) }
  expect(() => store.apply([record('a', 2), record('b', large)], [])).toThrow(/full/)
  expect(store.load()).toEqual([record('a', 1)])
  store.apply([record('a', 3)], [])
  expect(store.load()).toEqual([record('a', 3)])
  store.close()
})

test('a second coordinator on the same file is turned away by name', () => {
  const store = openSqliteStore(file)
  expect(() => openSqliteStore(file)).toThrow(/does another coordinator use it/)
  store.close()
})

test('a record that this version cannot read is refused by its name, not skipped', () => {
  const names = { clusterId: 'c', runId: 'r' }
  const loaded = loadState([record('a', { id: 'a' })], names, defaultSettings, 0)
  expect(loaded).toMatchObject({ code: 'incompatible' })
  expect('message' in loaded && loaded.message).toMatch(/vm\/a/)
})

/**
 * Writes pairs that must always agree, and says each number only after its transaction has
 * returned.
 */
const writer = `
  import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
  const store = openSqliteStore(process.argv[1])
  for (let n = 1; ; n++) {
    const put = (id) => ({ kind: 'vm', id, value: n })
    store.apply([put('left'), put('right'), put('only-' + n)], [{ kind: 'vm', id: 'only-' + (n - 1) }])
    process.stdout.write(n + '\\n')
  }`

test('SIGKILL at any moment: nothing acknowledged is lost, and no half of a step is there', async () => {
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  for (const afterLines of [1, 7, 23]) {
    rmSync(file, { force: true })
    const args = ['--input-type=module-typescript', '--eval', writer, file]
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    let told = 0
    for await (const line of createInterface({ input: child.stdout })) {
      told = Number(line)
      if (told === afterLines) child.kill('SIGKILL')
    }
    await ended
    expect(told).toBeGreaterThanOrEqual(afterLines)
    const store = openSqliteStore(file)
    const found = Object.fromEntries(store.load().map(({ id, value }) => [id, value]))
    store.close()
    const { left } = found
    expect(left).toBeGreaterThanOrEqual(told)
    expect(found).toEqual({ left, right: left, [`only-${left}`]: left })
  }
})
