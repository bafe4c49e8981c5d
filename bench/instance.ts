// Claim: one more VM is made in 5 ms and takes at most 8 MiB beside its RAM. Made is: its memory,
// its tables, its core's instance, its devices, and our own guest loaded. Then each runs for some
// slices, so that what a running VM touches is counted; RSS grows by its part of that. Ratio = what
// is allowed / what it costs. Beside its RAM: the RAM pages that the guest has touched (told by its
// own tables) are taken off.
// Not here: the thread, the disk. Run: node --expose-gc bench/instance.ts [--vms N]

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { WasmCore } from '#engine/cpu/core.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { Machine } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { VmConfig } from '#engine/vm-config.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { median } from './rig/sample.ts'
import { Table, times, verdict } from './rig/table.ts'

const ramBytes = 64 << 20
const createMsMax = 5
const besideMibMax = 8
const slices = 40
const sliceInstructions = 50_000
const mib = (bytes: number) => bytes / (1 << 20)

const module = new WebAssembly.Module(readFileSync(coreWasmUrl))
const kernel = new Uint8Array(
  readFileSync(new URL('../engine/guests/godwit-guest.bin', import.meta.url)),
)
const identity = {
  instanceId: '5a'.repeat(16),
  mac: '02:00:00:00:00:01',
  randomSeed: '5a'.repeat(32),
}
const host = { nowMs: () => performance.now(), wallMs: () => Date.now() }

interface Vm {
  readonly ram: WasmGuestMemory
  readonly machine: Machine
}

function made(n: number): Vm {
  const ram = WasmGuestMemory.create(module, ramBytes)
  const { memory } = ram
  const config: VmConfig = {
    ...{ vmId: `vm-${n}`, memory, ramBytes, args: 'workload=cpu load=10', clock: 'real', identity },
    ...{ boot: 'paravirtualised', cpuShares: 1024, cpuCapPercent: 100, leased: false, epoch: 1 },
  }
  const machine = new Machine({
    config,
    host,
    makeCore: (hooks) =>
      new WasmCore({ module, memory, ramBytes, clock: 'real', sbi: 'vmm', hooks }),
  })
  machine.boot({ kernel })
  return { ram, machine }
}

/** Resident bytes of this process now, with no garbage in them if the run allows. */
function residentBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

function row(rows: Table, name: string, cost: number, allowed: number, unit: string): void {
  const ratio = allowed / cost
  const said = verdict(ratio, 1)
  rows.row([name, `${cost.toFixed(2)} ${unit}`, `${allowed} ${unit}`, times(ratio), said])
  if (said === 'MISSED') process.exitCode = 1
}

function main(): void {
  const { vms: wanted } = readCommandLine({ vms: count(200) })
  const kept = [made(0)]
  const before = residentBytes()
  const createMs: number[] = []
  for (let n = 1; n <= wanted; n++) {
    const startedMs = performance.now()
    kept.push(made(n))
    createMs.push(performance.now() - startedMs)
  }
  const idleBytes = residentBytes() - before
  for (const { machine } of kept.slice(1)) {
    machine.resume()
    for (let n = 0; n < slices; n++) machine.run(sliceInstructions)
    machine.takeOutput()
  }
  const ramTouched = kept.slice(1).reduce((sum, { ram }) => sum + ram.touchedBytes(), 0)
  const besideBytes = (residentBytes() - before - ramTouched) / wanted
  console.log(`Node ${process.version}; ${wanted} VMs of ${mib(ramBytes)} MiB`)
  const rows = new Table([
    ['one VM', 22],
    ['costs', 10],
    ['allowed', 8],
    ['ratio', 6],
    ['verdict', 8],
  ])
  row(rows, 'made in (median)', median(createMs), createMsMax, 'ms')
  row(rows, 'RSS when just made', mib(idleBytes / wanted), besideMibMax, 'MiB')
  row(rows, 'RSS beside RAM, run', mib(besideBytes), besideMibMax, 'MiB')
  console.log(`RAM that each has touched: ${mib(ramTouched / wanted).toFixed(2)} MiB`)
}

main()
