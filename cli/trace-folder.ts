// Load traces from a folder: every NAME.csv and NAME.csv.gz in it is a day. Not here: what is in
// such a file (scenarios/sim/models/traces.ts).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { faultOf } from '#proto/faults.ts'
import type { Day } from '#scenarios/experiments/experiment.ts'
import { readTraces } from '#scenarios/sim/models/traces.ts'
import { CommandError, exitCode } from './exit-code.ts'

const ending = /\.csv(\.gz)?$/

export function readDays(folder: string): Day[] {
  const files = filesOf(folder)
  if (files.length === 0) {
    const wanted = 'give --data a folder of NAME.csv or NAME.csv.gz, a line a VM: its name, then %'
    throw new CommandError(exitCode.usage, `there are no load traces in ${folder}: ${wanted}`)
  }
  return files.map((file) => ({
    name: file.replace(ending, ''),
    traces: tracesOf(join(folder, file)),
  }))
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => ending.test(file))
      .sort()
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new CommandError(exitCode.usage, `--data: ${why}`)
  }
}

function tracesOf(path: string): Day['traces'] {
  try {
    const bytes = readFileSync(path)
    const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
    return [...readTraces(text).values()]
  } catch (thrown) {
    throw new CommandError(exitCode.usage, `${path}: ${faultOf(thrown).message}`)
  }
}
