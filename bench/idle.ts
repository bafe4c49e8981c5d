// Claim: a VM with nothing to do costs its node next to nothing: our own guest at most 0.5 % of a
// core, Debian's unmodified kernel at its shell under 1 %, and 24 of them on one pCPU 24 times
// that. Measured is the CPU time of this process in all its threads, over seconds in which nobody
// types; what the process costs without a VM is told, and not taken off. Ratio = what is allowed /
// what it costs. Not here: booting (linux-boot.ts); the agent's heartbeats.
// Debian needs the image that `godwit image pull debian` makes.
// Run: node bench/idle.ts [--seconds N]

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BootImage } from '#engine/boot-layout.ts'
import { clustersHome } from '#scenarios/local/cluster-folder.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { RealPcpu } from './rig/real-pcpu.ts'
import { Table, times, verdict } from './rig/table.ts'

const linuxes = 24
/** What a guest that has just booted still has to do by itself. */
const settleMs = 5000
/** What V8 still has to compile of the scheduler, which turns warm at ten turns a second. */
const warmMs = 20_000
const folder = join(clustersHome(), 'images/debian')
const file = (path: string | URL) => new Uint8Array(readFileSync(path))

const table = () =>
  new Table([
    ['guests', 18],
    ['% of a core', 11],
    ['allowed', 7],
    ['ratio', 6],
    ['instructions/s each', 19],
    ['verdict', 8],
  ])

interface Cost {
  readonly percent: number
  readonly instructionsPerSec: number
}

async function idleCost(pcpu: RealPcpu, ms: number): Promise<Cost> {
  const [before, cpu, startedMs] = [
    await pcpu.instructions(),
    process.cpuUsage(),
    performance.now(),
  ]
  await sleep(ms)
  const { user, system } = process.cpuUsage(cpu)
  const passedMs = performance.now() - startedMs
  const instructions = (await pcpu.instructions()) - before
  return {
    percent: (user + system) / 10 / passedMs,
    instructionsPerSec: (1000 * instructions) / passedMs,
  }
}

function tell(rows: Table, name: string, cost: Cost, vms: number, allowedPercent?: number): void {
  const ratio = allowedPercent === undefined ? undefined : allowedPercent / cost.percent
  const said = ratio === undefined ? 'told only' : verdict(ratio, 1)
  rows.row([
    ...[name, cost.percent.toFixed(2), allowedPercent?.toFixed(1) ?? '–'],
    ...[ratio === undefined ? '–' : times(ratio)],
    ...[vms === 0 ? '–' : (cost.instructionsPerSec / vms).toFixed(0), said],
  ])
  if (said === 'MISSED') process.exitCode = 1
}

async function linuxRows(rows: Table, pcpu: RealPcpu, ms: number): Promise<void> {
  const image: BootImage = {
    kernel: file(join(folder, 'kernel')),
    initrd: file(join(folder, 'initramfs')),
  }
  await pcpu.attach('linux-1', 128, 'quiet', image)
  await pcpu.resume('linux-1')
  await pcpu.heard('linux-1', 'built-in shell')
  await sleep(settleMs)
  tell(rows, 'Debian', await idleCost(pcpu, ms), 1, 1)
  for (let n = 2; n <= linuxes; n++) {
    await pcpu.copy('linux-1', `linux-${n}`)
    // Their alarms are not to come all at once, as those of copies would.
    await sleep(37)
  }
  await sleep(settleMs)
  tell(rows, `${linuxes} × Debian`, await idleCost(pcpu, ms), linuxes, linuxes)
}

async function main(): Promise<void> {
  const ms = readCommandLine({ seconds: count(15) }).seconds * 1000
  const pcpu = new RealPcpu()
  await pcpu.ready()
  await sleep(settleMs)
  const rows = table()
  tell(rows, 'none', await idleCost(pcpu, ms), 0)
  const own = file(new URL('../engine/guests/godwit-guest.bin', import.meta.url))
  await pcpu.attach('own', 16, 'workload=cpu load=0', { kernel: own })
  await pcpu.resume('own')
  await pcpu.heard('own', 'ready')
  await sleep(warmMs)
  tell(rows, 'our own', await idleCost(pcpu, ms), 1, 0.5)
  await pcpu.detach('own')
  if (existsSync(folder)) await linuxRows(rows, pcpu, ms)
  else console.log('SKIPPED: No image of Debian: run `godwit image pull debian`.')
  await pcpu.stop()
}

await main()
