// Reads scenario.yaml: text in, a checked scenario or all of its mistakes out, each with line and
// column. Syntax, then shape, then names: the later checks need what the earlier ones promise.

import { Scenario } from '../schema.ts'
import { writtenOut } from './many.ts'
import { mistakesOf } from './mistakes.ts'
import { type Finding, findingsOf } from './references.ts'
import { findingsOfTraces } from './trace-references.ts'
import { type Mistake, parseYaml } from './yaml-text.ts'

export interface Sound {
  readonly scenario: Scenario
  /** What its trace file makes wrong with it; undefined: there is no such file. */
  mistakesWith(traceText: string | undefined): Mistake[]
}

export type ReadScenario = Sound | { readonly mistakes: Mistake[] }

/**
 * `file` is only named in mistakes. `folderName`: what the scenario must be called; absent:
 * anything.
 */
export function readScenario(text: string, file: string, folderName?: string): ReadScenario {
  const yaml = parseYaml(text, file)
  if ('mistakes' in yaml) return yaml
  const checked = Scenario.safeParse(yaml.value)
  if (!checked.success) return { mistakes: mistakesOf(yaml, checked.error.issues) }
  const scenario = checked.data
  const at = ({ path, message }: Finding) => yaml.mistakeAt(path, message)
  const mistakes = findingsOf(scenario).map(at)
  if (folderName !== undefined && scenario.name !== folderName)
    mistakes.unshift(yaml.mistakeAt(['name'], `should be \`${folderName}\`, as its folder is`))
  if (mistakes.length > 0) return { mistakes }
  return {
    scenario: writtenOut(scenario),
    mistakesWith: (traceText) => findingsOfTraces(scenario, traceText).map(at),
  }
}
