// A process that is nothing but one VM on our engine: boots an image, runs it in slices as a pCPU
// does until it powers off, and writes its console to stdout. A process of its own, so that it can
// be timed as QEMU's is, with all that the engine costs besides. Not here: timing.
// Run: node bench/rig/engine-process.ts IMAGE [--initrd FILE] [--args TEXT] [--memory MIB]
//   [--engine NAME] [--machine-mode: enters the image in M-mode]

import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { ticksPerMs } from '#engine/devices/memory-map.ts'
import type { Machine } from '#engine/machine.ts'
import { SliceLength } from '#engine/pcpu/slice-length.ts'
import { mebibyte } from '#proto/units.ts'
import { bootedMachine, readImage } from './bench-machine.ts'
import { chosenEngines } from './engines.ts'
import { ramMib } from './ram.ts'

/** Of a slice that was thought too short: what a device does counts for nothing in its budget. */
const sliceMsMax = 2
const sleeper = new Int32Array(new SharedArrayBuffer(4))

function runToEnd(machine: Machine): void {
  const slices = new SliceLength()
  for (;;) {
    const [startedMs, before] = [performance.now(), machine.retired]
    const outcome = machine.run(slices.budget(0), startedMs + sliceMsMax)
    slices.measured(machine.retired - before, performance.now() - startedMs)
    const output = machine.takeOutput()
    if (output !== undefined) writeSync(1, output.bytes)
    if (outcome.kind === 'stopped') return
    if (outcome.kind === 'idle') sleepUntil(machine, outcome.untilTicks)
    else if (outcome.kind !== 'ran') throw new Error(`The guest is ${outcome.kind}, for ever.`)
  }
}

function sleepUntil(machine: Machine, untilTicks: number): void {
  if (untilTicks === Infinity) throw new Error('The guest waits for ever.')
  Atomics.wait(sleeper, 0, 0, Math.max(0, (untilTicks - machine.ticks) / ticksPerMs))
}

// At once, for whoever measures a boot ends this process by a signal.
flushCompileCache()

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string' },
    initrd: { type: 'string' },
    args: { type: 'string', default: '' },
    memory: { type: 'string', default: String(ramMib) },
    'machine-mode': { type: 'boolean', default: false },
  },
})
const machine = bootedMachine({
  image: {
    kernel: await readImage(positionals[0] ?? ''),
    entersMachineMode: values['machine-mode'],
    ...(values.initrd && { initrd: await readImage(values.initrd) }),
  },
  ramBytes: Number(values.memory) * mebibyte,
  engine: chosenEngines(values.engine)[0] ?? 'translator',
  args: values.args,
})
runToEnd(machine)
console.log(`retired ${machine.retired}`)
