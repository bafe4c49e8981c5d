// Claim: a guest whose dirty log is read and cleared 100 times a second, as the rounds of a
// migration never do so often, keeps at least 97 % of its speed. The same program runs with a log
// and without, in turns; ratio = CPU time without / with, less that of an empty guest. Medians.
// Run: node bench/dirty-tracking.ts [--only NAME,..] [--runs N] [--engine NAME]

import { parseArgs } from 'node:util'
import { type Contender, type Cost, compared, lessEmpty } from './rig/comparison.ts'
import { chosenEngines, type Engine, engineContender } from './rig/engines.ts'
import { builtProgram, missingCompiler } from './rig/programs.ts'
import { seconds, Table, times, verdict } from './rig/table.ts'

const takesPerSec = 100
const required = 0.97
/** One that stores little, one that stores to a few pages, one that stores to thousands. */
const programs = ['core', 'sieve', 'memory']

function contendersFor(engine: Engine): [without: Contender, tracked: Contender] {
  const without = engineContender(engine)
  const takes = ['--takes', String(takesPerSec)]
  return [without, { name: 'tracked', command: (file) => [...without.command(file), ...takes] }]
}

function measure(table: Table, engine: Engine, names: readonly string[], runs: number): void {
  const [without, tracked] = contendersFor(engine)
  const both = [without, tracked]
  const empty = compared(both, () => builtProgram('empty', 'riscv'), runs)
  for (const name of names) {
    const costs = compared(both, () => builtProgram(name, 'riscv'), runs)
    const own = (of: Contender) => lessEmpty(costs.get(of.name) as Cost, empty.get(of.name) as Cost)
    const [off, on] = [own(without), own(tracked)]
    const ratio = off.cpuMs / on.cpuMs
    const said = off.results === on.results ? verdict(ratio, required) : 'WRONG'
    if (said !== 'reached') process.exitCode = 1
    table.row([
      ...[name, engine, seconds(off.cpuMs), seconds(on.cpuMs), times(ratio), times(required)],
      ...[said, `${off.spreadPercent.toFixed(0)}/${on.spreadPercent.toFixed(0)}`],
    ])
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: programs.join() },
      runs: { type: 'string', default: '5' },
      engine: { type: 'string' },
    },
  })
  const missing = missingCompiler('riscv')
  if (missing !== undefined) {
    console.log(`SKIPPED: ${missing}`)
    return
  }
  const table = new Table([
    ['work', 16],
    ['engine', 11],
    ['off s', 6],
    ['on s', 6],
    ['ratio', 6],
    ['required', 8],
    ['verdict', 9],
    ['spread % off/on', 10],
  ])
  for (const engine of chosenEngines(values.engine))
    measure(table, engine, values.only.split(','), Number(values.runs))
}

main()
