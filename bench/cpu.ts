// Claim: the engine runs guest code as fast as QEMU does by translation, much of it faster. The
// same ELF files (bench/programs: bare metal, S-mode, Sv39 with pages of 4 KiB and 2 MiB) run on
// both, in turns, each in a process of its own. Ratio = QEMU's CPU time / ours, of all threads,
// less that of an empty guest: above 1 we are faster. Medians count. Results must be equal.
// The three that have a bar run for ten seconds, as CoreMark's run rules ask (EEMBC, "CoreMark run
// rules"); their runs of a second, which translating is a good part of, are told beside them.
// Not here: Linux (linux-boot.ts), v86 (v86.ts).
// Run: node bench/cpu.ts [--only NAME,..] [--runs N] [--engine NAME] [--elf FILE]

import { count, readCommandLine, someOf, words } from './rig/command-line.ts'
import { byWall, type Contender, type Cost, compared, lessEmpty } from './rig/comparison.ts'
import { chosenEngines, type Engine, engineContender, engines, engineWord } from './rig/engines.ts'
import { builtProgram, missingCompiler } from './rig/programs.ts'
import { missingQemu, qemuCommand, qemuVersion } from './rig/qemu.ts'
import { seconds, Table, times, verdict } from './rig/table.ts'

/** Program → how many times QEMU's speed is required; undefined: the ratio is only told. */
// tidy: data table
const required: Record<string, number | undefined> = {
  'core-long': 1,
  'sieve-long': 3,
  'memory-long': 2,
  core: undefined,
  sieve: undefined,
  memory: undefined,
  double: 0.5,
  'system-calls': 0.5,
  'random-loads': 0.5,
  'address-spaces': 0.5,
  'page-fences': undefined,
  'clock-reads': undefined,
  'firmware-calls': undefined,
}
/** What is required of the interpreter alone. */
const requiredOfInterpreter: typeof required = { core: 0.1 }

const qemu: Contender = { name: 'QEMU', command: (kernel) => qemuCommand({ kernel }) }

interface Asked {
  readonly names: readonly string[]
  readonly files: readonly string[]
  readonly runs: number
  /** Whose row there is for a program. */
  enginesFor(name: string): readonly Engine[]
}

function asked(): Asked {
  const values = readCommandLine({
    only: someOf(Object.keys(required)),
    ...{ runs: count(3), engine: engineWord, elf: words },
  })
  const only = values.only ?? (values.elf.length > 0 ? [] : Object.keys(required))
  const engines = chosenEngines(values.engine)
  const isLeftToUs = values.engine === undefined
  const enginesFor = (name: string) =>
    isLeftToUs && name in requiredOfInterpreter ? chosenEngines('both') : engines
  return { names: only, files: values.elf, runs: values.runs, enginesFor }
}

function main(): void {
  const wanted = asked()
  const missing = missingQemu() ?? missingCompiler('riscv')
  if (missing !== undefined) {
    console.log(`SKIPPED: ${missing}`)
    return
  }
  console.log(`${qemuVersion()}; Node ${process.version}; median of ${wanted.runs}; CPU time`)
  const contendersFor = (engines: readonly Engine[]) => [qemu, ...engines.map(engineContender)]
  const empty = compared(contendersFor(engines), () => builtProgram('empty', 'riscv'), wanted.runs)
  const table = new Table(columns)
  const works = [
    ...wanted.names.map((name) => ({ name, file: builtProgram(name, 'riscv') })),
    ...wanted.files.map((file) => ({ name: file.split('/').at(-1) ?? file, file })),
  ]
  for (const { name, file } of works) {
    const ofThis = wanted.enginesFor(name)
    const costs = compared(contendersFor(ofThis), () => file, wanted.runs)
    for (const engine of ofThis) tell(table, name, engine, costs, empty)
  }
}

const columns = [
  ['work', 16],
  ['engine', 11],
  ['ours s', 6],
  ['QEMU s', 6],
  ['ratio', 6],
  ['by wall', 7],
  ['required', 8],
  ['verdict', 9],
  ['spread % ours/QEMU', 10],
] as const

type Costs = ReadonlyMap<string, Cost>

function tell(table: Table, name: string, engine: Engine, costs: Costs, empty: Costs): void {
  const own = (of: string) => lessEmpty(costs.get(of) as Cost, empty.get(of) as Cost)
  const [ours, peer] = [own(engine), own(qemu.name)]
  const ratio = peer.cpuMs / ours.cpuMs
  const bar = (engine === 'interpreter' ? requiredOfInterpreter : required)[name]
  const isSame = ours.results === peer.results
  const said = isSame ? verdict(ratio, bar) : 'WRONG'
  table.row([
    ...[name, engine, seconds(ours.cpuMs), seconds(peer.cpuMs), times(ratio)],
    ...[byWall(ours, peer), bar === undefined ? '–' : times(bar), said],
    `${ours.spreadPercent.toFixed(0)}/${peer.spreadPercent.toFixed(0)}`,
  ])
  if (!isSame) console.log(`Ours said:\n${ours.results}\nQEMU said:\n${peer.results}`)
  if (!isSame || said === 'MISSED') process.exitCode = 1
}

main()
