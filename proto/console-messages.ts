// Coordinator and agent about a VM's serial console: what its guest writes, and what is typed.
// Not here: the other messages (messages.ts, which names these among those that a link may carry).
// Offsets count bytes since the VM was booted.

import { z } from 'zod'
import { bytes, count, epoch, vmId } from './message-parts.ts'

/**
 * Bytes the guest wrote. `offset` counts all bytes since the VM was booted; it goes on through
 * migrations.
 */
export const ConsoleOutput = z.strictObject({
  t: z.literal('console-output'),
  vmId,
  epoch,
  offset: count,
  bytes,
})
export type ConsoleOutput = z.infer<typeof ConsoleOutput>

/**
 * The VM has taken all input below `offset`; what lies above must be sent again, here or to the
 * next owner.
 */
export const ConsoleAccepted = z.strictObject({
  t: z.literal('console-accepted'),
  vmId,
  epoch,
  offset: count,
})
export type ConsoleAccepted = z.infer<typeof ConsoleAccepted>

/**
 * Asks for the output from `fromOffset` on (as far back as the agent's ring goes) and for what
 * comes. The agent answers with the output kept, then one `console-accepted`: a restarted
 * coordinator learns the input offset from it.
 */
export const ConsoleOpen = z.strictObject({
  t: z.literal('console-open'),
  vmId,
  epoch,
  fromOffset: count,
})
export type ConsoleOpen = z.infer<typeof ConsoleOpen>
export const ConsoleClose = z.strictObject({ t: z.literal('console-close'), vmId })
export type ConsoleClose = z.infer<typeof ConsoleClose>
/**
 * Taken only if `offset` is at most what the VM has accepted so far; a part it already has is
 * skipped.
 */
export const ConsoleInput = z.strictObject({
  t: z.literal('console-input'),
  vmId,
  epoch,
  offset: count,
  bytes,
})
export type ConsoleInput = z.infer<typeof ConsoleInput>
