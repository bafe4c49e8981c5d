// The library, run for real: processes, guests, sockets, kills. Each run is held to its
// expected.log, line by line. They are what they are in `godwit scenario run`; nothing here is
// shortened or replaced.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { realClock } from '#env/real.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import { type RunResult, runScenario } from '#scenarios/run.ts'

const library = fileURLToPath(new URL('../../scenarios/library', import.meta.url))
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

test.each(readdirSync(library))('%s', { timeout: runMsMax }, async (name) => {
  const result = await runFor(name)
  if (result.kind !== 'run') throw new Error(`it is ${JSON.stringify(result)}`)
  expect(result.why).toEqual([])
  expect(result.expectedLog).toBe('matches')
  expect(result.report.writesLost).toBe(0)
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
