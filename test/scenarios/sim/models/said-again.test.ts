// A heartbeat that says the very same as before is not read again, as long as nothing has changed
// that it is about (coordinator/core/reports.ts). Held against a coordinator that forgets before
// each step what it has heard, and so reads every one: both live through the same story.

import { expect, test } from 'vitest'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { SeededRandom } from '#env/memory.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { modelled } from '#scenarios/sim/models/vm-model.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { nodeTurns } from '#scenarios/sim/turns.ts'

const nodes = ['a', 'b', 'c', 'd']
const vms = ['v', 'w', 'x', 'y', 'z']
const spec = {
  ...modelled({
    load: { is: 'wave', meanPercent: 20, swingPercent: 10, periodMs: 60_000 },
    hot: { pages: 200, perSec: 300 },
  }),
  memoryMib: 16,
}

/** Reads every heartbeat from now on; counts those that it would not have read. */
function readAll({ coordinator: { coordinator } }: SimWorld): { spared: number } {
  const counted = { spared: 0 }
  coordinator.observe({
    stepped: () => {
      for (const { live } of coordinator.state.nodes.values()) {
        if (live.heard) counted.spared++
        live.heard = undefined
      }
    },
  })
  return counted
}

function nextDeed(world: SimWorld, random: SeededRandom): void {
  const any = <T>(list: readonly T[]): T => list[random.below(list.length)] as T
  const [name, other, vmId] = [any(nodes), any(nodes), asVmId(any(vms))]
  const nodeId = asNodeId(name)
  const params = MigrationParams.parse({})
  const asked: readonly ApiCommand[] = [
    { do: any(['pause', 'resume', 'stop', 'start'] as const), vmId },
    { do: 'migrate', vmId, request: { to: name, params: {}, cause: 'test', force: true } },
    { do: 'migrate', vmId, request: { to: other, params: {}, cause: 'test', force: true } },
    { do: 'maintenance', nodeId, params },
    { do: 'end-maintenance', nodeId },
    { do: 'set-policy', vmId, change: { isolation: any(['stop', 'pause'] as const) } },
    { do: 'set-policy', vmId, change: { protection: any(['none', 'restart'] as const) } },
  ]
  const done: readonly (() => void)[] = [
    () => world.process(name).kill(),
    () => world.restart(name),
    () => world.network.part(name, 'coordinator'),
    () => world.network.heal(),
    () => world.network.break(name, other),
    ...asked.map((command) => () => void world.ask(command)),
  ]
  any(done)()
}

async function story(seed: number, isAllRead: boolean) {
  const random = new SeededRandom(seed)
  const turns = nodeTurns()
  const world = new SimWorld({
    ...{ models: { traces: new Map() }, turns, nodes, seed, mips: 100, memoryMib: 128 },
    settings: { rebalance: seed % 2 === 0 },
  })
  const counted = isAllRead ? readAll(world) : { spared: 0 }
  await world.pass(500)
  for (const id of vms) world.run(id, { ...spec, ha: id !== 'z' }, nodes[random.below(4)])
  for (let n = 0; n < 40; n++) {
    await world.pass(50 + random.below(1500))
    nextDeed(world, random)
  }
  const { state } = world.coordinator.coordinator
  const known = [...state.vms.values()].map(({ live: { load: _, ...live }, ...vm }) => [vm, live])
  return { lines: world.log.lines, known, violations: world.violations, ...counted }
}

test('what is said again is not read again, and nothing else comes of it', async () => {
  let spared = 0
  for (let seed = 1; seed <= 6; seed++) {
    const { spared: _, ...told } = await story(seed, false)
    const { spared: ofSeed, ...read } = await story(seed, true)
    expect(told, `seed ${seed}`).toEqual(read)
    expect(told.violations).toEqual([])
    spared += ofSeed
  }
  expect(spared).toBeGreaterThan(500)
})
