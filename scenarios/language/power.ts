// Power as a scenario writes it: what is saved, when nodes sleep and wake, and what they draw; and
// how that is said to the API (proto/power.ts). Not here: what it does (docs/consolidation.md).
// Durations in ms, shares in percent, watts.

import { z } from 'zod'
import { PowerSettings, type PowerSettingsChange } from '#proto/power.ts'
import { Duration, Share } from './quantities.ts'

const watts = PowerSettings.shape.idleWatts.unwrap().optional()

export const powerKeys = {
  save: z.boolean().optional().describe('Pack VMs on few nodes, put the others into standby'),
  'sleep-after': Duration.optional().describe('An empty node goes to standby after this'),
  wake: Duration.optional().describe('From the order until it takes VMs'),
  'load-max': Share.optional().describe('No node is packed above this load'),
  'standby-watts': watts.describe('What a node draws in standby'),
  'idle-watts': watts.describe('What it draws when it is on and has nothing to do'),
  'max-watts': watts.describe('What it draws when all its cores are busy'),
}
export const PowerPart = z.strictObject(powerKeys).describe('How power is saved')
export type PowerPart = z.infer<typeof PowerPart>

export function powerOf(part: PowerPart): PowerSettingsChange {
  const loadMax = part['load-max']
  return {
    save: part.save,
    sleepAfterMs: part['sleep-after'],
    wakeMs: part.wake,
    loadMax: loadMax === undefined ? undefined : loadMax / 100,
    standbyWatts: part['standby-watts'],
    idleWatts: part['idle-watts'],
    maxWatts: part['max-watts'],
  }
}
