// A coordinator whose disk is full: what it has decided and cannot keep it must not go on with,
// whoever asked for it. Whoever watches the process starts it again, from what is kept.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { startServer } from '#coordinator/shell/server.ts'
import { SqliteStore } from '#coordinator/shell/sqlite-store.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'

test('the process ends when a person asks for what cannot be kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-full-'))
  const database = new DatabaseSync(join(folder, 'cluster.db'))
  const ended: string[] = []
  const { address, stop } = await startServer({
    ...{ clock: realClock, random: realRandom, log: new MemoryLog(), settings: defaultSettings },
    ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: '/nowhere', token: 'a secret' },
    store: new SqliteStore(database),
    onBug: (thrown) => void ended.push(String(thrown)),
  })
  onTestFinished(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const run = (id: string) =>
    fetch(`${address}/v1/vms`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ id, spec: { args: 'workload=cpu '.repeat(30) } }),
    })
  expect((await run('a')).status).toBe(202)
  database.exec('pragma max_page_count = 1')
  let answer = await run('b0')
  for (let n = 1; n < 100 && answer.ok; n++) answer = await run(`b${n}`)
  expect(answer.status).toBe(500)
  expect(await answer.text()).toContain('full')
  expect(ended).toEqual([expect.stringContaining('full')])
})
