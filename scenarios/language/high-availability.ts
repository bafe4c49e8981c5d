// Policies, rules and settings of high availability as a scenario writes them: the same words as
// the API's (proto/ha.ts), nodes with their priority as `a` or `a:2`. Not here: what they do
// (docs/high-availability.md).

import { z } from 'zod'
import {
  type HaGroupInput,
  HaPolicy,
  type HaPolicySaid,
  type HaRuleInput,
  HaSettings,
  haRuleKinds,
  VmOrGroup,
} from '#proto/ha.ts'
import { Name } from '#proto/vm-spec.ts'
import { Duration, fits } from './quantities.ts'

const policy = HaPolicy.shape

/** What is said; what is not said has its default, or stays as it is. */
export const policyKeys = {
  priority: policy.priority.unwrap().optional().describe('Whose turn it is first: higher; 100'),
  after: z.array(VmOrGroup).max(32).optional().describe('Starts only when these run'),
  restarts: policy.restarts.unwrap().optional().describe('In a row, after a crash or failed start'),
  relocations: policy.relocations.describe('Then on so many other nodes'),
  failback: z.boolean().optional().describe('Goes back to a better node by itself; true'),
  locked: z.boolean().optional().describe('Nothing moves or restarts it by itself; false'),
  protection: policy.protection.describe('What becomes of it when its node is lost'),
  isolation: policy.isolation.describe('What a node that is cut off does with it: stop, or pause'),
  checkpoint: Duration.refine(fits(policy.checkpointMs), 'in whole ms, from 20ms to 1h')
    .optional()
    .describe('From one checkpoint to the next'),
}
export const PolicyPart = z.strictObject(policyKeys).describe('How it is kept running')
export type PolicyPart = z.infer<typeof PolicyPart>

/** As the API takes it: what is said, and nothing else. */
export function policyOf(part: PolicyPart): HaPolicySaid {
  const { priority, after, restarts, relocations, failback, locked, protection, isolation } = part
  const said = { priority, after, restarts, relocations, failback, locked, protection }
  const all = { ...said, isolation, checkpointMs: part.checkpoint }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

const nodePattern = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::(\d{1,3}))?$/
const nodeHint = 'write a node as `a`, or with its priority as `a:2`'

export const ruleKeys = {
  kind: z.enum(haRuleKinds).describe('What the rule is about'),
  vms: z.array(VmOrGroup).min(1).describe('The VMs it binds, or group:NAME'),
  nodes: z
    .array(z.string({ error: nodeHint }).regex(nodePattern, nodeHint))
    .min(1)
    .optional()
    .describe('Of node-affinity: where they belong, with priorities: [a:2, b:1]'),
  strict: z.boolean().optional().describe('Never broken; else kept where that is possible'),
}
export const groupKeys = {
  vms: z.array(Name).min(1).describe('Who is in it; each VM is in one group at most'),
  policy: z.strictObject(policyKeys).optional().describe('Of each of them, unless it says itself'),
}
export const GroupPart = z
  .strictObject({ name: Name.describe('What the group is called'), ...groupKeys })
  .describe('VMs about which something is declared together')
export type GroupPart = z.infer<typeof GroupPart>

/** As the API takes it. */
export const groupOf = ({ name, vms, policy = {} }: GroupPart): HaGroupInput => {
  const { relocations, ...said } = policyOf(policy)
  return { name, vms, policy: { ...said, ...(relocations == null ? {} : { relocations }) } }
}

export const RulePart = z
  .strictObject({ name: Name.describe('What the rule is called'), ...ruleKeys })
  .describe('One rule about which VMs belong where')
export type RulePart = z.infer<typeof RulePart>

const settings = HaSettings.shape
export const settingsKeys = {
  armed: z.boolean().optional().describe('Whether anything is restarted or moved by itself'),
  tolerate: settings.tolerate.unwrap().optional().describe('So many nodes may fail: admission'),
  admission: settings.admission.unwrap().optional().describe('What would break that promise'),
  shutdown: settings.shutdown.unwrap().optional().describe('VMs of a node that shuts down'),
}
export const SettingsPart = z.strictObject(settingsKeys).describe('High availability')

export const nodeIdOf = (text: string): string => nodePattern.exec(text)?.[1] ?? text

/** As the API takes it. */
export function ruleOf(part: RulePart): HaRuleInput {
  const { kind, name, vms, strict } = part
  const how = { name, vms, ...(strict === undefined ? {} : { strict }) }
  if (kind !== 'node-affinity') return { kind, ...how }
  const nodes = (part.nodes ?? []).map((text) => {
    const [, id = text, priority = '0'] = nodePattern.exec(text) ?? []
    return { id, priority: Number(priority) }
  })
  return { kind, ...how, nodes }
}

/** Only what was said. */
export const said = <T extends object>(part: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
