// A store of disks that fails now and then, for one node or another, under a guest that is written
// to all the time, moves, and loses its nodes: what was acknowledged is there in the end, and the
// VM runs once. That it can fail: power-loss.test.ts. Virtual ms.

import { beforeAll, expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import { disorder, unrest } from '#scenarios/sim/accounts.ts'
import { diskFaults } from '#scenarios/sim/fault-wishes.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { KvWriter } from './kv-writer.ts'
import { platform } from './platform.ts'

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

const names = ['a', 'b', 'c']
/** Not `checkpoint`: it goes back as a whole, by what it promises. */
const protections = ['restart', 'continuous'] as const

async function outage(seed: number) {
  const random = new SeededRandom(seed)
  const world = new SimWorld({ ...ours, nodes: names, seed, mips: 2, memoryMib: 32 })
  const writer = new KvWriter(world, 'vm')
  const vm = () => world.coordinator.coordinator.state.vms.get(asVmId('vm'))
  const some = () => names[random.below(names.length)] ?? 'a'
  await world.pass(600)
  world.run('vm', { args: 'workload=kv', memoryMib: 4, diskMib: 1, clock: 'instructions' }, 'a')
  await world.until('the VM to run', () => vm()?.phase === 'running')
  const protection = protections[seed % protections.length] ?? 'restart'
  world.ask({ do: 'set-policy', vmId: asVmId('vm'), change: { protection } })
  const deeds = [
    () => world.diskFaults.set(some(), diskFaults(random.below(4))),
    () => world.diskFaults.set(vm()?.nodeId ?? 'a', diskFaults(random.below(4))),
    () => world.migrate('vm', some()),
    () => world.ask({ do: 'snapshot', vmId: asVmId('vm') }),
    () => world.process(vm()?.nodeId ?? 'a').kill(),
    () => world.diskFaults.clear(),
  ]
  for (let n = 0; n < 10; n++) {
    await writer.write(100 + random.below(500))
    deeds[random.below(deeds.length)]?.()
    for (const name of names) if (!world.process(name).isAlive) world.restart(name)
  }
  world.diskFaults.clear()
  await world.pass(1000)
  if (vm()?.phase === 'failed') world.ask({ do: 'start', vmId: asVmId('vm') })
  await world.until('peace', () => unrest(world, names).length === 0)
  await world.until('order', () => disorder(world, names).length === 0, 900_000)
  const errors = world.log.lines.filter(({ event }) => event === 'disk-error').length
  const wrong = [...(await writer.check()), ...world.violations]
  return { wrong, phase: vm()?.phase, errors, acknowledged: writer.acknowledged }
}

const seeds = Number(process.env.GODWIT_SEEDS ?? 9)
test('nothing that was acknowledged is lost by it', {
  timeout: 180_000 + seeds * 5000,
}, async () => {
  let errors = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const end = await outage(seed)
    expect(end, `seed ${seed}`).toMatchObject({ wrong: [], phase: 'running' })
    expect(end.acknowledged).toBeGreaterThan(0)
    errors += end.errors
  }
  expect(errors).toBeGreaterThan(0)
})
