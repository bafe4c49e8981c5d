// The scenario of docs/tutorial.md does what the tutorial says: as it stands it fails, for the
// reason given, and with the one line changed it holds.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runScenario } from '#scenarios/run.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'
import { repositoryRoot } from '../tidy/source-file.ts'
import { MemoryFolder } from './memory-folder.ts'

const tutorial = readFileSync(join(repositoryRoot, 'docs/tutorial.md'), 'utf8')
const [story = '', changed = ''] = [...tutorial.matchAll(/```yaml\n(.*?)```/gs)].map(
  ([, block]) => block ?? '',
)

async function run(scenario: string) {
  const world = new ScenarioSimWorld(await nodePlatform())
  const folder = new MemoryFolder('my-shop', '')
  folder.files.set('scenario.yaml', scenario)
  const options = { world, clock: world.clock, update: true }
  const result = await world.drive(runScenario(folder, options))
  if (result.kind !== 'run') throw new Error(`it is ${JSON.stringify(result)}`)
  return result
}

test('as it stands it fails, by the three seconds of a lease', async () => {
  const { why, report } = await run(story)
  expect(why).toHaveLength(1)
  expect(tutorial).toContain(why[0]?.replace('broken: ', '').split(' (')[0])
  expect(report.writesLost).toBe(0)
})

test('with the line that the tutorial changes it holds', async () => {
  const lines = story.split('\n').map((line) => (line.includes('id: store') ? changed : line))
  const mended = lines.join('\n')
  expect(mended).not.toBe(story)
  const { why, report } = await run(mended)
  expect(why).toEqual([])
  expect(report.writesLost).toBe(0)
})
