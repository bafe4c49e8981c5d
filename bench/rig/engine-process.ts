// A process that is nothing but one VM on our engine: boots an ELF file, runs it in slices as a
// pCPU does until it powers off, and writes its console to stdout. A process of its own, so that it
// can be timed as QEMU's is, with all that the engine costs besides.
// Not here: timing. Run: node bench/rig/engine-process.ts ELF

import { readFileSync, writeSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { WasmCore } from '#engine/cpu/core.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { Machine } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { SliceLength } from '#engine/pcpu/slice-length.ts'
import { imageOf } from './elf.ts'
import { ramMib } from './ram.ts'

const ramBytes = ramMib << 20
const identity = {
  instanceId: '5a'.repeat(16),
  mac: '02:00:00:00:00:01',
  randomSeed: '5a'.repeat(32),
}

function machineWith(kernel: Uint8Array): Machine {
  const module = new WebAssembly.Module(readFileSync(coreWasmUrl))
  const { memory } = WasmGuestMemory.create(module, ramBytes)
  const machine = new Machine({
    config: {
      ...{ vmId: 'bench', memory, ramBytes, args: '', clock: 'real', identity },
      ...{ boot: 'paravirtualised', cpuShares: 1024, cpuCapPercent: 100, leased: false, epoch: 1 },
    },
    host: { nowMs: () => performance.now(), wallMs: () => Date.now() },
    makeCore: (hooks) =>
      new WasmCore({ module, memory, ramBytes, clock: 'real', sbi: 'vmm', hooks }),
  })
  machine.boot({ kernel })
  machine.resume()
  return machine
}

/** Runs until the guest ends; a guest that waits for ever is one that failed. */
function runToEnd(machine: Machine): void {
  const slices = new SliceLength()
  for (;;) {
    const [startedMs, before] = [performance.now(), machine.retired]
    const outcome = machine.run(slices.budget(0))
    slices.measured(machine.retired - before, performance.now() - startedMs)
    const output = machine.takeOutput()
    if (output !== undefined) writeSync(1, output.bytes)
    if (outcome.kind === 'stopped') return
    if (outcome.kind !== 'ran')
      throw new Error(`The guest is ${outcome.kind}, and nobody wakes it.`)
  }
}

const machine = machineWith(imageOf(readFileSync(process.argv[2] ?? '')))
runToEnd(machine)
console.log(`retired ${machine.retired}`)
