// A guest that checks its own memory and a store under client load, moved again and again between
// two agents, with every byte of RAM hashed on both ends each time. GODWIT_MIGRATIONS sets how
// often (20; the long run is 100).

import { expect, test } from 'vitest'
import { realClock, realRandom } from '#env/real.ts'
import { KvClient } from '#scenarios/kv-client.ts'
import { type Cluster, nodesOf, startCluster } from './cluster.ts'

const migrations = Number(process.env.GODWIT_MIGRATIONS ?? 20)
const params = { verify: 'full' } as const

test(`${migrations} migrations of each: no hash differs, no byte is wrong, no write is lost`, {
  timeout: 180_000 + migrations * 6000,
}, async () => {
  const cluster = await startCluster(nodesOf('left', 'right'))
  const { api } = cluster
  await api.run({ id: 'store', spec: { args: 'workload=kv', diskMib: 8, memoryMib: 24 } })
  await api.run({ id: 'proof', spec: { args: 'workload=check mib=8 rate=1000', memoryMib: 24 } })
  await Promise.all(['store', 'proof'].map((id) => cluster.runsOnce(id)))
  const said = cluster.listen('proof')
  const load = { id: 'client', vmId: 'store', writesPerSecond: 50, keys: 200, inFlight: 8 }
  const client = new KvClient({ api, clock: realClock, random: realRandom }, load, 't1', () => {})

  for (let i = 0; i < migrations; i++)
    for (const vmId of ['store', 'proof']) await moveAcross(cluster, vmId)

  const roundsBefore = said.lines.filter((line) => line.startsWith('check ok')).length
  await expect
    .poll(() => said.lines.filter((line) => line.startsWith('check ok')).length, {
      timeout: 90_000,
    })
    .toBeGreaterThan(roundsBefore)
  expect(said.lines.filter((line) => /BAD|fatal/.test(line))).toEqual([])

  client.stopWriting()
  await expect.poll(() => client.isQuiet, { timeout: 90_000 }).toBe(true)
  client.verify()
  await expect.poll(() => client.isVerified, { timeout: 90_000 }).toBe(true)
  expect(client.findings).toMatchObject({ lost: [], refused: 0 })
  expect(client.acknowledged).toBeGreaterThan(migrations)
  expect(cluster.doubles).toEqual([])
  client.close()
  said.close()
  expect(await cluster.stop()).toEqual([])
})

/**
 * Moves it to the other node, and sees that it runs there and that both ends had the same bytes.
 */
async function moveAcross(cluster: Cluster, vmId: string): Promise<void> {
  const from = await cluster.runsOnce(vmId)
  const to = from === 'left' ? 'right' : 'left'
  const { id } = await cluster.api.migrate(vmId, { to, params, force: true })
  const ended = await cluster.ended(id)
  expect(ended, JSON.stringify(ended.fault)).toMatchObject({
    phase: 'done',
    record: { hash: expect.stringMatching(/^[0-9a-f]{16}$/) },
  })
  expect(await cluster.runsOnce(vmId)).toBe(to)
}
