// The report of a run that really took place, in the simulated world, as a person meets it: in a
// browser, light and dark, wide and narrow; every migration with its pages, also those that nobody
// asked a record of.

import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { htmlOf } from '#scenarios/report/html.ts'
import { type RunOutcome, runScenario } from '#scenarios/run.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'
import { violations } from '../../dashboard/axe.ts'
import { chromiumPath } from '../../dashboard/browser-page.ts'
import { MemoryFolder } from '../memory-folder.ts'

const story = `
cluster:
  nodes: [{ id: a, mips: 20 }, { id: b, mips: 20 }]
vms:
  - { id: walker, args: workload=dirty wss=2 rate=0, memory: 16MiB, node: a }
timeline:
  - { do: wait, for: 1s }
  - { do: migrate, vm: walker, to: b, bandwidth-max: 40, downtime-max: 9ms }
  - { do: migrate, vm: walker, to: a, mode: post-copy, bandwidth-max: 40 }
  - { do: evacuate, node: a }
  - { do: kill-node, node: a }
  - { do: wait, for: 1s }
expectations:
  - { expect: migrations, vm: walker, min: 1 }
`

let outcome: RunOutcome
let html: string
let browser: Browser | undefined
beforeAll(async () => {
  const world = new ScenarioSimWorld(await nodePlatform())
  const folder = new MemoryFolder('walk', story)
  const { clock } = world
  const result = await world.drive(runScenario(folder, { world, clock, update: true }))
  if (result.kind !== 'run') throw new Error(`it is ${JSON.stringify(result)}`)
  outcome = result
  const { report, recording } = outcome
  html = htmlOf(report, { ...recording, version: '1', world: 'sim', replay: 'godwit …' })
  if (!chromiumPath) return console.warn('The report is not looked at: no Chromium (set CHROME).')
  browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
}, 180_000)
afterAll(() => browser?.close())

test('every migration is written down page by page, by whomever it was asked for', () => {
  const { migrations, pageLogs } = outcome.recording
  expect(migrations.map(({ cause, phase }) => [cause, phase])).toEqual([
    ...[
      ['scenario', 'done'],
      ['scenario', 'done'],
      ['evacuation', 'done'],
    ],
  ])
  expect(pageLogs.map(({ migrationId }) => migrationId)).toEqual(migrations.map(({ id }) => id))
  for (const { entries } of pageLogs) expect(entries.length).toBeGreaterThan(2)
})

test('it has their pictures, what was foreseen, and where the downtime went', () => {
  const kinds = ['sent again', 'the VM waited for it', 'fetched in the background']
  const parts = ['Foreseen, and what came', 'on the way', 'Load of the nodes']
  expect([...kinds, ...parts].filter((text) => !html.includes(text))).toEqual([])
  expect(html.match(/aria-label="When which page of walker/g)).toHaveLength(3)
  expect(html.length).toBeLessThan(300_000)
})

const looks = [
  ...[{ colorScheme: 'light', width: 1280 } as const, { colorScheme: 'dark', width: 380 } as const],
]
describe.skipIf(!chromiumPath)('in a browser', () => {
  test.each(looks)('$colorScheme, $width pixels', async ({ colorScheme, width }) => {
    const page = await browser?.newPage({ colorScheme, viewport: { width, height: 900 } })
    if (!page) throw new Error('the browser runs')
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.setContent(html)
    for (const summary of await page.locator('details:not([open]) > summary').all())
      if (await summary.isVisible()) await summary.click()
    expect(await violations(page)).toEqual([])
    // Pictures scroll in their frames, the page itself never sideways.
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    expect(asked).toEqual([])
    await page.close()
  })
})
