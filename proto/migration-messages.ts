// What the two ends of a migration or clone say to each other, as zod schemas; the conversation is
// drawn in node-agent/migration/protocol.ts. Not here: pages (page-frame.ts), what the coordinator
// says (messages.ts). Times in ms, sizes in bytes or MiB as the name says.

import { z } from 'zod'
import { Fault } from './faults.ts'
import {
  bytes,
  count,
  epoch,
  migrationId,
  ms,
  nodeId,
  pageWaits,
  traced,
  vmId,
} from './message-parts.ts'
import { DiskRef, VmIdentity, VmSpec } from './vm-spec.ts'

export const CloneTarget = z.strictObject({
  vmId,
  epoch,
  spec: VmSpec,
  identity: VmIdentity,
  disk: DiskRef,
})
export type CloneTarget = z.infer<typeof CloneTarget>

/**
 * A tagged piece of a VM's state besides its RAM. An unknown kind or version is refused by name.
 */
export const StateSection = z.strictObject({
  kind: z.string().min(1).max(60),
  version: z.int().min(1),
  bytes,
})
export type StateSection = z.infer<typeof StateSection>

/** What a VM needs of a node besides room. */
export const MachineKind = z.strictObject({
  /** Letters and names of the CPU's extensions. */
  isa: z.array(z.string().max(40)).max(64),
  timebaseHz: count,
  /** Of its state besides the RAM. */
  sections: z.array(StateSection.pick({ kind: true, version: true })).max(64),
})
export type MachineKind = z.infer<typeof MachineKind>

export const Offer = z.strictObject({
  t: z.literal('offer'),
  purpose: z.enum(['migrate', 'clone']),
  migrationId,
  sourceNodeId: nodeId,
  /** migrate: the VM itself under its next epoch. clone: the new VMs. */
  vms: z.array(CloneTarget).min(1).max(256),
  pageCount: count,
  /** VMs of the same family that may be at the destination: they have most pages in common. */
  kin: z.array(vmId).max(16).optional(),
  /** Absent: of a source that is older than this. */
  machine: MachineKind.optional(),
  verify: z.enum(['incremental', 'full']),
  ...traced,
})
export type Offer = z.infer<typeof Offer>

/**
 * After hello, instead of an offer: more page frames of a migration that is under way come over
 * this link, and nothing else. The answer is `joined`; what is not is `refuse`d. Since version 4.
 */
export const Join = z.strictObject({ t: z.literal('join'), migrationId, vmId, epoch })
export type Join = z.infer<typeof Join>
export const Joined = z.strictObject({ t: z.literal('joined'), migrationId })

export const Accept = z.strictObject({
  t: z.literal('accept'),
  migrationId,
  /** One of the kin is here: pages may be named by their digests instead of sent. */
  hasDonor: z.boolean().optional(),
})
export type Accept = z.infer<typeof Accept>
export const Refuse = z.strictObject({ t: z.literal('refuse'), migrationId, fault: Fault })
/** After the last frame of a round. */
export const RoundEnd = z.strictObject({
  t: z.literal('round-end'),
  migrationId,
  round: count,
  frames: count,
})
export type RoundEnd = z.infer<typeof RoundEnd>
export const RoundApplied = z.strictObject({
  t: z.literal('round-applied'),
  migrationId,
  round: count,
  /** Pages that were named and are not here, as u32 indices, little-endian: send them. */
  lacking: bytes.optional(),
})
/** The source is paused and this is everything. `hash` is over RAM, CPU and devices. */
export const Final = z.strictObject({
  t: z.literal('final'),
  migrationId,
  round: count,
  frames: count,
  sections: z.array(StateSection).max(64),
  hash: z.string().length(16),
  /** Hash of all of the real RAM; only with verify `full`. */
  ramHash: z.string().length(16).optional(),
  /**
   * How long the VM had been paused when this was sent: a guest's real clock must not stand still.
   */
  pausedMs: ms,
  /** Post-copy: the pages that are still to come, one bit a page, little-endian bytes. */
  missing: bytes.optional(),
})
export type Final = z.infer<typeof Final>
/**
 * The destination holds a complete copy whose hash is equal. For a clone this is the end: it starts
 * them.
 */
export const Prepared = z.strictObject({
  t: z.literal('prepared'),
  migrationId,
  hash: z.string().length(16),
  /** What it took here; absent: the source is too old to be told. */
  stateMs: ms.optional(),
  verificationMs: ms.optional(),
})
export type Prepared = z.infer<typeof Prepared>
/** THE POINT OF NO RETURN: the source has given up its epoch before it sends this. */
export const Run = z.strictObject({ t: z.literal('run'), migrationId })
export const Running = z.strictObject({ t: z.literal('running'), migrationId })
/** Either end gives up, before `run`. The source goes on, the destination discards. */
export const Abort = z.strictObject({ t: z.literal('abort'), migrationId, fault: Fault })

// ---- post-copy: the VM runs at the destination, and pages still come ----------------------------

/**
 * The destination asks for pages that are absent there, as u32 indices, little-endian. The answer
 * is at most two frames whose round is `request`: those with content, and those that are zero.
 */
export const Want = z.strictObject({
  t: z.literal('want'),
  migrationId,
  request: count,
  /** The VM stands still for the first of them. */
  urgent: z.boolean(),
  pages: bytes,
})
export type Want = z.infer<typeof Want>

/** No page is absent any more. */
export const Whole = z.strictObject({
  t: z.literal('whole'),
  migrationId,
  /** Set hash over all pages as they came: equal to that of the source's. */
  ramHash: z.string().length(16),
  ...pageWaits,
})
export type Whole = z.infer<typeof Whole>

/**
 * After hello, instead of an offer: the source has the missing pages of a VM whose link broke. The
 * answer is `running`, or `refuse` where nothing of it is.
 */
export const Reconnect = z.strictObject({ t: z.literal('reconnect'), migrationId, vmId, epoch })
export type Reconnect = z.infer<typeof Reconnect>
