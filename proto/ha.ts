// High availability as an operator declares it: a policy for each VM, rules about which VMs belong
// where, and settings of the whole cluster. All of it may be changed while everything runs. Words
// as in the field: affinity, keep together, keep apart, admission control
// (docs/high-availability.md).

import { z } from 'zod'
import { namePattern } from './ids.ts'
import { isolationResponses, Name } from './vm-spec.ts'

/**
 * none: it waits for its node. restart: from its disk, on another one. checkpoint: as it was at its
 * last checkpoint, which another node keeps. continuous: as it was, but for what nobody has seen.
 */
export const protectionLevels = ['none', 'restart', 'checkpoint', 'continuous'] as const
export type ProtectionLevel = (typeof protectionLevels)[number]
/** How often, where a policy does not say. */
export const checkpointMsDefaults = { checkpoint: 5000, continuous: 50 } as const

export const groupPrefix = 'group:'
/** Wherever VMs are named: one by its name, or all of a group. */
export const VmOrGroup = z
  .string()
  .regex(new RegExp(namePattern.source.replace('^', '^(group:)?')), 'write NAME, or group:NAME')

/** The group that is meant; undefined: it is one VM. */
export const groupNamed = (name: string): string | undefined =>
  name.startsWith(groupPrefix) ? name.slice(groupPrefix.length) : undefined

/** `a, group web`. */
export const namesText = (names: readonly string[]): string =>
  names.map((name) => name.replace(groupPrefix, 'group ')).join(', ')

/** How a VM is kept running. Absent fields have these defaults. */
export const HaPolicy = z.strictObject({
  /** Whose turn it is when several wait for a node: higher first. */
  priority: z.int().min(0).max(1000).default(100),
  /** Starts only when these run. One that is stopped or has failed is not waited for. */
  after: z.array(VmOrGroup).max(32).default([]),
  /** After a crash or a failed start it is started again on its node so often, in a row. */
  restarts: z.int().min(0).max(100).default(0),
  /**
   * Then it is tried on so many other nodes, and then it has failed. Absent: none after a crash;
   * after a failed start each node once.
   */
  relocations: z.int().min(0).max(100).optional(),
  /** Goes to a better node by itself when there is one: of a higher priority, or where it was. */
  failback: z.boolean().default(true),
  /** Nothing is done with it that nobody asked for: not moved, not restarted. */
  locked: z.boolean().default(false),
  /** What becomes of it when its node is lost. Absent: as its spec's `ha` says. */
  protection: z.enum(protectionLevels).optional(),
  /** What a node that is cut off does with it. Absent: as its spec's `isolation` says. */
  isolation: z.enum(isolationResponses).optional(),
  /** From one checkpoint to the next. Absent: as the level has it. */
  checkpointMs: z.int().min(20).max(3_600_000).optional(),
})
export type HaPolicy = z.infer<typeof HaPolicy>
export const haPolicyDefault: HaPolicy = HaPolicy.parse({})

/** What is said of a VM, or of all of a group; of the rest nothing is. */
export const HaPolicySaid = z.strictObject({
  priority: HaPolicy.shape.priority.unwrap().optional(),
  after: HaPolicy.shape.after.unwrap().optional(),
  restarts: HaPolicy.shape.restarts.unwrap().optional(),
  relocations: HaPolicy.shape.relocations,
  failback: z.boolean().optional(),
  locked: z.boolean().optional(),
  protection: z.enum(protectionLevels).optional(),
  isolation: z.enum(isolationResponses).optional(),
  checkpointMs: HaPolicy.shape.checkpointMs,
})
export type HaPolicySaid = z.infer<typeof HaPolicySaid>

const { shape } = HaPolicySaid
/** What is to be changed; the rest stays as it is. `null`: as if never said of it. */
export const HaPolicyChange = z.strictObject({
  priority: shape.priority.nullable(),
  after: shape.after.nullable(),
  restarts: shape.restarts.nullable(),
  relocations: shape.relocations.nullable(),
  failback: shape.failback.nullable(),
  locked: shape.locked.nullable(),
  protection: shape.protection.nullable(),
  isolation: shape.isolation.nullable(),
  checkpointMs: shape.checkpointMs.nullable(),
})
export type HaPolicyChange = z.infer<typeof HaPolicyChange>

/** What is said after a change. */
export const saidAfter = (before: HaPolicySaid, change: HaPolicyChange): HaPolicySaid =>
  Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value != null))

/** So many; a group counts as many. */
const vms = (least: number) =>
  z
    .array(VmOrGroup)
    .min(1)
    .max(256)
    .refine((names) => names.length >= least || names.some(groupNamed), {
      message: `it needs ${least} VMs, or a group`,
    })

/** VMs about which something is declared together. */
export const HaGroup = z.strictObject({
  name: Name,
  /** Each is in one group at most. A VM of that name may come later. */
  vms: z.array(Name).max(1024),
  /** Of each of them, as far as nothing else is said of it. */
  policy: HaPolicySaid.default({}),
})
export type HaGroup = z.infer<typeof HaGroup>
export type HaGroupInput = z.input<typeof HaGroup>

/** On which nodes VMs belong. */
const NodeAffinity = z.strictObject({
  kind: z.literal('node-affinity'),
  name: Name,
  vms: vms(1),
  /** Of the nodes that can take it, one of the highest priority does. */
  nodes: z
    .array(z.strictObject({ id: Name, priority: z.int().min(0).max(1000).default(0) }))
    .min(1)
    .max(256),
  /** There or nowhere; else also elsewhere while none of them can take it. */
  strict: z.boolean().default(false),
})
const KeepTogether = z.strictObject({
  kind: z.literal('keep-together'),
  name: Name,
  vms: vms(2),
  strict: z.boolean().default(true),
})
const KeepApart = z.strictObject({
  kind: z.literal('keep-apart'),
  name: Name,
  vms: vms(2),
  strict: z.boolean().default(true),
})

/** A strict rule is never broken by anything automatic; another one is kept where it can be. */
export const HaRule = z.discriminatedUnion('kind', [NodeAffinity, KeepTogether, KeepApart])
export type HaRule = z.infer<typeof HaRule>
export type HaRuleInput = z.input<typeof HaRule>
export const haRuleKinds = ['node-affinity', 'keep-together', 'keep-apart'] as const

export const HaSettings = z.strictObject({
  /** False: nothing is restarted or moved by itself; leases and fences go on. */
  armed: z.boolean().default(true),
  /** Admission control: so many nodes may fail, and every protected VM still has room. */
  tolerate: z.int().min(0).max(16).default(0),
  /** What would break that promise is refused, or done with a warning. */
  admission: z.enum(['refuse', 'warn']).default('refuse'),
  /** What becomes of the VMs of a node that shuts down in good order. */
  shutdown: z.enum(['fail-over', 'freeze', 'migrate']).default('fail-over'),
})
export type HaSettings = z.infer<typeof HaSettings>
export const haSettingsDefault: HaSettings = HaSettings.parse({})

export const HaSettingsChange = z.strictObject({
  armed: z.boolean().optional(),
  tolerate: HaSettings.shape.tolerate.unwrap().optional(),
  admission: HaSettings.shape.admission.unwrap().optional(),
  shutdown: HaSettings.shape.shutdown.unwrap().optional(),
})
export type HaSettingsChange = z.infer<typeof HaSettingsChange>

/** Of a rule: what it says, and what is not so yet. */
export const HaRuleView = z.strictObject({ rule: HaRule, broken: z.array(z.string()) })
export type HaRuleView = z.infer<typeof HaRuleView>

export const HaView = z.strictObject({
  settings: HaSettings,
  /** Any so many nodes may fail now; found by trying it on paper. */
  tolerated: z.int(),
  /** Memory that is free on nodes that are in service. */
  spareMib: z.int(),
  /** Which nodes' loss would leave protected VMs without room, and which VMs. */
  shortages: z.array(z.strictObject({ nodes: z.array(Name), vms: z.array(Name) })),
  rules: z.array(HaRuleView),
  groups: z.array(HaGroup),
})
export type HaView = z.infer<typeof HaView>

/** Why a VM is where it is, or why it is nowhere. */
export const WhyView = z.strictObject({
  vmId: Name,
  /** One sentence: what it does, where, and since when by whose decision. */
  now: z.string(),
  /** What binds it: policy, rules, locks. */
  bound: z.array(z.string()),
  /** Each node, best first: could it be there, and if not, why. */
  nodes: z.array(z.strictObject({ id: Name, may: z.boolean(), text: z.string() })),
  /** What would have to change; empty when all is well. */
  mend: z.array(z.string()),
  /** Its story, the last events of it. */
  story: z.array(z.strictObject({ seq: z.int(), wallMs: z.number(), text: z.string() })),
})
export type WhyView = z.infer<typeof WhyView>
