// What somebody looks at, at the page: what links carry, and the pages of a VM as they are now. An
// agent tells it only while it is looked at, past the coordinator's core, as it does with consoles.
// Not here: the record of a migration page by page (page-log.ts), who asks (coordinator/sights/).
// Bytes, pages of 4,096, ms; bytes are counted since the agent's process began.

import { z } from 'zod'
import { count, ms, nodeId, vmId } from './message-parts.ts'
import { Name } from './vm-spec.ts'

/**
 * What a page is, the later the more a person wants to see it. zero: never written. own: it has
 * content. shared: a clone's that is its parent's still, or a parent's that clones still read. sent,
 * unsent: of a migration, in its present round. dirty: written since it was sent; without a
 * migration, lately. absent: it is elsewhere still, and whoever touches it waits.
 */
export const pageStates = ['zero', 'own', 'shared', 'sent', 'unsent', 'dirty', 'absent'] as const
export type PageState = (typeof pageStates)[number]

/** So many are told apart by an eye, and cost a few kB each time. */
export const cellsMax = 4096

export const PageCounts = z.strictObject({
  zero: count,
  own: count,
  shared: count,
  sent: count,
  unsent: count,
  dirty: count,
  absent: count,
})
export type PageCounts = z.infer<typeof PageCounts>

export const PageMap = z.strictObject({
  vmId,
  pageCount: count,
  pagesPerCell: count,
  counts: PageCounts,
  /** Cells in order of the pages, as runs: a state's number, how many, a state's number … */
  runs: z.array(count).max(2 * cellsMax),
})
export type PageMap = z.infer<typeof PageMap>

/** To an agent: tell what is seen, again and again, for so long. */
export const Look = z.strictObject({
  t: z.literal('look'),
  links: z.boolean(),
  vmIds: z.array(vmId).max(8),
  forMs: ms,
})
export type Look = z.infer<typeof Look>

/** What this node has sent to another. */
export const LinkSight = z.strictObject({
  to: nodeId,
  /** Their switches are joined. */
  isTrunkUp: z.boolean(),
  /** Of guests' Ethernet. */
  trunkBytes: count,
  /** Of migrations, clones and replicas. */
  pageBytes: count,
})
export type LinkSight = z.infer<typeof LinkSight>

export const Sight = z.strictObject({
  t: z.literal('sight'),
  /** By the agent's clock: only differences mean something. */
  atMs: ms,
  links: z.array(LinkSight).max(1000).optional(),
  pages: z.array(PageMap).max(8).optional(),
})
export type Sight = z.infer<typeof Sight>

/** One direction of a link between two nodes. */
export const LinkView = z.strictObject({
  from: Name,
  to: Name,
  isTrunkUp: z.boolean(),
  trunkBytesPerSec: z.number(),
  pageBytesPerSec: z.number(),
  /** In all, since the sender's process began. */
  trunkBytes: z.int(),
  pageBytes: z.int(),
})
export type LinkView = z.infer<typeof LinkView>

/** WS /v1/sights: what has changed of what was asked for. */
export const SightView = z.strictObject({
  links: z.array(LinkView).optional(),
  pages: PageMap.optional(),
})
export type SightView = z.infer<typeof SightView>
