// Faults: what can go wrong without anybody's bug. A fault is a value that travels (in results,
// refusals, problem documents), has a code from this table and a message that names the mend.
// Bugs are not faults: those are `invariant(...)`.

import { z } from 'zod'

/** Every fault code, with the HTTP status the API gives it. */
export const faultStatus = {
  'bad-message': 400,
  'bad-request': 400,
  'message-too-large': 413,
  'bad-frame': 400,
  'version-mismatch': 409,
  'bad-token': 401,
  'bad-certificate': 401,
  'not-allowed': 403,
  'over-quota': 403,
  'too-many-requests': 429,
  'unknown-account': 404,
  'unknown-vm': 404,
  'unknown-node': 404,
  'unknown-migration': 404,
  'unknown-snapshot': 404,
  'name-taken': 409,
  'wrong-state': 409,
  'against-rule': 409,
  'unknown-rule': 404,
  'stale-epoch': 409,
  'lease-lost': 503,
  'no-room': 409,
  'no-node': 409,
  'no-image': 400,
  incompatible: 409,
  'link-lost': 503,
  'timed-out': 504,
  cancelled: 409,
  'not-converging': 409,
  'hash-mismatch': 500,
  'pages-lost': 500,
  'bad-snapshot': 500,
  'bad-template': 400,
  'untrusted-key': 403,
  'disk-failed': 500,
  'guest-crashed': 500,
  'shutting-down': 503,
  'not-leader': 503,
  'stale-term': 409,
  internal: 500,
} as const

export type FaultCode = keyof typeof faultStatus

const messageCharsMax = 2000

export const Fault = z.strictObject({
  code: z.enum(Object.keys(faultStatus) as [FaultCode, ...FaultCode[]]),
  /** One sentence for a person: what happened and what to do about it. */
  message: z.string().max(messageCharsMax),
})
export type Fault = z.infer<typeof Fault>

/**
 * Whatever is told in it, it fits: one that is too long would be refused at the other end, and a
 * result that is refused is sent again for ever.
 */
export const fault = (code: FaultCode, message: string): Fault => ({
  code,
  message: message.slice(0, messageCharsMax),
})

/**
 * A fault thrown across an async boundary of the shell. Pure code returns faults, it does not throw
 * them.
 */
export class FaultError extends Error {
  readonly fault: Fault
  constructor(value: Fault) {
    super(value.message)
    this.name = `FaultError(${value.code})`
    this.fault = value
  }
}

/** The fault inside whatever was thrown; anything that is not a FaultError becomes `internal`. */
export function faultOf(thrown: unknown): Fault {
  if (thrown instanceof FaultError) return thrown.fault
  // env/ knows no FaultError, and names its faults all the same.
  const named = Fault.safeParse((thrown as { fault?: unknown } | undefined)?.fault)
  if (named.success) return named.data
  return fault('internal', thrown instanceof Error ? thrown.message : String(thrown))
}
