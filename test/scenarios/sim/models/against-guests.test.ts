// What a model predicts of a migration, held against a real guest in the simulated world: the same
// roads, the same decisions, once with pages and once with numbers. Both are deterministic, so that
// the tolerances are of the model, not of a machine.

import { expect, test } from 'vitest'
import { asVmId } from '#proto/ids.ts'
import type { MigrationParams, MigrationRecord } from '#proto/messages.ts'
import { pageBytes } from '#proto/units.ts'
import type { VmSpecInput } from '#proto/vm-spec.ts'
import { modelled } from '#scenarios/sim/models/vm-model.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { SimWorld, type SimWorldOptions } from '#scenarios/sim/sim-world.ts'

interface Guest {
  readonly wssMib: number
  readonly perSec: number
  readonly fillMib: number
  readonly bytesPerMs: number
  readonly params: Partial<MigrationParams>
}

const memoryMib = 24
const pagesPerMib = 256
const platform = await nodePlatform()

interface Moved {
  readonly record: MigrationRecord
  readonly touchedBytes: number
}

async function moved(
  kind: Pick<SimWorldOptions, 'turns' | 'models'>,
  spec: VmSpecInput,
  { bytesPerMs, params }: Guest,
): Promise<Moved> {
  const road = { latencyMs: 0.5, jitterMs: 0, bytesPerMs }
  const world = new SimWorld({ ...kind, road, nodes: ['a', 'b'], seed: 1, mips: 50 })
  await world.pass(500)
  world.run('vm', { ...spec, memoryMib }, 'a')
  await world.pass(3000)
  const { state } = world.coordinator.coordinator
  const touchedBytes = state.vms.get(asVmId('vm'))?.live.load?.touchedBytes ?? 0
  world.migrate('vm', 'b', { encoding: 'raw', ...params })
  const [migration] = state.migrations.values()
  await world.until('it has moved', () => migration?.record !== undefined)
  if (!migration?.record) throw new Error('no record')
  return { record: migration.record, touchedBytes }
}

/** The guest first: what it has ever touched is for the model to be told. */
async function both(guest: Guest) {
  const { wssMib, perSec, fillMib } = guest
  const args = `workload=dirty wss=${wssMib} rate=${perSec} fill=${fillMib}`
  const real = await moved(platform, { args, clock: 'instructions' }, guest)
  const pages = wssMib * pagesPerMib
  const model = modelled({
    ...{ load: { is: 'constant', percent: 5 }, hot: { pages, perSec }, order: 'in-turn' },
    idlePages: real.touchedBytes / pageBytes - pages,
  })
  const models = { traces: new Map() }
  const told = await moved({ turns: platform.turns, models }, model, guest)
  return { real: real.record, told: told.record }
}

const slow = { wssMib: 8, fillMib: 4, bytesPerMs: 20_000 }
const cases: Readonly<Record<string, Guest>> = {
  'pre-copy that converges': { ...slow, wssMib: 2, perSec: 4000, bytesPerMs: 60_000, params: {} },
  'pre-copy that does not, and is stopped': {
    ...{ ...slow, perSec: 6000, params: { downtimeMsMax: 100 } },
  },
  'post-copy': { ...slow, perSec: 3000, params: { mode: 'post-copy' } },
  'stop-and-copy': { ...slow, fillMib: 8, perSec: 500, params: { mode: 'stop-and-copy' } },
}

test.each(Object.entries(cases))('%s', async (_, guest) => {
  const { real, told } = await both(guest)
  const off = (of: (record: MigrationRecord) => number) => Math.abs(of(told) / of(real) - 1)
  expect(told.rounds.length).toBe(real.rounds.length)
  expect(off(({ totalMs }) => totalMs)).toBeLessThan(0.03)
  expect(off(({ bytes, postCopy }) => bytes + (postCopy?.bytes ?? 0))).toBeLessThan(0.02)
  expect(Math.abs(told.downtimeMs - real.downtimeMs)).toBeLessThan(1 + 0.02 * real.downtimeMs)
})
