// Deleting anything frees what only it used, and nothing else: layers of disks in the cluster's
// store, counted after everything that makes and removes them.

import { beforeAll, expect, test } from 'vitest'
import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { platform } from './platform.ts'

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

const spec = { args: 'workload=kv', memoryMib: 4, diskMib: 1, clock: 'instructions' } as const
const random = new SeededRandom(9)

class Store {
  readonly world: SimWorld

  constructor(seed: number) {
    this.world = new SimWorld({ ...ours, nodes: ['a', 'b', 'c'], seed })
  }

  get #state() {
    return this.world.coordinator.coordinator.state
  }

  get layers(): string[] {
    return this.world.disk.list()
  }

  /** Layers that somebody names. */
  get named(): string[] {
    const vms = [...this.#state.vms.values()].flatMap(({ disk }) => disk.layers)
    const taken = [...this.#state.snapshots.values()].flatMap(
      ({ record }) => record?.disk.layers ?? [],
    )
    return [...new Set([...vms, ...taken])].sort()
  }

  async begin(): Promise<void> {
    await this.world.pass(600)
    this.world.run('kv', spec, 'a')
    await this.#running('kv')
  }

  async clone(ids: string[], to?: string): Promise<void> {
    const request = { ids, ...(to ? { to } : {}) }
    const identities = ids.map(() => freshIdentity(random))
    this.world.ask({ do: 'clone', vmId: asVmId('kv'), request, identities })
    for (const id of ids) await this.#running(id)
  }

  async snapshot(name: string): Promise<void> {
    this.world.ask({ do: 'snapshot', vmId: asVmId('kv'), name })
    await this.world.until('the snapshot', () =>
      [...this.#state.snapshots.values()].some((one) => one.name === name && one.phase === 'ready'),
    )
  }

  async drop(name: string): Promise<void> {
    this.world.ask({ do: 'drop-snapshot', vmId: asVmId('kv'), name })
    await this.world.until('it to be gone', () => this.#state.snapshots.size === 0)
  }

  async remove(id: string): Promise<void> {
    const vmId = asVmId(id)
    this.world.ask({ do: 'stop', vmId })
    await this.world.until(`${id} to stop`, () => this.#state.vms.get(vmId)?.phase === 'stopped')
    this.world.ask({ do: 'remove', vmId })
    expect(this.#state.vms.has(vmId)).toBe(false)
  }

  async #running(id: string): Promise<void> {
    await this.world.until(`${id} to run`, () => {
      const vm = this.#state.vms.get(asVmId(id))
      return vm?.phase === 'running' && vm.migrationId === undefined
    })
    await this.world.pass(500)
  }
}

test('what clones shared stays until the last of them is gone', async () => {
  const store = new Store(1)
  await store.begin()
  await store.clone(['one', 'two'], 'b')
  await store.clone(['three'])
  expect(store.layers.length).toBeGreaterThanOrEqual(5)
  for (const id of ['kv', 'one', 'three']) {
    await store.remove(id)
    await store.world.pass(4000)
    expect(store.layers.filter((name) => !store.named.includes(name))).toEqual([])
    expect(store.layers).toEqual(expect.arrayContaining(store.named.slice(0, 1)))
  }
  await store.remove('two')
  await store.world.pass(4000)
  expect(store.layers).toEqual([])
})

test('a snapshot keeps its layers, and frees them when it is removed', async () => {
  const store = new Store(2)
  await store.begin()
  await store.snapshot('before')
  await store.drop('before')
  await store.world.pass(4000)
  expect(store.layers).toEqual(store.named)
  await store.remove('kv')
  await store.world.pass(4000)
  expect(store.layers).toEqual([])
})

test('nothing is swept while a node that has VMs is silent: it may know better', async () => {
  const store = new Store(3)
  await store.begin()
  await store.clone(['one'], 'b')
  const before = store.layers
  store.world.process('b').hang()
  await store.world.pass(1000)
  await store.remove('kv')
  await store.world.pass(1200)
  expect(store.layers).toEqual(before)
  store.world.process('b').goOn()
  await store.world.pass(6000)
  expect(store.layers.filter((name) => !store.named.includes(name))).toEqual([])
})

test('an order to seal that is lost leaves no hole below what is laid on top of it', async () => {
  const store = new Store(4)
  const { world } = store
  await store.begin()
  world.network.clog('a', 300)
  expect(world.ask({ do: 'snapshot', vmId: asVmId('kv'), name: 'lost' })).not.toHaveProperty(
    'fault',
  )
  const again = world.ask({ do: 'snapshot', vmId: asVmId('kv'), name: 'again' })
  expect(again).toMatchObject({ fault: { code: 'wrong-state' } })
  const request = { ids: ['one'], to: 'a' }
  world.ask({ do: 'clone', vmId: asVmId('kv'), request, identities: [freshIdentity(random)] })
  await world.pass(200)
  world.process('a').kill()
  world.network.heal()
  const kv = () => world.coordinator.coordinator.state.vms.get(asVmId('kv'))
  await world.until('it to be started elsewhere', () => kv()?.recoveries === 1)
  await world.pass(4000)
  expect(kv()).toMatchObject({ phase: 'running' })
})
