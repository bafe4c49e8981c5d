// Claim: the engine runs the same C programs 2.5 times as fast as v86, which translates x86 to
// WebAssembly in the same Node. One C file is compiled for both by gcc -O2: for RISC-V with Sv39,
// and for i386 as a multiboot kernel with paging and SSE2. In turns, each run a process of its own;
// ratio = v86's CPU time / ours, of all threads, less that of an empty program. Medians count.
// `random-loads` is told only: each load waits for memory, and compiled natively, the program that
// waits so takes half of v86's time, so that no translator could be 2.5 times as fast.
// Run: node bench/v86.ts [--only NAME,..] [--runs N] [--engine NAME]

import { fileURLToPath } from 'node:url'
import { count, readCommandLine, someOf } from './rig/command-line.ts'
import { byWall, type Contender, type Cost, compared, lessEmpty } from './rig/comparison.ts'
import { chosenEngines, engineContender, engineWord } from './rig/engines.ts'
import { builtProgram, missingCompiler } from './rig/programs.ts'
import { seconds, Table, times, verdict } from './rig/table.ts'

const required = 2.5
const programs = ['core', 'sieve', 'memory', 'double', 'random-loads']
const toldOnly = ['random-loads']

const shell = fileURLToPath(new URL('./rig/v86-process.ts', import.meta.url))
const v86: Contender = { name: 'v86', command: (file) => [process.execPath, shell, file] }

const columns = [
  ['work', 16],
  ['engine', 11],
  ['ours s', 6],
  ['v86 s', 6],
  ['ratio', 6],
  ['by wall', 7],
  ['required', 8],
  ['verdict', 9],
] as const

const fileFor = (name: string) => (contender: Contender) =>
  builtProgram(name, contender === v86 ? 'i386' : 'riscv')

type Costs = ReadonlyMap<string, Cost>

function tell(table: Table, name: string, engine: string, costs: Costs, empty: Costs): void {
  const own = (of: string) => lessEmpty(costs.get(of) as Cost, empty.get(of) as Cost)
  const [ours, peer] = [own(engine), own(v86.name)]
  const ratio = peer.cpuMs / ours.cpuMs
  const isJudged = engine !== 'interpreter' && !toldOnly.includes(name)
  const bar = isJudged ? required : undefined
  const isSame = ours.results === peer.results
  const said = isSame ? verdict(ratio, bar) : 'WRONG'
  table.row([
    ...[name, engine, seconds(ours.cpuMs), seconds(peer.cpuMs), times(ratio)],
    ...[byWall(ours, peer), bar === undefined ? '–' : times(bar), said],
  ])
  if (!isSame) console.log(`Ours said:\n${ours.results}\nv86 said:\n${peer.results}`)
  if (!isSame || said === 'MISSED') process.exitCode = 1
}

function main(): void {
  const values = readCommandLine({ only: someOf(programs), runs: count(3), engine: engineWord })
  const missing = missingCompiler('riscv') ?? missingCompiler('i386')
  if (missing !== undefined) {
    console.log(`SKIPPED: ${missing}`)
    return
  }
  const [runs, engines] = [values.runs, chosenEngines(values.engine)]
  console.log(`Node ${process.version}; median of ${runs}; CPU time`)
  const contenders = [v86, ...engines.map(engineContender)]
  const empty = compared(contenders, fileFor('empty'), runs)
  const table = new Table(columns)
  for (const name of values.only ?? programs) {
    const costs = compared(contenders, fileFor(name), runs)
    for (const engine of engines) tell(table, name, engine, costs, empty)
  }
}

main()
