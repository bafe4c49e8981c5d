// The order in which it is remembered that somebody is gone: the process may be killed in between.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import type { ClusterStore } from '#coordinator/store.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'

const secret = 'gwo_of-this-machine'

/** A store that says what it is given to remember of ann. */
function telling(store: ClusterStore, told: string[]): ClusterStore {
  return {
    load: () => store.load(),
    close: () => store.close(),
    apply: (puts, deletes) => {
      for (const { kind, id, value } of puts)
        if (kind === 'vm') told.push(`${id} of ${(value as { owner?: string }).owner ?? 'nobody'}`)
      return store.apply(puts, deletes)
    },
    people: {
      load: () => store.people.load(),
      put: (entry) => store.people.put(entry),
      remove: (kind, id) => {
        if (kind === 'account') told.push(`no ${id}`)
        store.people.remove(kind, id)
      },
    },
  }
}

test('VMs are nobody’s before their person is gone, so that no namesake gets them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-removal-'))
  const told: string[] = []
  const { address, stop } = await startServer({
    ...{ clock: realClock, random: realRandom, log: new MemoryLog(), settings: defaultSettings },
    ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: '/nowhere' },
    ...{ token: 'of the agents', operatorSecret: secret },
    store: telling(openSqliteStore(join(folder, 'cluster.db')), told),
    onBug: (thrown) => {
      throw thrown
    },
  })
  onTestFinished(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const ask = async (method: string, path: string, body?: object) => {
    const json = body && { 'content-type': 'application/json' }
    const headers = { authorization: `Bearer ${secret}`, ...json }
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
    expect((await fetch(address + path, init)).ok, path).toBe(true)
  }
  for (const [name, role] of Object.entries({ olga: 'operator', ann: 'person' }))
    await ask('POST', '/v1/accounts', { name, role, password: `a long password of ${name}` })
  await ask('POST', '/v1/vms', { id: 'kv', spec: {} })
  await ask('PUT', '/v1/vms/kv/owner', { owner: 'ann' })
  await ask('DELETE', '/v1/accounts/ann')
  expect(told.slice(-2)).toEqual(['kv of nobody', 'no ann'])
})
