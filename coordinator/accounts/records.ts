// What is remembered of people: accounts, and grants (sessions, tokens, links). No secret is in
// here: passwords are salted scrypt hashes, every other secret is kept as its SHA-256 only.
// Not here: the database (shell/sqlite-store.ts), what is done with them (accounts.ts).

import { z } from 'zod'
import { Limits, Role } from '#proto/accounts.ts'
import { Name } from '#proto/vm-spec.ts'

export const Account = z.strictObject({
  name: Name,
  role: Role,
  /** As Passwords.hash made it. */
  password: z.string(),
  createdWallMs: z.number(),
})
export type Account = z.infer<typeof Account>

export const Grant = z.strictObject({
  id: z.string(),
  /** SHA-256 of the secret, in hex. */
  hash: z.string(),
  kind: z.enum(['session', 'token', 'link']),
  account: Name,
  label: z.string(),
  /** Absent: all that the account's role may. */
  limits: Limits.optional(),
  /** The link by which this session came: it ends with that. */
  link: z.string().optional(),
  createdWallMs: z.number(),
  expiresWallMs: z.number(),
  /** Unused for so long, it has expired too. */
  idleMs: z.number().optional(),
  usedWallMs: z.number(),
})
export type Grant = z.infer<typeof Grant>

export interface ShelfEntry {
  readonly kind: 'account' | 'grant'
  readonly id: string
  readonly value: unknown
}

/** Where they are kept: durable when put() returns. */
export interface AccountShelf {
  load(): ShelfEntry[]
  put(entry: ShelfEntry): void
  remove(kind: ShelfEntry['kind'], id: string): void
}

/** Salted and slow, by the shell. */
export interface Passwords {
  hash(password: string): Promise<string>
  /** `hash` undefined: does the same work, and says no. */
  verify(password: string, hash: string | undefined): Promise<boolean>
}
