// Which pages of a VM were sent when, how and why: the record of a migration page by page, as it is
// written to a file and drawn as a heat map. Sets of pages are runs: first, length, first, length …
// Not here: who records it (node-agent/migration/page-recorder.ts). Times in ms since the beginning
// of the migration, sizes in bytes.

import { z } from 'zod'
import { pageEncodings } from './page-frame.ts'

/** Numbers in all runs together: a file of a few MB at most. */
export const runNumbersMax = 200_000

/**
 * `round`: it was there, or had been written. `last`: the same, and the VM stood still.
 * `waited-for`: post-copy, the VM stood still for it. `fetched`: post-copy, in the background.
 */
export const sendReasons = ['round', 'last', 'waited-for', 'fetched'] as const
export type SendReason = (typeof sendReasons)[number]

export const PageLogEntry = z.strictObject({
  ms: z.number().min(0),
  round: z.int().min(0),
  encoding: z.enum(pageEncodings),
  why: z.enum(sendReasons),
  bytes: z.int().min(0),
  runs: z.array(z.int().min(0)).max(runNumbersMax),
})
export type PageLogEntry = z.infer<typeof PageLogEntry>

export const PageLog = z.strictObject({
  vmId: z.string(),
  migrationId: z.string(),
  pageCount: z.int().min(1),
  /** It became too long: what came later is missing. */
  isCut: z.boolean(),
  entries: z.array(PageLogEntry).max(runNumbersMax),
})
export type PageLog = z.infer<typeof PageLog>

/** In order, neighbours together. @param pages ascending. */
export function runsOf(pages: Uint32Array): number[] {
  const runs: number[] = []
  let next = -1
  for (const page of pages) {
    if (page === next) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1
    else runs.push(page, 1)
    next = page + 1
  }
  return runs
}
