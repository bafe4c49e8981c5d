// Who may do what: roles, actions, and the one table between them; and the accounts' part of the
// API as schemas. The table is for the coordinator, which holds everybody to it, and for the page,
// which shows only what would be allowed. Not here: which action a route needs
// (coordinator/shell/guards.ts), who somebody is (coordinator/accounts/). Times in wall ms.

import { z } from 'zod'
import { QuotaView } from './quotas.ts'
import { Name } from './vm-spec.ts'

export const Role = z.enum(['viewer', 'operator', 'person'])
export type Role = z.infer<typeof Role>

/** Of which VMs: of all, of one's own, of none. What is about no VM is for `all` only. */
export type Reach = 'all' | 'own' | 'none'

/** action → role → reach. What is not here, nobody may. */
// tidy: data table
export const reaches = {
  /** The VM, its snapshots, migrations and story. */
  see: { viewer: 'all', operator: 'all', person: 'own' },
  /** What its console and screen show. */
  look: { viewer: 'none', operator: 'all', person: 'own' },
  /** Into its console and screen. */
  type: { viewer: 'none', operator: 'all', person: 'own' },
  /** Pause, resume, stop, start, balloon, restore, merge, remove. */
  use: { viewer: 'none', operator: 'all', person: 'own' },
  /** Snapshots, clones and templates of it. */
  copy: { viewer: 'none', operator: 'all', person: 'own' },
  /** Links for others to it. */
  share: { viewer: 'none', operator: 'all', person: 'own' },
  /** Begin a new one; it is theirs. */
  run: { viewer: 'none', operator: 'all', person: 'all' },
  /** Where it runs, in which network, and who is moved or restarted first. */
  place: { viewer: 'none', operator: 'all', person: 'none' },
  /** Nodes, rules, power, metrics. */
  'see-cluster': { viewer: 'all', operator: 'all', person: 'none' },
  'run-cluster': { viewer: 'none', operator: 'all', person: 'none' },
  /** Others' accounts, and who owns a VM. */
  accounts: { viewer: 'none', operator: 'all', person: 'none' },
  /** One's own password, tokens and sessions. */
  self: { viewer: 'all', operator: 'all', person: 'all' },
} as const satisfies Record<string, Record<Role, Reach>>

export type Action = keyof typeof reaches

/** What a token may be made for. None makes another one: a stolen token stays one token. */
export const Scope = z.enum([
  ...(['see', 'look', 'type', 'use', 'copy', 'run'] as const),
  ...(['place', 'see-cluster', 'run-cluster'] as const),
])
export type Scope = z.infer<typeof Scope>

/** One VM in one life of it: a VM that takes its name later is another one. */
export const OneVm = z.strictObject({ id: Name, instanceId: z.string() })
export type OneVm = z.infer<typeof OneVm>

/** What is left of a role to who came with a token or by a link. */
export const Limits = z.strictObject({ actions: z.array(Scope), vm: OneVm.optional() })
export type Limits = z.infer<typeof Limits>

/** Somebody who has shown who they are. */
export interface Identity {
  /** Empty: nobody has an account, and everybody may do everything. */
  readonly name: string
  readonly role: Role
  readonly limits?: Limits | undefined
  /** The session, token or link by which they came. */
  readonly grantId?: string | undefined
}

/** What is somebody's: a VM, or a template. */
export interface Owned {
  readonly id: string
  readonly instanceId?: string | undefined
  readonly owner?: string | undefined
}

/** May this identity do this to that VM; or, without one, to the cluster? */
export function may({ name, role, limits }: Identity, action: Action, of?: Owned): boolean {
  if (limits && !limits.actions.some((allowed) => allowed === action)) return false
  if (limits?.vm && (limits.vm.id !== of?.id || limits.vm.instanceId !== of.instanceId))
    return false
  const reach: Reach = reaches[action][role]
  return reach === 'all' || (reach === 'own' && of?.owner !== undefined && of.owner === name)
}

/** Is there anything to which they may do this? */
export const mayAnywhere = ({ role, limits }: Identity, action: Action): boolean =>
  reaches[action][role] !== 'none' &&
  (!limits || limits.actions.some((allowed) => allowed === action))

/** Long ones are refused: hashing takes their length. */
const Password = z.string().min(12, 'use at least 12 characters').max(200)
export const LoginRequest = z.strictObject({
  name: z.string().max(63),
  password: z.string().max(200),
  /** A page gets a cookie; a program gets the secret itself. */
  as: z.enum(['cookie', 'bearer']).default('cookie'),
})
/** What they are, and what they may. */
export const IdentityView = z.strictObject({
  name: z.string(),
  role: Role,
  limits: Limits.optional(),
  /** Nobody has an account: everybody may do everything. */
  open: z.boolean(),
  expiresWallMs: z.number().optional(),
  quota: QuotaView.optional(),
  /** Once, to a program that logs in. */
  secret: z.string().optional(),
})
export type IdentityView = z.infer<typeof IdentityView>

export const AccountRequest = z.strictObject({ name: Name, role: Role, password: Password })
export const AccountView = z.strictObject({
  name: Name,
  role: Role,
  vms: z.array(Name),
  /** Absent: their VMs may take what there is. */
  quota: QuotaView.optional(),
  createdWallMs: z.number(),
})
export type AccountView = z.infer<typeof AccountView>
export const PasswordRequest = z.strictObject({
  password: Password,
  /** Of one's own; an operator who sets another's gives none. */
  current: z.string().max(200).optional(),
})

const yearMs = 366 * 86_400_000
/** What is given for a while is given for this at least. */
export const forMsMin = 1000
const forMs = z.number().min(forMsMin).max(yearMs)
export const TokenRequest = z.strictObject({
  /** What it is for, to find it again. */
  label: z.string().max(80).default(''),
  scope: z.array(Scope).min(1),
  vm: Name.optional(),
  forMs: forMs.default(90 * 86_400_000),
})
export const ShareRequest = z.strictObject({
  forMs: forMs.max(30 * 86_400_000).default(3_600_000),
  readOnly: z.boolean().default(false),
})
export const ShareSessionRequest = z.strictObject({
  secret: z.string().max(200),
  /** As at a login. */
  as: z.enum(['cookie', 'bearer']).default('cookie'),
})
export const GrantView = z.strictObject({
  id: z.string(),
  kind: z.enum(['session', 'token', 'link']),
  account: z.string(),
  label: z.string(),
  limits: Limits.optional(),
  createdWallMs: z.number(),
  expiresWallMs: z.number(),
  usedWallMs: z.number().optional(),
  /** Once, in the answer that makes it. */
  secret: z.string().optional(),
})
export type GrantView = z.infer<typeof GrantView>
export const OwnerRequest = z.strictObject({ owner: Name.nullable() })
