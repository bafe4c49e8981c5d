// Reads scenario.yaml: text in, a checked scenario or all of its mistakes out, each with line and
// column. Syntax, then shape, then names: the later checks need what the earlier ones promise.

import { Scenario } from '../schema.ts'
import { writtenOut } from './many.ts'
import { mistakesOf } from './mistakes.ts'
import { findingsOf } from './references.ts'
import { type Mistake, parseYaml } from './yaml-text.ts'

export type ReadScenario = { readonly scenario: Scenario } | { readonly mistakes: Mistake[] }

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
  const mistakes = findingsOf(scenario).map(({ path, message }) => yaml.mistakeAt(path, message))
  if (folderName !== undefined && scenario.name !== folderName)
    mistakes.unshift(yaml.mistakeAt(['name'], `should be \`${folderName}\`, as its folder is`))
  return mistakes.length > 0 ? { mistakes } : { scenario: writtenOut(scenario) }
}
