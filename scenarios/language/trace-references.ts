// Whether the trace file that a scenario names is there, is one, and has the lines that its VMs ask
// for. Pure: the file's text is given. Not here: reading traces (sim/models/traces.ts).

import { faultOf } from '#proto/faults.ts'
import type { Scenario } from '../schema.ts'
import { readTraces } from '../sim/models/traces.ts'
import { type Finding, unknown } from './unknown-name.ts'

/** @param text of the file; undefined: there is none */
export function findingsOfTraces({ traces: file, vms }: Scenario, text?: string): Finding[] {
  if (file === undefined) return []
  const wrong = (message: string): Finding[] => [{ path: ['traces'], message }]
  if (text === undefined) return wrong(`there is no file \`${file}\` in the folder`)
  const names = namesIn(text)
  if (typeof names === 'string') return wrong(`${file}: ${names}`)
  if (names.length === 0) return wrong(`\`${file}\` has no line`)
  return vms.flatMap(({ model }, i) => {
    if (typeof model?.load !== 'object' || !('trace' in model.load)) return []
    const { trace } = model.load
    if (trace === 'next') return []
    return unknown(`line of ${file}`, ['vms', i, 'model', 'load', 'trace'], trace, names)
  })
}

/** Or what is wrong with it. */
function namesIn(text: string): string[] | string {
  try {
    return [...readTraces(text).keys()]
  } catch (thrown) {
    return faultOf(thrown).message
  }
}
