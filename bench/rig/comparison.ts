// Two or more machines run the same program, in turns (A B A B), so that what else the computer
// does falls on all of them alike. What counts is the median of each, less that of an empty
// program: what a machine costs before its guest's first line and after its last is not the
// guest's.
// Not here: what is required (the benchmark says), how it is printed (table.ts). Times in ms.

import { median, spreadPercent } from './sample.ts'
import { type TimedRun, timedRun } from './timed-run.ts'

/** Something that runs a program: its name, and the command for a program's file. */
export interface Contender {
  readonly name: string
  command(file: string): readonly string[]
}

export interface Cost {
  readonly cpuMs: number
  readonly wallMs: number
  /** Of the CPU times, greatest less least in percent of the median. */
  readonly spreadPercent: number
  /** The lines that the program reports its results in. */
  readonly results: string
}

const runMsMax = 120_000

/** Runs `file` on each of them, `times` times in turns. */
export function compared(
  contenders: readonly Contender[],
  file: (contender: Contender) => string,
  times: number,
): Map<string, Cost> {
  const runs = new Map<string, TimedRun[]>(contenders.map(({ name }) => [name, []]))
  for (let n = 0; n < times; n++) {
    for (const contender of contenders)
      runs.get(contender.name)?.push(timedRun(contender.command(file(contender)), runMsMax))
  }
  return new Map([...runs].map(([name, ofOne]) => [name, costOf(ofOne)]))
}

function costOf(runs: readonly TimedRun[]): Cost {
  const cpuMs = runs.map((run) => run.cpuMs)
  return {
    cpuMs: median(cpuMs),
    wallMs: median(runs.map((run) => run.wallMs)),
    spreadPercent: spreadPercent(cpuMs),
    results: resultLines(runs[0]?.output ?? ''),
  }
}

/** What programs of ours say of their work, without what firmware says before. */
function resultLines(output: string): string {
  // Firmware sends a carriage return too.
  const lines = output.split('\n').map((line) => line.trim())
  return lines.filter((line) => line.startsWith('result ') || line.startsWith('failed')).join('\n')
}

/** Below that, the difference of two runs is noise: a program that costs less is too short. */
const msMin = 10

/** Ratio of the wall times; a dash when ours is lost in the noise of an empty guest's. */
export function byWall(ours: Cost, peer: Cost): string {
  return ours.wallMs > msMin ? (peer.wallMs / ours.wallMs).toFixed(2) : '–'
}

/** The cost of the guest's own work. */
export function lessEmpty(cost: Cost, empty: Cost): Cost {
  return {
    ...cost,
    cpuMs: Math.max(msMin, cost.cpuMs - empty.cpuMs),
    wallMs: Math.max(msMin, cost.wallMs - empty.wallMs),
  }
}
