// A process that is nothing but one VM on our engine: boots an image, runs it in slices as a pCPU
// does until it powers off, and writes its console to stdout. A process of its own, so that it can
// be timed as QEMU's is, with all that the engine costs besides. Not here: timing.
// Run: node bench/rig/engine-process.ts IMAGE [--initrd FILE] [--args TEXT] [--memory MIB]
//   [--takes N: reads and clears a dirty log so often a second] [--machine-mode: enters it in M]

import { readFileSync, writeSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { WasmCore } from '#engine/cpu/core.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { ticksPerMs } from '#engine/devices/memory-map.ts'
import { Machine } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { SliceLength } from '#engine/pcpu/slice-length.ts'
import type { VmConfig } from '#engine/vm-config.ts'
import { ramMib } from './ram.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    initrd: { type: 'string' },
    args: { type: 'string', default: '' },
    memory: { type: 'string', default: String(ramMib) },
    takes: { type: 'string', default: '0' },
    'machine-mode': { type: 'boolean', default: false },
  },
})

const identity = {
  instanceId: '5a'.repeat(16),
  mac: '02:00:00:00:00:01',
  randomSeed: '5a'.repeat(32),
}

function bootedMachine(): Machine {
  const ramBytes = Number(values.memory) << 20
  const module = new WebAssembly.Module(readFileSync(coreWasmUrl))
  const { memory } = WasmGuestMemory.create(module, ramBytes)
  const entersMachineMode = values['machine-mode']
  const config: VmConfig = {
    ...{ vmId: 'bench', memory, ramBytes, args: values.args, clock: 'real', identity },
    ...{ boot: entersMachineMode ? 'unmodified' : 'paravirtualised' },
    ...{ cpuShares: 1024, cpuCapPercent: 100, leased: false, epoch: 1 },
  }
  const machine = new Machine({
    config,
    host: { nowMs: () => performance.now(), wallMs: () => Date.now() },
    makeCore: (hooks) =>
      new WasmCore({
        ...{ module, memory, ramBytes, clock: 'real', hooks },
        sbi: entersMachineMode ? 'firmware' : 'vmm',
      }),
  })
  const initrd = values.initrd && { initrd: readFileSync(values.initrd) }
  machine.boot({ kernel: readFileSync(positionals[0] ?? ''), ...initrd, entersMachineMode })
  machine.resume()
  return machine
}

/** Reads and clears the log when it is time, and between slices only, as an agent's round does. */
function logTaker(machine: Machine, takesPerSec: number): () => void {
  if (takesPerSec === 0) return () => {}
  const log = machine.openLog()
  let nextMs = performance.now()
  return () => {
    if (performance.now() < nextMs) return
    machine.takeLog(log)
    nextMs += 1000 / takesPerSec
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4))

function runToEnd(machine: Machine): void {
  const slices = new SliceLength()
  const takeLog = logTaker(machine, Number(values.takes))
  for (;;) {
    const [startedMs, before] = [performance.now(), machine.retired]
    const outcome = machine.run(slices.budget(0), startedMs + sliceMsMax)
    slices.measured(machine.retired - before, performance.now() - startedMs)
    const output = machine.takeOutput()
    if (output !== undefined) writeSync(1, output.bytes)
    takeLog()
    if (outcome.kind === 'stopped') return
    if (outcome.kind === 'idle') sleepUntil(machine, outcome.untilTicks)
    else if (outcome.kind !== 'ran') throw new Error(`The guest is ${outcome.kind}, for ever.`)
  }
}

/** Of a slice that was thought too short: what a device does counts for nothing in its budget. */
const sliceMsMax = 2

function sleepUntil(machine: Machine, untilTicks: number): void {
  if (untilTicks === Infinity) throw new Error('The guest waits for ever.')
  Atomics.wait(sleeper, 0, 0, Math.max(0, (untilTicks - machine.ticks) / ticksPerMs))
}

const machine = bootedMachine()
runToEnd(machine)
console.log(`retired ${machine.retired}`)
