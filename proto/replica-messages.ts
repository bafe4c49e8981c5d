// How a VM is kept on two nodes: what the coordinator orders, what the VM's node (the primary) and
// the node of its replica say to each other, and what both report. The conversation is drawn in
// node-agent/replication/primary.ts. Not here: pages (page-frame.ts; a frame's round is the
// checkpoint's number). Times in ms, sizes in bytes.

import { z } from 'zod'
import {
  address,
  bytes,
  commandId,
  count,
  epoch,
  migrationId,
  ms,
  nodeId,
  onVm,
  traced,
  vmId,
} from './message-parts.ts'
import { CloneTarget, MachineKind, StateSection } from './migration-messages.ts'
import { isolationResponses } from './vm-spec.ts'

/** What the disk of a VM was told in one checkpoint goes in parts of so much. */
export const diskPartBytesMax = 256 << 10

// ---- coordinator → agent ------------------------------------------------------------------------

/** To the VM's node: keep a replica over there, from now on. */
export const Replicate = z.strictObject({
  t: z.literal('replicate'),
  ...onVm,
  replicaId: migrationId,
  destination: z.strictObject({ nodeId, address }),
  /** From one checkpoint to the next. */
  everyMs: z.number().min(10).max(3_600_000),
  /**
   * What its guest says leaves the node when the checkpoint behind it is kept, and the VM runs only
   * as long as that is so.
   */
  continuous: z.boolean(),
})
export type Replicate = z.infer<typeof Replicate>

/**
 * To the VM's node: the replica counts no more. What was held back goes out, and nothing is held
 * any more.
 */
export const EndReplication = z.strictObject({
  t: z.literal('end-replication'),
  ...onVm,
  replicaId: migrationId,
})
export type EndReplication = z.infer<typeof EndReplication>

/** To the replica's node: run the VM as its last checkpoint has it, under this new epoch. */
export const TakeOver = z.strictObject({
  t: z.literal('take-over'),
  commandId,
  vmId,
  replicaId: migrationId,
  epoch,
  ...traced,
})
export type TakeOver = z.infer<typeof TakeOver>

/** To the VM's node: from now on the VM runs only under the node's lease, or without it. */
export const SetLease = z.strictObject({
  t: z.literal('set-lease'),
  ...onVm,
  leased: z.boolean(),
  /** What becomes of it when the lease ends. Absent: as before. */
  isolation: z.enum(isolationResponses).optional(),
})
export type SetLease = z.infer<typeof SetLease>

/** To its node: a VM that is stranded there under `epoch` runs on, under `nextEpoch`. */
export const GoOn = z.strictObject({ t: z.literal('go-on'), ...onVm, nextEpoch: epoch })
export type GoOn = z.infer<typeof GoOn>

// ---- primary → replica's node -------------------------------------------------------------------

/** Answered by `accept` or `refuse`; then rounds, as in a migration, then checkpoints. */
export const ReplicaOffer = z.strictObject({
  t: z.literal('replica-offer'),
  /** Of the replica. */
  migrationId,
  sourceNodeId: nodeId,
  vm: CloneTarget,
  pageCount: count,
  machine: MachineKind,
  everyMs: ms,
  /**
   * So long after it sent a checkpoint that was kept the primary may run. 0: as long as its node's
   * lease.
   */
  leaseMs: ms,
})
export type ReplicaOffer = z.infer<typeof ReplicaOffer>

/** A piece of what the guest wrote to its disk since the checkpoint before, in order. */
export const DiskPart = z.strictObject({ t: z.literal('disk-part'), migrationId, bytes })
export type DiskPart = z.infer<typeof DiskPart>

/** Behind its frames and disk parts: the VM as it was at one instant. */
export const Checkpoint = z.strictObject({
  t: z.literal('checkpoint'),
  migrationId,
  /** Its number. */
  round: count,
  frames: count,
  diskBytes: count,
  sections: z.array(StateSection).max(64),
  /** Over RAM, CPU and devices (node-agent/migration/hash.ts). */
  hash: z.string().length(16),
  /** How long ago the VM stood still for it, when this was sent. */
  agoMs: ms,
})
export type Checkpoint = z.infer<typeof Checkpoint>

// ---- replica's node → primary -------------------------------------------------------------------

/** All of it is here, and equal: from this one on the VM would go on. */
export const CheckpointKept = z.strictObject({
  t: z.literal('checkpoint-kept'),
  migrationId,
  round: count,
})
export type CheckpointKept = z.infer<typeof CheckpointKept>

// ---- in a result --------------------------------------------------------------------------------

/** In the result of a take-over: what the VM went on from. */
export const TookOver = z.strictObject({
  checkpoint: count,
  /** How old it was when the replica's node had lost the primary, and when the VM ran again. */
  lostMs: ms,
  agoMs: ms,
})
export type TookOver = z.infer<typeof TookOver>
