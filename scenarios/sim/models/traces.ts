// Load traces: what a VM asked of its CPU, sample by sample. A file has a VM a line: its name, then
// whole percents, separated by commas, one sample every five minutes (the form in which the
// PlanetLab data of Beloglazov and Buyya 2012 is kept). Pure; not here: files. Percent, ms.

import { FaultError, fault } from '#proto/faults.ts'

export interface Trace {
  readonly percents: Uint8Array
  readonly everyMs: number
}

export const sampleEveryMs = 300_000

/** By the names of their lines. Throws a FaultError that names the line. */
export function readTraces(text: string, everyMs = sampleEveryMs): Map<string, Trace> {
  const traces = new Map<string, Trace>()
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const [name = '', ...samples] = line.split(',')
    traces.set(name, { percents: percentsOf(samples, at + 1), everyMs })
  }
  return traces
}

function percentsOf(samples: readonly string[], line: number): Uint8Array {
  const percents = Uint8Array.from(samples, Number)
  const isGood = samples.length > 0 && samples.every((sample) => /^\s*(100|\d\d?)\s*$/.test(sample))
  if (isGood) return percents
  const text = `line ${line} of the trace: a name and whole percents (0-100) are wanted`
  throw new FaultError(fault('bad-request', text))
}
