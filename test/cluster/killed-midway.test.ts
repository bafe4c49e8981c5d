// SIGKILL of the source, of the destination or of the coordinator at a random moment of a
// migration: at no time do two copies run, and in the end exactly one does. Seeded: a failure
// prints its seed and step. GODWIT_KILLS sets how often (10; the long run is 50), GODWIT_SEED where
// it starts.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'
import { KvClient } from '#scenarios/kv-client.ts'
import { type Cluster, nodesOf, startCluster } from './cluster.ts'

const kills = Number(process.env.GODWIT_KILLS ?? 10)
const seed = Number(process.env.GODWIT_SEED ?? 1)
const victims = ['source', 'destination', 'coordinator'] as const

const spec = { args: 'workload=kv', diskMib: 8, memoryMib: 32 }
/** So slow that a migration (some 300 kB) takes long enough to be hit in each of its phases. */
const params = { bandwidthBytesPerSecMax: 2_000_000, encoding: 'raw' } as const
const migrationMs = 220

/** @returns what was done, and in which phase of the migration */
async function killMidway(cluster: Cluster, random: SeededRandom): Promise<string> {
  const victim = victims[random.below(victims.length)]
  const source = await cluster.runsOnce('store')
  const others = cluster.nodes.filter((id) => id !== source)
  const to = others[random.below(others.length)]
  if (!to) throw new Error('a cluster of one node cannot migrate')
  const afterMs = random.below(migrationMs)
  const { id } = await cluster.api.migrate('store', { to, params, force: true })
  await sleep(afterMs)
  const { phase } = await cluster.api.migration(id)
  const what = `kill the ${victim} ${afterMs} ms into ${source} → ${to}, ${phase}`
  if (victim === 'coordinator') {
    await cluster.world.killCoordinator()
    await sleep(random.below(500))
    await cluster.world.restartCoordinator()
  } else {
    await cluster.world.killNode(victim === 'source' ? source : to)
  }
  await cluster.runsOnce('store')
  for (const { id, state } of cluster.world.processes())
    if (state === 'exited') await cluster.world.startNode(nodesOf(id)[0] ?? source)
  await cluster.online()
  return what
}

test(`${kills} kills during migrations, seed ${seed}: never two copies, in the end one`, {
  timeout: 180_000 + kills * 30_000,
}, async () => {
  const cluster = await startCluster(nodesOf('a', 'b', 'c'))
  const { api } = cluster
  await api.run({ id: 'store', spec })
  await cluster.runsOnce('store')
  const load = { id: 'client', vmId: 'store', writesPerSecond: 30, keys: 100, inFlight: 4 }
  const client = new KvClient({ api, clock: realClock, random: realRandom }, load, 't1', () => {})
  const random = new SeededRandom(seed)
  const story: string[] = []
  for (let i = 0; i < kills; i++) {
    story.push(await killMidway(cluster, random).catch((thrown) => `${thrown}`))
    expect(cluster.doubles, story.join('\n')).toEqual([])
    expect(story.at(-1), `seed ${seed}, step ${i}:\n${story.join('\n')}`).toMatch(/^kill /)
  }
  // A search that never hit a migration has not searched.
  expect(story.filter((what) => /copying|switching/.test(what)).length).toBeGreaterThan(kills / 4)
  client.stopWriting()
  await expect.poll(() => client.isQuiet, { timeout: 90_000 }).toBe(true)
  client.verify()
  await expect.poll(() => client.isVerified, { timeout: 90_000 }).toBe(true)
  expect(client.findings, story.join('\n')).toMatchObject({ lost: [], refused: 0 })
  expect(client.acknowledged).toBeGreaterThan(kills)
  client.close()
  expect(await cluster.stop()).toEqual([])
})
