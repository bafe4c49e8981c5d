// Claim: a guest whose dirty log is read and cleared 100 times a second, oftener than any round of
// a migration, keeps at least 97 % of its speed. One VM runs a program; in one window of time a log
// is open and taken, in the other none is, in an order by chance, so that the program's phases and
// what else the computer does fall on both alike. Speed = instructions per CPU time of this thread.
// Ratio = speed with / without, median of several runs of the program. Times in ms.
// Run: node bench/dirty-tracking.ts [--only NAME,..] [--runs N] [--engine NAME]

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Machine } from '#engine/machine.ts'
import { SliceLength } from '#engine/pcpu/slice-length.ts'
import { bootedMachine } from './rig/bench-machine.ts'
import { count, readCommandLine, someOf } from './rig/command-line.ts'
import { chosenEngines, type Engine, engineWord } from './rig/engines.ts'
import { builtProgram, missingCompiler } from './rig/programs.ts'
import { ramMib } from './rig/ram.ts'
import { median, spreadPercent } from './rig/sample.ts'
import { Table, times, verdict } from './rig/table.ts'

const takeEveryMs = 10
const takesAWindow = 5
const required = 0.97
/**
 * Stores to few pages, to a thousand over and over, and to thousands in all orders; for ten seconds
 * each: in a run of one, whether a phase falls on more windows of one kind says more than tracking.
 */
const programs = ['core-long', 'sieve-long', 'memory-long']

/** What was done in the windows of one kind. */
interface Done {
  instructions: number
  cpuMs: number
}

const cpuMsNow = () => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Runs for so long; false when the guest has ended. */
function runFor(machine: Machine, slices: SliceLength, ms: number): boolean {
  const untilMs = performance.now() + ms
  for (let nowMs = performance.now(); nowMs < untilMs; ) {
    const before = machine.retired
    const outcome = machine.run(slices.budget(0))
    const endedMs = performance.now()
    slices.measured(machine.retired - before, endedMs - nowMs)
    machine.takeOutput()
    if (outcome.kind !== 'ran') return false
    nowMs = endedMs
  }
  return true
}

function runWindow(machine: Machine, slices: SliceLength, isTracked: boolean, done: Done): boolean {
  const [cpuMs, before] = [cpuMsNow(), machine.retired]
  const log = isTracked ? machine.openLog() : undefined
  let goesOn = true
  for (let n = 0; goesOn && n < takesAWindow; n++) {
    goesOn = runFor(machine, slices, takeEveryMs)
    if (log !== undefined) machine.takeLog(log)
  }
  if (log !== undefined) machine.closeLog(log)
  done.instructions += machine.retired - before
  done.cpuMs += cpuMsNow() - cpuMs
  return goesOn
}

/** Speed with tracking over speed without, of one run of the program to its end. */
function ratioOfRun(elf: string, engine: Engine): number {
  const image = { kernel: readFileSync(elf) }
  const machine = bootedMachine({ image, ramBytes: ramMib << 20, engine })
  const slices = new SliceLength()
  const [off, on]: [Done, Done] = [
    { instructions: 0, cpuMs: 0 },
    { instructions: 0, cpuMs: 0 },
  ]
  runWindow(machine, slices, false, { instructions: 0, cpuMs: 0 }) // Warms up.
  for (let goesOn = true; goesOn; ) {
    const first = Math.random() < 0.5
    for (const isTracked of [first, !first])
      goesOn &&= runWindow(machine, slices, isTracked, isTracked ? on : off)
  }
  return on.instructions / on.cpuMs / (off.instructions / off.cpuMs)
}

function main(): void {
  const values = readCommandLine({ only: someOf(programs), runs: count(3), engine: engineWord })
  const missing = missingCompiler('riscv')
  if (missing !== undefined) {
    console.log(`SKIPPED: ${missing}`)
    return
  }
  const table = new Table([
    ['work', 16],
    ['engine', 11],
    ['on/off', 6],
    ['required', 8],
    ['verdict', 9],
    ['spread %', 8],
  ])
  for (const engine of chosenEngines(values.engine))
    for (const name of values.only ?? programs) tell(table, name, engine, values.runs)
}

function tell(table: Table, name: string, engine: Engine, runs: number): void {
  const elf = builtProgram(name, 'riscv')
  const ratios = Array.from({ length: runs }, () => ratioOfRun(elf, engine))
  const ratio = median(ratios)
  const said = verdict(ratio, required)
  if (said === 'MISSED') process.exitCode = 1
  table.row([name, engine, times(ratio), times(required), said, spreadPercent(ratios).toFixed(0)])
}

main()
