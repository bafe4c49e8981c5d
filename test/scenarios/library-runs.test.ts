// The library, run for real: in the simulated world all of it, in processes a chosen dozen. Each
// run is held to its expected.log, line by line. They are what they are in `godwit scenario run`;
// nothing here is shortened or replaced.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { realClock } from '#env/real.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import { type RunResult, runScenario } from '#scenarios/run.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'

const library = fileURLToPath(new URL('../../scenarios/library', import.meta.url))
const names = readdirSync(library)
/** In these the world itself matters: processes that hang, sockets, disks, real time. */
const inProcesses = [
  ...['appliance', 'clone-storm', 'coordinator-crash', 'failover', 'home-again', 'post-copy'],
  ...['rebalance', 'rolling-maintenance', 'snapshot-tree', 'split-brain', 'tour', 'wrong-clocks'],
]
/** Generous: a whole run takes 10 to 40 s, on a busy machine twice that. */
const runMsMax = 180_000

async function runFor(name: string, signal?: AbortSignal): Promise<RunResult> {
  const home = mkdtempSync(join(tmpdir(), `godwit-${name}-`))
  const world = new LocalWorld({ folder: new ClusterFolder(home, name) })
  try {
    return await runScenario(openScenarioFolder(join(library, name)), {
      world,
      clock: realClock,
      ...(signal === undefined ? {} : { signal }),
    })
  } finally {
    await world.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

async function simulate(name: string): Promise<RunResult> {
  const world = new ScenarioSimWorld(await nodePlatform())
  const folder = openScenarioFolder(join(library, name))
  return world.drive(runScenario(folder, { world, clock: world.clock }))
}

function expectPassed(result: RunResult): void {
  if (result.kind !== 'run') throw new Error(`it is ${JSON.stringify(result)}`)
  // Whole, where a matcher would cut it short.
  if (result.why.length > 0) throw new Error(result.why.join('\n'))
  expect(result.expectedLog).toBe('matches')
  expect(result.report.writesLost).toBe(0)
}

describe('simulated', () => {
  test.each(names)('%s', { timeout: runMsMax }, async (name) => {
    expectPassed(await simulate(name))
  })

  test('one seed, one report: every time and every count is the same', async () => {
    const reports = [await simulate('tour'), await simulate('tour')]
    expect(reports[1]).toEqual(reports[0])
  })

  test('a scenario with mistakes ends before there is a world', async () => {
    const world = new ScenarioSimWorld(await nodePlatform())
    const folder = openScenarioFolder(join(library, 'no-such-scenario'))
    const result = await world.drive(runScenario(folder, { world, clock: world.clock }))
    expect(result.kind).toBe('mistakes')
  })
})

// They wait most of the time, as their nodes do: so two at a time.
describe.concurrent('in processes', () => {
  test.each(inProcesses)('%s', { timeout: runMsMax }, async (name) => {
    expectPassed(await runFor(name))
  })

  test('an interruption leaves no process behind, whenever it comes', {
    timeout: runMsMax,
  }, async () => {
    for (const afterMs of [100, 1500, 4000])
      expect(await runFor('tour', AbortSignal.timeout(afterMs))).toEqual({
        kind: 'interrupted',
        leftovers: [],
      })
  })
})
