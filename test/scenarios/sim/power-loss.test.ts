// What a node has written and not flushed is lost with its power, in part; what it has flushed, and
// what others have written since, is not. And a machine whose flush does nothing is found out.

import { fileURLToPath } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import { MemoryDisk, SeededRandom } from '#env/memory.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import { runScenario } from '#scenarios/run.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'
import { SimDisk, WrittenFile } from '#scenarios/sim/sim-disk.ts'

afterEach(() => void vi.restoreAllMocks())

const sectors = 64
const filled = (value: number) => new Uint8Array(sectors * 512).fill(value)
const contentOf = (store: MemoryDisk): Uint8Array => {
  const bytes = new Uint8Array(sectors * 512)
  store.open('a.disk', 'read').read(0, bytes)
  return bytes
}

test('of what was not flushed some sectors are as before, whole, and others as written', () => {
  const store = new MemoryDisk()
  const disk = new SimDisk(store)
  const file = disk.open('a.disk', 'create')
  file.write(0, filled(1))
  file.flush()
  file.write(0, filled(2))
  const lost = disk.powerLoss(new SeededRandom(1))
  const bytes = contentOf(store)
  const counts = [1, 2].map((value) => bytes.filter((byte) => byte === value).length / 512)
  expect(counts).toEqual([lost, sectors - lost])
  expect(lost).toBeGreaterThan(10)
  expect(lost).toBeLessThan(sectors - 10)
})

test('what was flushed stays, and so does what another has written over it since', () => {
  const store = new MemoryDisk()
  const [one, other] = [new SimDisk(store), new SimDisk(store)]
  const file = one.open('a.disk', 'create')
  file.write(0, filled(1))
  file.flush()
  expect(one.powerLoss(new SeededRandom(1))).toBe(0)
  file.write(0, filled(2))
  other.open('a.disk', 'write').write(0, filled(3))
  expect(one.powerLoss(new SeededRandom(1))).toBe(0)
  expect(contentOf(store).every((byte) => byte === 3)).toBe(true)
})

test('a new name makes nothing safe that was not flushed under the old one', () => {
  const store = new MemoryDisk()
  const disk = new SimDisk(store)
  for (const [old, isFlushed] of [
    ['temp.1', false],
    ['temp.2', true],
  ] as const) {
    const file = disk.open(old, 'create')
    file.write(0, filled(1))
    if (isFlushed) file.flush()
    file.close()
    disk.rename(old, 'a.disk')
    expect(disk.powerLoss(new SeededRandom(1)) > 0).toBe(!isFlushed)
  }
  expect(contentOf(store)).toEqual(filled(1))
})

async function failover() {
  const world = new ScenarioSimWorld(await nodePlatform())
  const path = fileURLToPath(new URL('../../../scenarios/library/failover', import.meta.url))
  const folder = openScenarioFolder(path)
  const result = await world.drive(runScenario(folder, { world, clock: world.clock }))
  if (result.kind !== 'run') throw new Error(result.kind)
  return result
}

test('a machine whose flush does nothing loses acknowledged writes in a failover, and is found out', async () => {
  vi.spyOn(WrittenFile.prototype, 'flush').mockImplementation(() => undefined)
  const { passed, report } = await failover()
  expect(passed).toBe(false)
  expect(report.writesLost).toBeGreaterThan(0)
})

test('one whose flush does what it says loses none', async () => {
  const { passed, report } = await failover()
  expect([passed, report.writesLost]).toEqual([true, 0])
})
