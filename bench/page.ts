// Claim: the live page stays smooth with 1,000 VMs on 20 nodes, whose loads change ten times a
// second: frames a second over 10 s, at rest and scrolled all the while, as a part of what the very
// browser makes of an empty page in the same run; its longest stop, and the CPU that a frame takes
// the page's thread. Before a coordinator's double. Not here: the coordinator. Needs Chromium.
// Run: node bench/page.ts [--vms N] [--nodes N] [--seconds N] [--runs N] [--profile]

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { SeededRandom } from '#env/memory.ts'
import type { ClusterView, VmView } from '#proto/api.ts'
import { CoordinatorDouble } from '../test/coordinator-double/coordinator-double.ts'
import {
  clusterView,
  eventView,
  migrationView,
  nodeView,
  vmView,
} from '../test/coordinator-double/views.ts'
import { count, onOff, readCommandLine } from './rig/command-line.ts'
import { Table, verdict } from './rig/table.ts'

/** Of the empty page's frames: fewer are seen. */
const partMin = 0.95
/** As often as a coordinator tells its watchers. */
const viewEveryMs = 100
/** A heartbeat every 250 ms: so many VMs have another load in each view. */
const changedPart = 0.4

const values = readCommandLine({
  ...{ vms: count(1000), nodes: count(20), seconds: count(10), runs: count(3) },
  profile: onOff,
})
const vmCount = values.vms
const nodeCount = values.nodes
const seconds = values.seconds
const runs = values.runs
const random = new SeededRandom(7)

function bigCluster(): ClusterView {
  const nodes = Array.from({ length: nodeCount }, (_, n) =>
    nodeView(`node-${String(n + 1).padStart(2, '0')}`, {
      capacity: { cores: 16, mipsPerCore: 0, memoryMib: 65_536 },
      vmCount: Math.ceil(vmCount / nodeCount),
    }),
  )
  const vms = Array.from({ length: vmCount }, (_, n) =>
    vmView(
      `vm-${String(n + 1).padStart(4, '0')}`,
      { args: `workload=${['kv', 'cpu', 'dirty'][n % 3]}`, memoryMib: 64 },
      { nodeId: nodes[n % nodeCount]?.id ?? 'node-01' },
    ),
  )
  const migrations = [0, 1, 2, 3].map((n) =>
    migrationView(`m-${n + 1}`, { vmId: vms[n]?.id ?? '', from: 'node-01', to: 'node-02' }),
  )
  const events = Array.from({ length: 200 }, (_, n) =>
    eventView(n + 1, 'vm-running', `vm-${n + 1} runs on node-01`),
  )
  return clusterView({ nodes, vms, migrations, events })
}

/** As heartbeats would change it: loads, leases, a migration's pages. */
function changed(view: ClusterView): Partial<ClusterView> {
  const loadOf = (vm: VmView): VmView =>
    random.float() > changedPart || !vm.load
      ? vm
      : {
          ...vm,
          load: { ...vm.load, cpuGotPercent: random.float() * 100, mips: random.float() * 90 },
        }
  return {
    vms: view.vms.map(loadOf),
    nodes: view.nodes.map((node) => ({
      ...node,
      cpuGotPercent: random.float() * 1600,
      leaseLeftMs: 2000 + random.float() * 900,
    })),
    migrations: view.migrations.map((migration) => ({
      ...migration,
      sentPages: Math.floor(random.float() * migration.pagesOfRound),
    })),
  }
}

interface Frames {
  readonly perSec: number
  readonly longestMs: number
  /** CPU of the page's thread, however long it waited for a core. */
  readonly cpuMs: number
}

/** Scrolls up and down, and counts the frames that came. */
const counting = (ms: number, scrolls: boolean) => `new Promise((resolve) => {
  let frames = 0, longest = 0, began, last
  const far = document.documentElement.scrollHeight - innerHeight
  const frame = (now) => {
    began ??= now
    if (last !== undefined) longest = Math.max(longest, now - last)
    last = now
    frames++
    if (${scrolls}) scrollTo(0, (Math.sin((now - began) / 900) + 1) / 2 * far)
    if (now - began < ${ms}) requestAnimationFrame(frame)
    else resolve({ perSec: (frames - 1) * 1000 / (now - began), longestMs: longest })
  }
  requestAnimationFrame(frame)
})`

async function measured(page: Page, scrolls: boolean): Promise<Frames> {
  const client = await page.context().newCDPSession(page)
  await client.send('Performance.enable', { timeDomain: 'threadTicks' })
  const busySec = async () => {
    const { metrics } = await client.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0
  }
  const before = await busySec()
  const counted = (await page.evaluate(counting(seconds * 1000, scrolls))) as Omit<Frames, 'cpuMs'>
  const cpuMs = (1000 * (await busySec()) - 1000 * before) / (counted.perSec * seconds)
  return { ...counted, cpuMs }
}

const none: Frames = { perSec: 0, longestMs: 0, cpuMs: 0 }
const better = (one: Frames, other: Frames): Frames => (one.perSec >= other.perSec ? one : other)

async function emptyPage(browser: Browser, scrolls: boolean): Promise<Frames> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.setContent('<!doctype html><div style="height: 5000px"></div>')
  const frames = await measured(page, scrolls)
  await page.close()
  return frames
}

async function livePage(browser: Browser, folder: string, scrolls: boolean): Promise<Frames> {
  const double = await new CoordinatorDouble(bigCluster(), folder).listen()
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  page.on('pageerror', (error) => console.error(error))
  await page.goto(double.url)
  await page.getByText('live', { exact: true }).waitFor()
  const timer = setInterval(() => double.change(changed(double.view)), viewEveryMs)
  await page.waitForTimeout(2000)
  const frames = await (values.profile ? profiled(page, scrolls) : measured(page, scrolls))
  clearInterval(timer)
  await page.close()
  await double.close()
  return frames
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  /** µs of the thread's own time. */
  readonly tdur?: number
  readonly dur?: number
}

/** Where the time goes, for who wants to know: what the browser did, by the CPU it took. */
async function profiled(page: Page, scrolls: boolean): Promise<Frames> {
  const client = await page.context().newCDPSession(page)
  const all: TraceEvent[] = []
  client.on('Tracing.dataCollected', ({ value }) => all.push(...(value as never as TraceEvent[])))
  const categories = 'devtools.timeline,disabled-by-default-devtools.timeline,toplevel,blink,cc'
  await client.send('Tracing.start', { categories, transferMode: 'ReportEvents' })
  const frames = await measured(page, scrolls)
  const done = new Promise((resolve) => client.once('Tracing.tracingComplete', resolve))
  await client.send('Tracing.end')
  await done
  const sums = new Map<string, { ms: number; count: number }>()
  for (const { name, ph, tdur, dur } of all) {
    if (ph !== 'X') continue
    const sum = sums.get(name) ?? { ms: 0, count: 0 }
    sums.set(name, { ms: sum.ms + (tdur ?? dur ?? 0) / 1000, count: sum.count + 1 })
  }
  const top = [...sums].sort(([, a], [, b]) => b.ms - a.ms).slice(0, 40)
  for (const [name, { ms, count }] of top)
    console.log(`${ms.toFixed(0).padStart(7)} ms ${String(count).padStart(7)}  ${name}`)
  return frames
}

const chromiumPath = [process.env.CHROME, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
)
if (!chromiumPath) console.log('Not measured: no Chromium here (set CHROME).')
else await compare(chromiumPath)

/** In turns; the best of each, for a machine that is shared takes frames from both. */
async function compare(executablePath: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-page-'))
  const configFile = fileURLToPath(new URL('../dashboard/vite.config.ts', import.meta.url))
  await build({ configFile, logLevel: 'error', build: { outDir: folder } })
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const table = new Table([
    [`${vmCount} VMs on ${nodeCount} nodes`, 24],
    ['frames/s', 9],
    ['empty page', 10],
    ['part', 6],
    ['longest', 9],
    ['CPU a frame', 11],
    ['', 8],
  ])
  try {
    for (const scrolls of [false, true]) {
      let [empty, live] = [none, none]
      for (let run = 0; run < runs; run++) {
        empty = better(empty, await emptyPage(browser, scrolls))
        live = better(live, await livePage(browser, folder, scrolls))
      }
      const part = live.perSec / empty.perSec
      table.row([
        ...[scrolls ? 'scrolled all the time' : 'at rest', live.perSec.toFixed(1)],
        ...[empty.perSec.toFixed(1), part.toFixed(2), `${live.longestMs.toFixed(0)} ms`],
        `${live.cpuMs.toFixed(1)} ms`,
        verdict(part / partMin, 1),
      ])
    }
  } finally {
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
