// What the commands in the documents print: played in the simulated world, where one seed gives one
// output, by the very command line that a person uses. Time is virtual, so a cluster of three nodes
// with its VMs takes a second. Not here: where it is put (blocks.ts, main.ts).

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cli, Interrupts } from '#cli/cli.ts'
import { runProgram } from '#cli/program.ts'
import type { Terminal } from '#cli/terminal.ts'
import { realClock } from '#env/real.ts'
import { asNodeId } from '#proto/ids.ts'
import { heartbeatMs, leaseMarginMs, leaseMs } from '#proto/units.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'
import { shellBlock } from './blocks.ts'

const columns = 118

/** Everything that is said, in the order in which it is; nobody sits before it. */
function linesInto(lines: string[]): Terminal {
  const add = (text: string) => void lines.push(...text.split('\n'))
  const nothing = () => undefined
  return {
    ...{ interactive: false, notesInteractive: false, columns, rows: 40 },
    ...{ write: add, data: add, note: add },
    paint: (_, text) => text,
    live: () => ({ draw: nothing, done: nothing, clear: nothing }),
  }
}

/** Words of a line as a shell splits them. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '')

/** Files of a line are in a folder that goes. */
const inFolder = (words: readonly string[], folder: string): string[] =>
  words.map((word) => (/^[\w-]+\.json$/.test(word) ? join(folder, word) : word))

/** A command, or so many ms in which the cluster goes on by itself. */
type Deed = string | number

const cluster = {
  nodes: ['n1', 'n2', 'n3'].map((id) => ({
    ...{ id: asNodeId(id), cores: 1, mipsPerCore: 50, memoryMib: 1024 },
  })),
  ...{ leaseMs, heartbeatMs, marginMs: leaseMarginMs, rebalance: false, seed: 1 },
}

/** A cluster of three nodes, and what a person does there; each command is shown with `$`. */
async function played(deeds: readonly Deed[]): Promise<string[]> {
  const world = new ScenarioSimWorld(await nodePlatform())
  const { clock, api } = world
  const lines: string[] = []
  const home = mkdtempSync(join(tmpdir(), 'godwit-readme-'))
  const cli: Cli = { terminal: linesInto(lines), clock, home, interrupts: new Interrupts(), api }
  const play = async () => {
    await world.startCluster(cluster)
    for (const deed of deeds) {
      if (typeof deed === 'number')
        await new Promise<void>((go) => void clock.wakeAt(clock.nowMs() + deed, go))
      else {
        lines.push(`$ godwit ${deed}`)
        await runProgram(inFolder(wordsOf(deed), home), cli)
      }
    }
  }
  try {
    await world.drive(play())
  } finally {
    await world.stop()
    rmSync(home, { recursive: true, force: true })
  }
  return lines
}

/** The report of a scenario, from one heading to before another. */
async function reported(scenario: string, from: string, before: string): Promise<string[]> {
  const lines: string[] = []
  const home = mkdtempSync(join(tmpdir(), 'godwit-readme-'))
  const terminal = { ...linesInto(lines), note: () => undefined }
  const cli: Cli = { terminal, clock: realClock, home, interrupts: new Interrupts() }
  try {
    await runProgram(['scenario', 'run', scenario, '--world', 'sim'], cli)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
  const last = lines.findLast((line) => line !== '') ?? ''
  return [...lines.slice(lines.indexOf(from), lines.indexOf(before)), last]
}

const root = new URL('../../', import.meta.url).pathname

const makers: Readonly<Record<string, () => Promise<string[]>>> = {
  tour: () => reported(join(root, 'scenarios/library/tour'), 'Migrations', 'Expectations'),
  cluster: () =>
    played([
      "run kv --args 'workload=kv' --disk 16",
      "run walker --args 'workload=dirty wss=16 rate=2000' --memory 64 --node n1",
      2500,
      'vms',
      'migrate walker n2 --bandwidth 40',
      'nodes',
      'run big --memory 1000 --node n2 --no-wait',
      300,
      'why big',
    ]),
  'heat-map': () =>
    played([
      "run walker --args 'workload=dirty wss=16 rate=2000' --memory 64 --node n1",
      2500,
      'migrate walker n2 --bandwidth 40 --page-log walker.json',
      'heat-map walker.json',
    ]),
}

/** Name of a block → what belongs into it. */
export async function madeBlocks(names: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>()
  for (const name of names) {
    const maker = makers[name]
    if (!maker) throw new Error(`nothing makes a block ${name}: see tools/readme/transcripts.ts`)
    made.set(name, shellBlock(await maker()))
  }
  return made
}
