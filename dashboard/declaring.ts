// What a person declares on the page: how one VM is kept running, and rules about where VMs belong.
// What was written into the forms, and the requests that become of it. Pure. Not here: the forms
// (parts/policy-dialog.tsx, parts/rule-dialog.tsx), what all of it means
// (docs/high-availability.md). Ms.

import type { z } from 'zod'
import type { VmView } from '#proto/api.ts'
import {
  checkpointMsDefaults,
  HaPolicyChange,
  HaRule,
  type HaRuleInput,
  haPolicyDefault,
  type ProtectionLevel,
} from '#proto/ha.ts'
import type { IsolationResponse } from '#proto/vm-spec.ts'

/** As the fields have it. */
export interface WantedPolicy {
  readonly protection: ProtectionLevel
  readonly checkpointMs: number
  readonly isolation: IsolationResponse
  readonly priority: number
  /** `db, group:stores`; empty: nobody. */
  readonly after: string
  readonly restarts: number
  /** Empty: as if never said. */
  readonly relocations: string
  readonly failback: boolean
  readonly locked: boolean
}

export const keepsReplica = (level: ProtectionLevel): level is keyof typeof checkpointMsDefaults =>
  level in checkpointMsDefaults

/** What counts for it now. */
export function policyOf({ spec, policy = haPolicyDefault }: VmView): WantedPolicy {
  const protection = policy.protection ?? (spec.ha ? 'restart' : 'none')
  const { priority, after, restarts, relocations, failback, locked } = policy
  return {
    ...{ protection, priority, restarts, failback, locked },
    after: after.join(', '),
    checkpointMs: policy.checkpointMs ?? everyMsOf(protection),
    isolation: policy.isolation ?? spec.isolation ?? 'stop',
    relocations: relocations === undefined ? '' : String(relocations),
  }
}

/** What the level has it at; of one without checkpoints nothing, which nobody is shown. */
export const everyMsOf = (level: ProtectionLevel): number =>
  keepsReplica(level) ? checkpointMsDefaults[level] : 0

type Declared<Value> = { readonly value: Value } | { readonly mistake: string }

/** Only what was changed: the rest goes on being said by whoever said it. */
export function policyChangeOf(vm: VmView, wanted: WantedPolicy): Declared<HaPolicyChange> {
  const before = policyOf(vm)
  const { checkpointMs, relocations, after, ...plain } = wanted
  const changed: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(plain))
    if (value !== before[key as keyof WantedPolicy]) changed[key] = value
  // What was said of one level goes on counting for the other.
  const everyMs = vm.policy?.checkpointMs ?? everyMsOf(wanted.protection)
  if (keepsReplica(wanted.protection) && checkpointMs !== everyMs)
    changed.checkpointMs = checkpointMs
  if (wordsOf(after).join(', ') !== before.after) changed.after = wordsOf(after)
  if (relocations !== before.relocations)
    changed.relocations = relocations.trim() === '' ? null : Number(relocations)
  return checked(HaPolicyChange, changed, policyTexts)
}

/** What is right for a field, where the schema says only what was wrong. */
type Texts = Readonly<Record<string, string>>

const policyTexts: Texts = {
  after: 'Write VMs by their names, and groups as group:NAME; 32 at most.',
  priority: 'The priority is a whole number from 0 to 1,000.',
  restarts: 'Restarts on its node are a whole number from 0 to 100.',
  relocations: 'Starts on other nodes are a whole number from 0 to 100; or leave it empty.',
  checkpointMs: 'From one checkpoint to the next it is 20 to 3,600,000 ms.',
}

/** As the fields have it. */
export interface WantedRule {
  readonly name: string
  readonly kind: HaRule['kind']
  /** `shop, group:stores` */
  readonly vms: string
  /** `n1:2, n2:1`; of node affinity. */
  readonly nodes: string
  readonly strict: boolean
}

export const noRule: WantedRule = {
  ...{ name: '', kind: 'keep-apart', vms: '', nodes: '', strict: true },
}

export const wantedOf = (rule: HaRule): WantedRule => ({
  ...{ name: rule.name, kind: rule.kind, strict: rule.strict, vms: rule.vms.join(', ') },
  nodes:
    rule.kind === 'node-affinity'
      ? rule.nodes.map(({ id, priority }) => (priority > 0 ? `${id}:${priority}` : id)).join(', ')
      : '',
})

export function ruleOf({ name, kind, vms, nodes, strict }: WantedRule): Declared<HaRule> {
  const shared = { name: name.trim(), vms: wordsOf(vms), strict }
  const rule: unknown =
    kind === 'node-affinity'
      ? ({ ...shared, kind, nodes: wordsOf(nodes).map(nodeOf) } satisfies HaRuleInput)
      : { ...shared, kind }
  return checked(HaRule, rule, kind === 'node-affinity' ? affinityTexts : ruleTexts)
}

const vmsText = (least: string): string =>
  `Write VMs by their names, and groups as group:NAME: ${least} at least.`
const ruleTexts: Texts = { vms: vmsText('two VMs, or a group,') }
const affinityTexts: Texts = {
  vms: vmsText('one VM, or a group,'),
  nodes: 'Write nodes by their names, each with a priority from 0 to 1,000 or without: n1:2, n2.',
}

const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '')

/** `n1` or `n1:2`; a colon with nothing behind it is no priority. */
function nodeOf(word: string): { id: string; priority?: number } {
  const [id = '', priority] = word.split(':')
  return priority === undefined
    ? { id }
    : { id, priority: priority === '' ? Number.NaN : Number(priority) }
}

function checked<Value>(schema: z.ZodType<Value>, value: unknown, texts: Texts): Declared<Value> {
  const read = schema.safeParse(value)
  if (read.success) return { value: read.data }
  const [issue] = read.error.issues
  const field = String(issue?.path[0] ?? 'it')
  return { mistake: texts[field] ?? `${field}: ${issue?.message}` }
}
