// The pictures in the documents: a cluster of processes on this machine, with VMs that work, move
// and are drawn upon, in a browser, wide, in light and dark; kept small as WebP. Beside them stands
// of what they were made, so that a test can say when they are old. Needs Chromium (CHROME).

import { createHash } from 'node:crypto'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright-core'
import { asNodeId } from '#proto/ids.ts'
import { heartbeatMs, leaseMarginMs, leaseMs } from '#proto/units.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import { htmlOf } from '#scenarios/report/html.ts'
import { runScenario } from '#scenarios/run.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'

export const root = new URL('../../', import.meta.url).pathname
const folder = join(root, 'docs/pictures')
const madeOfFile = join(folder, 'made-of.json')

/** Picture → what it shows is drawn by these. */
const drawnBy: Readonly<Record<string, readonly string[]>> = {
  page: [
    ...['dashboard/styles/{page,parts}.css', 'dashboard/parts/{page,masthead,meter}.tsx'],
    'dashboard/parts/{node-card,vm-tile,topology}.tsx',
  ],
  report: ['scenarios/report/{page,migration-html,heat-map,heat-map-svg}.ts'],
  desktop: ['dashboard/styles/screen.css', 'dashboard/parts/screen-page.tsx'],
}
export const pictureNames = Object.keys(drawnBy)
export const schemes = ['light', 'dark'] as const
type Scheme = (typeof schemes)[number]

export const pictureFile = (name: string, scheme: Scheme): string =>
  join(folder, `${name}-${scheme}.webp`)

/** Picture → file → a short hash of it. */
type MadeOf = Record<string, Record<string, string>>

function madeOfNow(): MadeOf {
  const hash = (path: string) =>
    createHash('sha256')
      .update(readFileSync(join(root, path)))
      .digest('hex')
      .slice(0, 12)
  const entries = Object.entries(drawnBy).map(([name, patterns]) => {
    const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: root })).sort()
    return [name, Object.fromEntries(files.map((path) => [path, hash(path)]))] as const
  })
  return Object.fromEntries(entries)
}

/** For each picture what draws it, and what of that has changed since it was made. */
export function changesSince(): { name: string; files: string[]; changed: string[] }[] {
  const then = existsSync(madeOfFile)
    ? (JSON.parse(readFileSync(madeOfFile, 'utf8')) as MadeOf)
    : {}
  return Object.entries(madeOfNow()).map(([name, hashes]) => {
    const files = Object.keys(hashes)
    return { name, files, changed: files.filter((path) => then[name]?.[path] !== hashes[path]) }
  })
}

export async function makePictures(chromiumPath: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
  try {
    await pictureOfReport(browser)
    await picturesOfCluster(browser)
  } finally {
    await browser.close()
  }
  writeFileSync(madeOfFile, `${JSON.stringify(madeOfNow(), null, 2)}\n`)
}

async function open(browser: Browser, scheme: Scheme, url: string): Promise<Page> {
  const viewport = { width: 1500, height: 730 }
  const page = await browser.newPage({ colorScheme: scheme, viewport })
  await page.goto(url)
  return page
}

/** A browser can write WebP; it is a fifth of the PNG. */
async function keep(browser: Browser, png: Buffer, name: string, scheme: Scheme): Promise<void> {
  const script = `(async () => {
    const image = await createImageBitmap(
      await (await fetch('data:image/png;base64,${png.toString('base64')}')).blob())
    const canvas = document.createElement('canvas')
    Object.assign(canvas, { width: image.width, height: image.height })
    canvas.getContext('2d').drawImage(image, 0, 0)
    return canvas.toDataURL('image/webp', 0.9)
  })()`
  const blank = await browser.newPage()
  const url = String(await blank.evaluate(script))
  await blank.close()
  writeFileSync(pictureFile(name, scheme), Buffer.from(url.split(',')[1] ?? '', 'base64'))
}

// ---- the page, and a desktop --------------------------------------------------------------------

const nodes = ['alaska', 'fiji', 'tasmania'].map((id) => ({
  ...{ id: asNodeId(id), cores: 1, mipsPerCore: 60, memoryMib: 512 },
}))
const spec = {
  ...{ nodes, leaseMs, heartbeatMs, marginMs: leaseMarginMs, rebalance: false, seed: 1 },
}
const vms = [
  { id: 'store', args: 'workload=kv', memoryMib: 32, diskMib: 16, startOn: 'alaska' },
  { id: 'walker', args: 'workload=dirty wss=24 rate=500', memoryMib: 48, startOn: 'alaska' },
  { id: 'proof', args: 'workload=check mib=4 rate=200', memoryMib: 32, startOn: 'fiji' },
  { id: 'busy', args: 'workload=cpu load=40', memoryMib: 16, startOn: 'fiji' },
  { id: 'night', args: 'workload=cpu load=15', memoryMib: 16, startOn: 'tasmania' },
  {
    ...{ id: 'desk', args: 'workload=desktop', memoryMib: 32, startOn: 'tasmania' },
    screen: '800x600',
  },
]

async function picturesOfCluster(browser: Browser): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'godwit-pictures-'))
  const world = new LocalWorld({ folder: new ClusterFolder(home, 'pictures') })
  try {
    await world.startCluster(spec)
    const { api } = world
    for (const { id, startOn, ...its } of vms) await api.run({ id, startOn, spec: its })
    await until(async () => (await api.vms()).every(({ phase }) => phase === 'running'))
    await api.clone('store', { ids: ['store-1', 'store-2', 'store-3'], to: 'tasmania' })
    // Until loads are known.
    await sleep(3000)
    await pictureOfPage(browser, world)
    await pictureOfDesktop(browser, world)
  } finally {
    await world.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(100)
}

/** While a VM moves: at 4 MB/s it takes many seconds. */
async function pictureOfPage(browser: Browser, { api, pageUrl = '' }: LocalWorld): Promise<void> {
  const pages = await Promise.all(
    schemes.map(async (scheme) => [scheme, await open(browser, scheme, pageUrl)] as const),
  )
  const params = { bandwidthBytesPerSecMax: 4e6, whenStuck: 'throttle' } as const
  const { id } = await api.migrate('walker', { to: 'fiji', params })
  await until(async () => {
    const { sentPages, pagesOfRound } = await api.migration(id)
    return pagesOfRound > 0 && sentPages > pagesOfRound / 3
  })
  const shots = await Promise.all(pages.map(([, page]) => page.screenshot()))
  for (const [n, scheme] of schemes.entries())
    await keep(browser, shots[n] ?? Buffer.alloc(0), 'page', scheme)
  for (const [, page] of pages) await page.close()
}

async function pictureOfDesktop(browser: Browser, { pageUrl = '' }: LocalWorld): Promise<void> {
  for (const scheme of schemes) {
    const page = await open(browser, scheme, `${pageUrl}#/vm/desk/screen`)
    await page.locator('canvas').click()
    if (scheme === 'light')
      await page.keyboard.type('typed in a browser, drawn in a VM', { delay: 40 })
    await sleep(1000)
    await keep(browser, await page.screenshot(), 'desktop', scheme)
    await page.close()
  }
}

// ---- a report -----------------------------------------------------------------------------------

/** One of its migrations: rounds first, and then pages that the VM waited for. */
const migrationShown = '4. restless'
/** Around what is shown. */
const marginPx = 16

async function pictureOfReport(browser: Browser): Promise<void> {
  const story = openScenarioFolder(join(root, 'scenarios/library/post-copy'))
  const world = new ScenarioSimWorld(await nodePlatform())
  const result = await world.drive(runScenario(story, { world, clock: world.clock }))
  if (result.kind !== 'run') throw new Error(`the scenario came to no end: ${result.kind}`)
  const { report, recording } = result
  const html = htmlOf(report, { ...recording, version: '', world: 'sim', replay: '' })
  for (const scheme of schemes) {
    const page = await open(browser, scheme, 'about:blank')
    await page.setContent(html)
    const details = page.locator('section > details', { hasText: migrationShown })
    await details.locator('summary').first().click()
    await page.evaluate('scrollTo(0, 0)')
    const box = await details.boundingBox()
    if (!box) throw new Error(`the report has no ${migrationShown}`)
    const clip = {
      ...{ x: box.x - marginPx, y: box.y + 1, width: box.width + 2 * marginPx, height: box.height },
    }
    await keep(browser, await page.screenshot({ clip, fullPage: true }), 'report', scheme)
    await page.close()
  }
}
