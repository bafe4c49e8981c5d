// Life in a simulated cluster: VMs run, a client writes, one of them moves now and then; and what
// somebody else does meanwhile ends nothing.

import { expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { cast, Showcase } from '#scenarios/showcase/showcase.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'

const nodes = ['a', 'b', 'c'].map((id) => ({
  ...{ id: asNodeId(id), cores: 1, mipsPerCore: 20, memoryMib: 128 },
}))
const spec = { nodes, leaseMs: 2500, heartbeatMs: 250, marginMs: 500, rebalance: false }

async function showcaseFor(forMs: number, meanwhile = async (_world: ScenarioSimWorld) => {}) {
  const world = new ScenarioSimWorld(await nodePlatform())
  const said: string[] = []
  const work = async () => {
    await world.startCluster(spec)
    const { api, clock } = world
    const ports = { api, clock, random: new SeededRandom(4), prefix: 's' }
    const say = (text: string) => void said.push(text)
    const running = new Showcase({ ...ports, say }, { everyMs: 2000, forMs }).run()
    await meanwhile(world)
    const report = await running
    return { report, said, vms: await api.vms(), migrations: await api.migrations() }
  }
  const found = await world.drive(work())
  await world.stop()
  return found
}

test('VMs of all kinds run, writes are acknowledged, and VMs move', async () => {
  const { report, said, vms, migrations } = await showcaseFor(7000)
  expect(vms.map(({ id }) => id).sort()).toEqual(Object.keys(cast).sort())
  expect(report.acknowledged).toBeGreaterThan(20)
  expect(report.migrations).toBe(3)
  expect(migrations.map(({ phase }) => phase)).toContain('done')
  expect(said[0]).toBe('shop is started')
})

test('what was there already is taken as it is; a removed VM is no reason to end', async () => {
  const { report, vms } = await showcaseFor(7000, async ({ api, clock }) => {
    await api.run({ id: asVmId('press'), spec: { args: 'workload=cpu load=5', memoryMib: 8 } })
    await new Promise<void>((go) => void clock.wakeAt(clock.nowMs() + 3000, go))
    await api.act('proof', 'stop')
  })
  expect(vms.find(({ id }) => id === 'press')?.spec.memoryMib).toBe(8)
  expect(report.migrations).toBeGreaterThan(0)
})
