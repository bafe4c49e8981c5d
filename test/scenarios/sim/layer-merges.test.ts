// Merges of layers in a whole cluster, with a guest that is written to all the time: whoever dies
// at whatever instant of one, nothing that was acknowledged is lost, the disk becomes short in the
// end, and the store has exactly the layers that are named. Virtual ms.

import { beforeAll, expect, test } from 'vitest'
import { asVmId } from '#proto/ids.ts'
import { disorder, unrest } from '#scenarios/sim/accounts.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { KvWriter } from './kv-writer.ts'
import { platform } from './platform.ts'

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

const names = ['a', 'b']
const vmId = asVmId('kv')

class Kept {
  readonly world: SimWorld
  readonly writer: KvWriter

  constructor(seed: number, mergeLayersAbove = 6) {
    const settings = { mergeLayersAbove }
    const size = { mips: 2, memoryMib: 32 }
    this.world = new SimWorld({ ...ours, ...size, nodes: names, seed, settings })
    this.writer = new KvWriter(this.world, 'kv')
  }

  get state() {
    return this.world.coordinator.coordinator.state
  }

  get vm() {
    return this.state.vms.get(vmId)
  }

  get layers(): number {
    return this.vm?.disk.layers.length ?? 0
  }

  async begin(): Promise<void> {
    await this.world.pass(600)
    this.world.run('kv', { args: 'workload=kv', memoryMib: 4, diskMib: 1, clock: 'real' }, 'a')
    await this.world.until('the VM to run', () => this.vm?.phase === 'running')
    await this.writer.write(100)
  }

  /** Snapshots one behind the other, with writes between them. */
  async keep(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const answer = this.world.ask({ do: 'snapshot', vmId })
      expect(answer).not.toHaveProperty('fault')
      await this.world.until('the snapshot', () =>
        [...this.state.snapshots.values()].every(({ phase }) => phase !== 'taking'),
      )
      await this.writer.write(20)
    }
  }

  /** @returns what is wrong, in the end */
  async rest(): Promise<string[]> {
    for (const name of names) if (!this.world.process(name).isAlive) this.world.restart(name)
    await this.world.pass(3500)
    if (this.vm?.phase === 'failed') this.world.ask({ do: 'start', vmId })
    await this.world.until('peace', () => unrest(this.world, names).length === 0)
    await this.world.until('order', () => disorder(this.world, names).length === 0, 900_000)
    return [...(await this.writer.check()), ...this.world.violations]
  }
}

test('a VM is kept far more often than its disk may have layers, and none is refused', async () => {
  const kept = new Kept(1)
  await kept.begin()
  let most = 0
  for (let n = 0; n < 8; n++) {
    await kept.keep(10)
    most = Math.max(most, kept.layers)
  }
  expect(await kept.rest()).toEqual([])
  expect(most).toBeLessThanOrEqual(9)
  expect(kept.writer.acknowledged).toBeGreaterThan(5)
})

test('its node dies at any instant of a merge: nothing is lost, and it is merged elsewhere', async () => {
  const cut = { written: 0, swapped: 0 }
  for (const afterMs of [0, 0.3, 1, 2, 3, 4, 5, 'whole'] as const) {
    const kept = new Kept(2, 60)
    await kept.begin()
    await kept.keep(3)
    expect(kept.world.ask({ do: 'merge', vmId })).not.toHaveProperty('fault')
    if (afterMs === 'whole')
      await kept.world.until('it to be whole', () => kept.vm?.merge?.isWhole === true)
    else await kept.world.pass(afterMs)
    if (kept.vm?.merge?.isWhole) cut.swapped += 1
    else if (kept.vm?.merge) cut.written += 1
    kept.world.process('a').kill()
    await kept.world.pass(50)
    expect(await kept.rest(), `a dies after: ${afterMs}`).toEqual([])
    expect(kept.vm).toMatchObject({ phase: 'running' })
    if (kept.layers > 2) kept.world.ask({ do: 'merge', vmId })
    await kept.world.until('the merge', () => kept.layers === 2)
    expect(await kept.rest()).toEqual([])
  }
  expect(cut.written).toBeGreaterThan(0)
  expect(cut.swapped).toBeGreaterThan(0)
})

test('a coordinator that is new in the middle of one begins it anew; nobody names two', async () => {
  for (const afterMs of [0.3, 2, 4, 6]) {
    const kept = new Kept(3, 4)
    await kept.begin()
    await kept.keep(4)
    await kept.world.until('a merge', () => kept.vm?.merge !== undefined, 60_000).catch(() => 0)
    await kept.world.pass(afterMs)
    kept.world.process('coordinator').kill()
    kept.world.restart('coordinator')
    await kept.world.until('short disks', () => kept.layers <= 4)
    expect(await kept.rest(), `after ${afterMs} ms`).toEqual([])
  }
})

test('a node hangs while it writes, and wakes when its VM runs elsewhere: no layer is left of it', async () => {
  const kept = new Kept(4, 60)
  await kept.begin()
  await kept.keep(3)
  kept.world.ask({ do: 'merge', vmId })
  await kept.world.pass(1)
  kept.world.process('a').hang()
  await kept.world.until('it to run elsewhere', () => kept.vm?.nodeId === 'b')
  await kept.world.pass(2000)
  kept.world.process('a').goOn()
  expect(await kept.rest()).toEqual([])
})

test('a full store ends a merge by name; with room again it is done', async () => {
  const kept = new Kept(5, 60)
  await kept.begin()
  await kept.keep(3)
  kept.world.diskFaults.set('a', { reads: false, writes: false, isFull: true })
  kept.world.ask({ do: 'merge', vmId })
  await kept.world.until('its end', () => kept.vm?.merge === undefined)
  kept.world.diskFaults.clear()
  const told = kept.state.events.filter(({ kind }) => kind === 'merge-failed')
  expect(told[0]?.text).toContain('no space left on the disk')
  kept.world.ask({ do: 'merge', vmId })
  await kept.world.until('the merge', () => kept.layers === 2)
  expect(await kept.rest()).toEqual([])
})

test('clones and the snapshots of a VM keep what they share, when it is merged and removed', async () => {
  const kept = new Kept(6, 60)
  await kept.begin()
  await kept.keep(3)
  const [first] = kept.state.snapshots.values()
  kept.world.ask({ do: 'merge', vmId })
  await kept.world.until('the merge', () => kept.layers === 2)
  await kept.world.pass(3000)
  const there = kept.world.disk.list()
  for (const layer of first?.record?.disk.layers ?? []) expect(there).toContain(layer)
  const name = first?.name ?? ''
  kept.world.ask({ do: 'restore', vmId, name })
  await kept.world.until('it to run again', () => kept.vm?.phase === 'running')
  await kept.world.until('order', () => disorder(kept.world, names).length === 0, 900_000)
  expect(kept.world.violations).toEqual([])
})
