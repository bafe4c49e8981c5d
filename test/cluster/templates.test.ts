// A template in a real cluster: kept while its VM goes on, new VMs begin from it with its memory
// and its disk, each somebody else; and they need neither the VM nor the template any more.

import { expect, test } from 'vitest'
import { VmSpec } from '#proto/vm-spec.ts'
import { type Cluster, nodesOf, startCluster } from './cluster.ts'
import { talk } from './talk.ts'

async function template(cluster: Cluster, vm: string, name: string): Promise<void> {
  const { api } = cluster
  await api.snapshot(vm, { name: 'tmp' })
  const taken = async () => (await api.snapshots(vm)).find((one) => one.name === 'tmp')?.phase
  await expect.poll(taken, { timeout: 60_000 }).toBe('ready')
  await api.keepTemplate({ name, vm, snapshot: 'tmp', about: 'with one key' })
  await phaseOf(cluster, name, 'ready')
  await api.dropSnapshot(vm, 'tmp')
  await expect.poll(() => api.snapshots(vm), { timeout: 60_000 }).toEqual([])
}

const phaseOf = ({ api }: Cluster, name: string, phase: string | undefined) =>
  expect
    .poll(async () => (await api.templates()).find((one) => one.name === name)?.phase, {
      timeout: 60_000,
    })
    .toBe(phase)

async function removed({ api }: Cluster, vm: string): Promise<void> {
  await api.act(vm, 'stop')
  await expect.poll(async () => (await api.vm(vm)).phase, { timeout: 60_000 }).toBe('stopped')
  await api.remove(vm)
}

test('a shop is kept, deployed twice, and forgotten', { timeout: 300_000 }, async () => {
  const cluster = await startCluster(nodesOf('left', 'right'))
  const { api } = cluster
  await api.run({ id: 'shop', spec: { args: 'workload=kv', diskMib: 4, memoryMib: 24 } })
  await cluster.runsOnce('shop')
  const shop = talk(cluster, 'shop')
  await shop.ask('put key kept')
  await template(cluster, 'shop', 'shop-v1')
  await shop.ask('put key later')
  const spec = VmSpec.parse({ cpuShares: 512 })
  await api.run({ id: 'one', spec, template: 'shop-v1', startOn: 'left' })
  await api.run({ id: 'two', spec, template: 'shop-v1', startOn: 'right' })
  await cluster.runsOnce('one')
  await cluster.runsOnce('two')
  const [one, two] = [talk(cluster, 'one'), talk(cluster, 'two')]
  expect(await one.ask('get key')).toBe('value kept')
  expect(await two.ask('get key')).toBe('value kept')
  await two.ask('put key own')
  expect(await one.ask('get key')).toBe('value kept')
  expect(await shop.ask('get key')).toBe('value later')
  const vms = await Promise.all(['shop', 'one', 'two'].map((id) => api.vm(id)))
  expect(new Set(vms.map(({ identity }) => identity.mac)).size).toBe(3)
  expect(vms[1]?.spec).toMatchObject({ args: 'workload=kv', memoryMib: 24, cpuShares: 512 })
  shop.close()
  await removed(cluster, 'shop')
  await api.dropTemplate('shop-v1')
  await phaseOf(cluster, 'shop-v1', undefined)
  const moved = await cluster.ended((await api.migrate('one', { to: 'right' })).id)
  expect(moved.phase).toBe('done')
  expect(await one.ask('get key')).toBe('value kept')
  expect(await two.ask('get key')).toBe('value own')
  await expect(api.run({ id: 'three', spec, template: 'shop-v1' })).rejects.toThrow('no template')
  for (const line of [one, two]) line.close()
  expect(await cluster.stop()).toEqual([])
})
