// VMs as a file describes them for `godwit run -f`: YAML or JSON (which YAML contains), one VM, a
// list of them, or `vms:` as in a scenario. The fields are those of the scenario language, so that
// they can be copied to and fro. Mistakes are told as file:line:column. Not here: reading the file,
// starting the VMs (commands/run.ts).

import { z } from 'zod'
import { HaPolicy } from '#proto/ha.ts'
import type { RunInput } from '#scenarios/api-client.ts'
import { specOf, VmPart } from '#scenarios/language/cluster.ts'
import { policyOf } from '#scenarios/language/high-availability.ts'
import { suggestion } from '#scenarios/language/nearest-name.ts'
import {
  mistakeText,
  parseYaml,
  type YamlPath,
  type YamlText,
} from '#scenarios/language/yaml-text.ts'

export type ReadVms = { readonly requests: RunInput[] } | { readonly mistakes: string[] }

/** Here there are no models, each VM has its own name, and starts at once. */
const OneVm = VmPart.omit({ count: true, model: true, start: true })
const VmParts = z.array(OneVm).min(1)

/** `file` is only named in mistakes. */
export function readVms(text: string, file: string): ReadVms {
  const yaml = parseYaml(text, file)
  if ('mistakes' in yaml) return { mistakes: yaml.mistakes.map(mistakeText) }
  const { value, at } = vmsOf(yaml.value)
  const checked = VmParts.safeParse(value)
  if (checked.success) return { requests: checked.data.map(requestOf) }
  return { mistakes: checked.error.issues.flatMap((issue) => mistakesOf(yaml, at, issue)) }
}

/** The list of VMs in the file, and how a path in that list is a path in the file. */
function vmsOf(value: unknown): { value: unknown; at: (path: YamlPath) => YamlPath } {
  if (Array.isArray(value)) return { value, at: (path) => path }
  if (typeof value === 'object' && value !== null && 'vms' in value)
    return { value: value.vms, at: (path) => ['vms', ...path] }
  return { value: [value], at: (path) => path.slice(1) }
}

function requestOf(vm: z.infer<typeof OneVm>): RunInput {
  const { id, node, policy } = vm
  return {
    ...{ id, spec: specOf(vm) },
    ...(node === undefined ? {} : { startOn: node }),
    ...(policy && { policy: HaPolicy.parse(policyOf(policy)) }),
  }
}

function mistakesOf(
  yaml: YamlText,
  at: (path: YamlPath) => YamlPath,
  issue: z.core.$ZodIssue,
): string[] {
  const path = at(issue.path)
  if (issue.code !== 'unrecognized_keys') {
    const field = issue.path.filter((key) => typeof key === 'string').join('.')
    return [mistakeText(yaml.mistakeAt(path, field ? `${field}: ${issue.message}` : issue.message))]
  }
  return issue.keys.map((key) => {
    const known = Object.keys(OneVm.shape)
    return mistakeText(yaml.mistakeAt(path, `unknown key \`${key}\`${suggestion(key, known)}`, key))
  })
}
