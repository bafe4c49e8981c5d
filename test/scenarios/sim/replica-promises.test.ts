// What the levels of protection promise, kept in the simulated world: what an operator, a guest or
// a node that goes in good order ends loses nothing; what is lost is no older than its level says.
// Virtual ms. Not here: faults at any message (replica-sweep.test.ts).

import { beforeAll, describe, expect, test } from 'vitest'
import type { HaPolicyChange } from '#proto/ha.ts'
import { asVmId } from '#proto/ids.ts'
import { disorder, unrest } from '#scenarios/sim/accounts.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { KvWriter } from './kv-writer.ts'
import { platform } from './platform.ts'
import { leaked, unanswered } from './replica-laws.ts'

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

const names = ['a', 'b', 'c']
const vmId = asVmId('vm')
const kv = { args: 'workload=kv', memoryMib: 4, diskMib: 1, clock: 'instructions' } as const
const rare = { protection: 'checkpoint', checkpointMs: 60_000 } as const

class Run {
  readonly world: SimWorld
  readonly writer: KvWriter

  constructor(seed = 1) {
    this.world = new SimWorld({ ...ours, nodes: names, seed, mips: 2, memoryMib: 32 })
    this.writer = new KvWriter(this.world, 'vm')
  }

  get vm() {
    return this.world.coordinator.coordinator.state.vms.get(vmId)
  }

  /** How far it is. */
  snapshot(name: string) {
    return this.world.coordinator.coordinator.state.snapshots.get(`${vmId}/${name}`)?.phase
  }

  policy(change: Partial<HaPolicyChange>): void {
    this.world.ask({ do: 'set-policy', vmId, change: change as HaPolicyChange })
  }

  async begin(change: Partial<HaPolicyChange>, spec: object = kv): Promise<void> {
    const { world } = this
    await world.pass(600)
    world.run('vm', { ...kv, ...spec }, 'a')
    await world.until('the VM to run', () => this.vm?.phase === 'running')
    await world.pass(500)
    this.policy(change)
  }

  /** Its replica counts. */
  async kept(): Promise<void> {
    await this.world.until('a replica', () => this.vm?.replica?.phase === 'ready')
  }

  async runsOn(other: string): Promise<void> {
    const isSo = () => this.vm?.phase === 'running' && this.vm.nodeId !== other
    await this.world.until('it to run elsewhere', isSo)
  }

  /** As its replica had it, which its node tells. */
  async wentOn(): Promise<void> {
    await this.world.until('the replica to go on', () => this.vm?.wentOnFrom !== undefined)
  }

  /** Whatever is broken or left over, in the end. */
  async account(): Promise<string[]> {
    const { world } = this
    const isAtPeace = () => unrest(world, this.#alive()).length === 0
    await world.until('peace', isAtPeace, 120_000)
    const left = () => disorder(world, this.#alive()).filter((text) => !text.startsWith('layers'))
    await world.until('order', () => left().length === 0, 45_000).catch(() => undefined)
    return [...world.violations, ...left()]
  }

  #alive(): string[] {
    return names.filter((name) => this.world.node(name).process.isAlive)
  }
}

describe.each([rare, { protection: 'continuous' }] as const)('$protection', (level) => {
  test('a node that shuts down in good order loses nothing', { timeout: 300_000 }, async () => {
    const run = new Run()
    await run.begin(level)
    await run.kept()
    await run.writer.write(3000)
    const { bootEpoch } = run.vm ?? {}
    await run.world.drive(run.world.node('a').stop())
    await run.wentOn()
    expect(await run.writer.check()).toEqual([])
    expect(run.writer.acknowledged).toBeGreaterThan(0)
    expect(run.vm?.bootEpoch === bootEpoch).toBe(level.protection === 'continuous')
    expect(await run.account()).toEqual([])
  })

  test('a VM that is to wait for its node waits, whoever could go on', {
    timeout: 300_000,
  }, async () => {
    const run = new Run()
    await run.begin(level)
    run.world.ask({ do: 'set-ha', change: { shutdown: 'freeze' } })
    await run.kept()
    await run.writer.write(2000)
    await run.world.drive(run.world.node('a').stop())
    await run.world.pass(10_000)
    expect(run.vm).toMatchObject({ phase: 'recovering', frozenOn: 'a' })
    run.world.restart('a')
    await run.world.until('it to run', () => run.vm?.phase === 'running')
    expect(run.vm?.nodeId).toBe('a')
    expect(run.vm?.wentOnFrom).toBeUndefined()
    expect(await run.writer.check()).toEqual([])
    await run.kept()
    expect(await run.account()).toEqual([])
  })

  test('nor before its first checkpoint is kept', { timeout: 300_000 }, async () => {
    const run = new Run()
    await run.begin({ protection: 'restart' })
    await run.writer.write(1000)
    // It is never said that it is kept.
    let unsaid = 0
    run.world.network.onSend = ({ bytes }) => {
      const isIt = new TextDecoder().decode(bytes).includes('checkpoint-kept')
      if (isIt) unsaid++
      return isIt ? 'lost' : 'arrives'
    }
    run.policy(level)
    await run.world.until('a checkpoint', () => unsaid > 0)
    await run.writer.write(1000)
    expect(run.vm?.replica?.phase).not.toBe('ready')
    await run.world.drive(run.world.node('a').stop())
    run.world.network.onSend = undefined
    await run.runsOn('a')
    expect(await run.writer.check()).toEqual([])
    expect(await run.account()).toEqual([])
  })

  test('an operator who stops it loses nothing', { timeout: 300_000 }, async () => {
    const run = new Run()
    await run.begin(level)
    await run.kept()
    await run.writer.write(3000)
    run.world.ask({ do: 'stop', vmId })
    await run.world.until('it to stop', () => run.vm?.phase === 'stopped')
    run.world.ask({ do: 'start', vmId })
    await run.world.until('it to run', () => run.vm?.phase === 'running')
    expect(await run.writer.check()).toEqual([])
    await run.kept()
    expect(await run.account()).toEqual([])
  })

  test('a guest that ends loses nothing', { timeout: 300_000 }, async () => {
    const run = new Run()
    await run.begin(level)
    await run.kept()
    await run.writer.write(3000)
    await run.writer.request('poweroff')
    await run.world.until('it to end', () => run.vm?.phase === 'stopped')
    run.world.ask({ do: 'start', vmId })
    await run.world.until('it to run', () => run.vm?.phase === 'running')
    expect(await run.writer.check()).toEqual([])
    await run.kept()
    expect(await run.account()).toEqual([])
  })

  test('one who pauses it, for long, keeps its replica', { timeout: 300_000 }, async () => {
    const run = new Run()
    await run.begin(level)
    await run.kept()
    await run.writer.write(1000)
    const before = run.vm?.replica?.id
    run.world.ask({ do: 'pause', vmId })
    await run.world.until('it to stand still', () => run.vm?.phase === 'paused')
    await run.world.pass(70_000)
    run.world.ask({ do: 'resume', vmId })
    await run.world.until('it to run', () => run.vm?.phase === 'running')
    await run.writer.write(1000)
    expect(run.vm?.replica).toMatchObject({ id: before, phase: 'ready' })
    expect(await run.writer.check()).toEqual([])
    expect(await run.account()).toEqual([])
  })

  test('one who moves it loses nothing, and it has a replica again', {
    timeout: 300_000,
  }, async () => {
    const run = new Run()
    await run.begin(level)
    await run.kept()
    await run.writer.write(1000)
    // To where its replica is.
    run.world.migrate('vm', run.vm?.replica?.nodeId ?? 'b')
    await run.runsOn('a')
    await run.writer.write(500)
    await run.kept()
    expect(await run.writer.check()).toEqual([])
    expect(await run.account()).toEqual([])
  })

  test('one who keeps it and merges its disk loses nothing, and it has a replica again', {
    timeout: 300_000,
  }, async () => {
    const run = new Run()
    await run.begin(level)
    await run.kept()
    for (const name of ['one', 'two', 'three']) {
      await run.writer.write(1000)
      run.world.ask({ do: 'snapshot', vmId, name })
      await run.writer.write(500)
      await run.world.until('it to be kept', () => run.snapshot(name) === 'ready')
      await run.kept()
    }
    const [bottom] = run.vm?.disk.layers ?? []
    run.world.ask({ do: 'merge', vmId })
    await run.writer.write(1000)
    await run.world.until('one layer', () => run.vm?.disk.layers.length === 2)
    expect(run.vm?.disk.layers).not.toContain(bottom)
    await run.kept()
    expect(await run.writer.check()).toEqual([])
    expect(await run.account()).toEqual([])
  })

  test('the node of its replica may go, in good order or not', { timeout: 300_000 }, async () => {
    for (const how of ['stop', 'kill'] as const) {
      const run = new Run()
      await run.begin(level)
      await run.kept()
      const at = run.vm?.replica?.nodeId ?? 'b'
      await run.writer.write(500)
      if (how === 'stop') await run.world.drive(run.world.node(at).stop())
      else run.world.process(at).kill()
      await run.writer.write(3000)
      await run.world.until('another one', () => run.vm?.replica?.nodeId !== at, 20_000)
      await run.kept()
      expect(run.vm?.nodeId).toBe('a')
      expect(await run.writer.check()).toEqual([])
    }
  })
})

test('its level is switched while it runs, in all directions', { timeout: 240_000 }, async () => {
  const levels = ['none', 'restart', 'checkpoint', 'continuous'] as const
  const run = new Run(3)
  await run.begin({ protection: 'none' })
  for (const from of levels)
    for (const to of levels) {
      run.policy({ protection: from })
      await run.writer.write(700)
      run.policy({ protection: to })
      await run.writer.write(700)
    }
  run.policy({ protection: 'continuous', checkpointMs: 60 })
  await run.kept()
  expect(run.vm?.spec.ha).toBe(true)
  expect(await run.writer.check()).toEqual([])
  run.policy({ protection: 'none' })
  await run.world.until('none', () => run.vm?.replica === undefined && run.vm?.spec.ha === false)
  expect(await run.account()).toEqual([])
})

describe('what is lost with a node that dies', () => {
  test('continuous: nothing that was acknowledged', { timeout: 300_000 }, async () => {
    for (const seed of [1, 2, 3]) {
      const run = new Run(seed)
      await run.begin({ protection: 'continuous' })
      await run.kept()
      await run.writer.write(1000 + 37 * seed)
      run.world.process('a').kill()
      await run.wentOn()
      expect(await run.writer.check()).toEqual([])
      expect(run.world.violations).toEqual([])
    }
  })

  test('checkpoint: what is younger than one interval', { timeout: 300_000 }, async () => {
    const run = new Run()
    await run.begin({ protection: 'checkpoint', checkpointMs: 2000 })
    await run.kept()
    await run.writer.write(5500)
    run.world.process('a').kill()
    await run.wentOn()
    const { lostMs = Number.NaN } = run.vm?.wentOnFrom ?? {}
    expect(lostMs).toBeGreaterThan(0)
    // A checkpoint is on its way for a while, and then it is the one before.
    expect(lostMs).toBeLessThan(2 * 2000)
    expect(run.world.violations).toEqual([])
  })
})

describe('continuous: what is not in a checkpoint', () => {
  test('that was taken from a keyboard is not lost, nor answered twice', {
    timeout: 300_000,
  }, async () => {
    for (const seed of [1, 2, 3]) expect(await unanswered(ours, seed)).toEqual([])
  })

  test('is on no disk, and nobody hears of it', { timeout: 300_000 }, async () => {
    expect(await leaked(ours, 1)).toEqual([])
  })
})
