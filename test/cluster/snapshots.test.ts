// Snapshots in a real cluster: taken while clients write, restored where the VM is and where it has
// moved to, with the disk as it was; and removed, one of a chain.

import { expect, test } from 'vitest'
import { type Cluster, nodesOf, startCluster } from './cluster.ts'
import { talk } from './talk.ts'

async function take(cluster: Cluster, vmId: string, name: string): Promise<void> {
  await cluster.api.snapshot(vmId, { name })
  const phase = async () => (await cluster.api.snapshots(vmId)).find((s) => s.name === name)?.phase
  await expect.poll(phase, { timeout: 60_000 }).toBe('ready')
}

async function restore(cluster: Cluster, vmId: string, name: string): Promise<void> {
  const { epoch } = await cluster.api.restore(vmId, name)
  const isBack = async () => {
    const { phase, epoch: now } = await cluster.api.vm(vmId)
    return phase === 'running' && now > epoch
  }
  await expect.poll(isBack, { timeout: 60_000 }).toBe(true)
}

/** `new` came from `old`, and differs from it. */
async function expectNewAfterOld({ api }: Cluster): Promise<void> {
  const views = await api.snapshots('store')
  expect(views.find(({ name }) => name === 'new')).toMatchObject({
    ...{ basedOn: 'old', isCurrent: true },
  })
  const difference = await api.compareSnapshots('store', 'old', 'new')
  expect(difference.changed + difference.appeared).toBeGreaterThan(0)
  expect(difference.layersNew).toHaveLength(1)
  await expect(api.compareSnapshots('store', 'old', 'none')).rejects.toThrow('no snapshot none')
}

test('a store goes back to what it was, again and again, wherever it runs', async () => {
  const cluster = await startCluster(nodesOf('left', 'right'))
  const { api } = cluster
  await api.run({ id: 'store', spec: { args: 'workload=kv', diskMib: 8, memoryMib: 24 } })
  await cluster.runsOnce('store')
  const guest = talk(cluster, 'store')
  await guest.ask('put key old')
  await take(cluster, 'store', 'old')
  await guest.ask('put key new')
  await take(cluster, 'store', 'new')
  await guest.ask('put key newest')
  await expectNewAfterOld(cluster)

  await restore(cluster, 'store', 'old')
  expect(await guest.ask('get key')).toBe('value old')
  const from = await cluster.runsOnce('store')
  const to = from === 'left' ? 'right' : 'left'
  const moved = await cluster.ended((await api.migrate('store', { to })).id)
  expect(moved.phase).toBe('done')
  await restore(cluster, 'store', 'new')
  expect(await guest.ask('get key')).toBe('value new')
  await guest.ask('put key other')

  await api.dropSnapshot('store', 'old')
  const names = async () => (await api.snapshots('store')).map(({ name }) => name)
  await expect.poll(names, { timeout: 60_000 }).toEqual(['new'])
  expect((await api.snapshots('store'))[0]).not.toHaveProperty('basedOn')
  await api.act('store', 'stop')
  await expect.poll(async () => (await api.vm('store')).phase, { timeout: 60_000 }).toBe('stopped')
  await restore(cluster, 'store', 'new')
  expect(await guest.ask('get key')).toBe('value new')
  expect(guest.lines.filter((line) => /BAD|fatal/.test(line))).toEqual([])
  expect(cluster.doubles).toEqual([])
  guest.close()
  expect(await cluster.stop()).toEqual([])
}, 300_000)
