// Power: consolidation of VMs on few nodes, standby of those that are empty, and what it saves.
// Watts are a model, linear in the use of the cores between idle and full (Fan, Weber and Barroso,
// Power Provisioning for a Warehouse-sized Computer, 2007); a node in standby keeps what can wake
// it. Units: W, J, ms; load: demand over capacity.

import { z } from 'zod'
import { Name } from './vm-spec.ts'

const watts = z.number().min(0).max(100_000)

export const PowerSettings = z.strictObject({
  /** Pack VMs on few nodes, and put the others into standby. */
  save: z.boolean().default(false),
  /** A node that was empty for so long goes to standby. */
  sleepAfterMs: z.number().min(0).max(86_400_000).default(10_000),
  /** From the order until a node in standby takes VMs. */
  wakeMs: z.number().min(0).max(600_000).default(10_000),
  /** No node is packed above this load; above it on average, one more is woken. */
  loadMax: z.number().min(0.1).max(1).default(0.8),
  standbyWatts: watts.default(5),
  idleWatts: watts.default(100),
  maxWatts: watts.default(200),
})
export type PowerSettings = z.infer<typeof PowerSettings>
export const powerSettingsDefault: PowerSettings = PowerSettings.parse({})

const shape = PowerSettings.shape
export const PowerSettingsChange = z.strictObject({
  save: z.boolean().optional(),
  sleepAfterMs: shape.sleepAfterMs.unwrap().optional(),
  wakeMs: shape.wakeMs.unwrap().optional(),
  loadMax: shape.loadMax.unwrap().optional(),
  standbyWatts: watts.optional(),
  idleWatts: watts.optional(),
  maxWatts: watts.optional(),
})
export type PowerSettingsChange = z.infer<typeof PowerSettingsChange>

export const PowerState = z.enum([
  'on',
  'emptying', // its VMs are moved away, so that it can go to standby
  'standby',
  'waking',
  'off', // it is not there
])
export type PowerState = z.infer<typeof PowerState>

export const PowerView = z.strictObject({
  settings: PowerSettings,
  /** Now, of all nodes. */
  watts: z.number(),
  /** Since the coordinator began. */
  joules: z.number(),
  /** The same work, had every node been on. */
  joulesAllOn: z.number(),
  nodes: z.array(z.strictObject({ id: Name, state: PowerState, watts: z.number() })),
})
export type PowerView = z.infer<typeof PowerView>
