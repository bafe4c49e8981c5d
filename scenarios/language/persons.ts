// The `persons` of a scenario: who has an account, in which role, and whose VMs are theirs. Without
// any, the cluster is open, and everybody may do everything. Not here: what a role may
// (proto/accounts.ts), how they log in (runner/persons.ts).

import { z } from 'zod'
import { Role } from '#proto/accounts.ts'
import { Quota } from '#proto/quotas.ts'
import { Name } from '#proto/vm-spec.ts'
import { said } from './high-availability.ts'
import { Size } from './quantities.ts'

const bounds = Quota.shape
export const QuotaPart = z
  .strictObject({
    vms: bounds.vms.describe('So many VMs'),
    memory: Size.optional().describe('Of those that run, together'),
    cores: bounds.cores.describe('By the caps of those that run'),
    disk: Size.optional().describe('Of all their disks'),
    snapshots: bounds.snapshots.describe('So many snapshots of their VMs'),
    templates: bounds.templates.describe('So many templates of their own'),
  })
  .describe('At most so much of the cluster for the VMs of this person; left out: all of it')

export const PersonPart = z
  .strictObject({
    id: Name.describe('The name of the account'),
    role: Role.default('person').describe('`person`, `viewer` or `operator` (docs/security.md)'),
    vms: z.array(Name).default([]).describe('The VMs that are theirs from the beginning'),
    quota: QuotaPart.optional(),
  })
  .describe('Somebody with an account')
export type PersonPart = z.infer<typeof PersonPart>

/** How somebody may come to a VM: its screen, its console, and what the API tells of it. */
export const waysToVm = ['screen', 'console', 'api'] as const
export type WayToVm = (typeof waysToVm)[number]

/**
 * How a coordinator refuses what somebody may not: `unknown-vm` is how the VM of another looks,
 * `bad-token` is for who has no session any more.
 */
export const refusals = ['unknown-vm', 'not-allowed', 'bad-token', 'over-quota'] as const

/** As the API takes it. */
export const quotaOf = ({ memory, disk, ...counts }: z.infer<typeof QuotaPart>): Quota =>
  said({ ...counts, memoryMib: memory, diskMib: disk })

/** Made by the run itself where no person is an operator: the first account has to be one's. */
export const stageName = 'stage'
/** What nobody of a scenario can be called. */
export const takenNames: readonly string[] = [stageName, 'machine']
