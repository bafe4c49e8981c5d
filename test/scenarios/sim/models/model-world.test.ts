// A cluster whose VMs are models: the same coordinator and the same decisions, without guests.

import { expect, test } from 'vitest'
import { asVmId } from '#proto/ids.ts'
import type { VmSpecInput } from '#proto/vm-spec.ts'
import { readTraces } from '#scenarios/sim/models/traces.ts'
import { modelled, type VmModelInput } from '#scenarios/sim/models/vm-model.ts'
import { SimWorld, type SimWorldOptions } from '#scenarios/sim/sim-world.ts'
import { nodeTurns } from '#scenarios/sim/turns.ts'

const turns = nodeTurns()
const road = { latencyMs: 0.2, jitterMs: 0, bytesPerMs: 125_000 }
const traces = readTraces('office,10,60,20\n')

const world = (options: Partial<SimWorldOptions> = {}): SimWorld =>
  new SimWorld({
    ...{ models: { traces }, turns, road, nodes: ['a', 'b', 'c'], seed: 1 },
    ...{ mips: 1000, memoryMib: 1024 },
    ...options,
  })

const writer: VmModelInput = {
  load: { is: 'constant', percent: 25 },
  hot: { pages: 2000, perSec: 4000 },
  cold: { pages: 8000, perSec: 100 },
}

const spec = (model: VmModelInput = writer, more: VmSpecInput = {}): VmSpecInput => ({
  ...modelled(model),
  memoryMib: 64,
  ...more,
})

const vmOf = ({ coordinator }: SimWorld, id: string) =>
  coordinator.coordinator.state.vms.get(asVmId(id))

async function withVm(one: SimWorld, model?: VmModelInput, more?: VmSpecInput): Promise<void> {
  await one.pass(1000)
  one.run('vm', spec(model, more), 'a')
  await one.until('it runs', () => vmOf(one, 'vm')?.phase === 'running')
}

test('a model asks for what its trace says, at that time of day', async () => {
  const one = world()
  await withVm(one, { load: { is: 'trace', trace: 'office', fromMs: 0 } })
  await one.pass(20_000)
  expect(vmOf(one, 'vm')?.live.demandPercent).toBeCloseTo(10)
  await one.pass(300_000)
  expect(vmOf(one, 'vm')?.live.demandPercent).toBeCloseTo(60)
})

test('its speed is its own where it has one: half of a core is a quarter of a faster one', async () => {
  const traits = new Map([['a', { cores: 1, mips: 2000, memoryMib: 1024 }]])
  const one = world({ traits })
  await withVm(one, { load: { is: 'constant', percent: 50 }, mips: 1000 })
  await one.pass(20_000)
  expect(vmOf(one, 'vm')?.live.demandPercent).toBeCloseTo(25)
})

test('it moves by rounds, and the pages of each are what it wrote in the one before', async () => {
  const one = world()
  await withVm(one)
  one.migrate('vm', 'b', { encoding: 'raw' })
  await one.until('it is on b', () => vmOf(one, 'vm')?.nodeId === 'b')
  await one.pass(1000)
  const [migration] = one.coordinator.coordinator.state.migrations.values()
  const { rounds = [], downtimeMs = 0 } = migration?.record ?? {}
  expect(rounds[0]).toMatchObject({ pages: 16_384, zeroPages: 6384 })
  expect(rounds.length).toBeGreaterThan(1)
  for (const [at, { dirtyPages }] of rounds.slice(0, -1).entries())
    expect(dirtyPages).toBeLessThanOrEqual(rounds[at + 1]?.pages ?? 0)
  expect(downtimeMs).toBeLessThan(30)
  expect(one.node('b').copies).toMatchObject([{ vmId: 'vm', state: 'running' }])
  expect(one.node('a').copies).toEqual([])
})

test('a model that writes too fast goes by post-copy, and its pages follow', async () => {
  const one = world()
  await withVm(one, { ...writer, hot: { pages: 10_000, perSec: 100_000 } })
  one.migrate('vm', 'b', { whenStuck: 'post-copy', downtimeMsMax: 5 })
  const [migration] = one.coordinator.coordinator.state.migrations.values()
  await one.until('it has moved', () => migration?.record !== undefined)
  expect(migration?.phase).toBe('done')
  expect(migration?.record?.postCopy?.pages).toBeGreaterThan(5000)
})

test('when its node dies it runs again elsewhere, after the lease, and never twice', async () => {
  const one = world()
  await withVm(one)
  one.process('a').kill()
  const { nowMs } = one
  await one.until('it runs elsewhere', () => {
    const vm = vmOf(one, 'vm')
    return vm?.phase === 'running' && vm.nodeId !== 'a'
  })
  expect(one.nowMs - nowMs).toBeGreaterThan(2500)
  expect(one.violations).toEqual([])
})

test('a node that is cut off stops it before it runs elsewhere', async () => {
  const one = world()
  await withVm(one)
  one.network.part('a', 'coordinator')
  await one.until('it runs elsewhere', () => {
    const vm = vmOf(one, 'vm')
    return vm?.phase === 'running' && vm.nodeId !== 'a'
  })
  expect(one.violations).toEqual([])
  expect(one.node('a').copies).toEqual([])
})

test('what only guests have is refused in words', async () => {
  const one = world()
  await withVm(one)
  one.ask({ do: 'snapshot', vmId: asVmId('vm'), name: 'now' })
  one.run('real', { args: 'workload=kv', memoryMib: 16 })
  await one.pass(3000)
  const told = one.log.lines.map(({ fields }) => String(fields.text ?? ''))
  expect(told.some((text) => text.includes('a snapshot is of a real guest'))).toBe(true)
  expect(vmOf(one, 'real')?.phase).not.toBe('running')
  expect(vmOf(one, 'vm')?.phase).toBe('running')
})

test('one seed, one story', async () => {
  const story = async () => {
    const one = world({ seed: 5 })
    await withVm(one)
    one.migrate('vm', 'b')
    await one.pass(300)
    one.process('b').kill()
    await one.pass(10_000)
    return one.log.lines.map(({ event, fields }) => `${event} ${fields.text ?? ''}`)
  }
  expect(await story()).toEqual(await story())
})
