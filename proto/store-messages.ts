// What the coordinator orders of the store that all nodes share: snapshots and layers of disks.
// Part of the messages to an agent (messages.ts). Not here: what a snapshot is (snapshots.ts), the
// store itself (node-agent/snapshots/).

import { z } from 'zod'
import { commandId, count, onVm, traced, vmId } from './message-parts.ts'
import { DiskRef, Name } from './vm-spec.ts'

/** Takes a snapshot; the VM goes on under its own epoch, on `disk` (its layers + a new top). */
export const TakeSnapshot = z.strictObject({
  t: z.literal('take-snapshot'),
  ...onVm,
  name: Name,
  disk: DiskRef,
  ...traced,
})
export type TakeSnapshot = z.infer<typeof TakeSnapshot>
/** Any node can: the store is the cluster's. */
export const DropSnapshot = z.strictObject({
  t: z.literal('drop-snapshot'),
  commandId,
  vmId,
  name: Name,
})
export type DropSnapshot = z.infer<typeof DropSnapshot>

/** A snapshot is to be kept under another name, apart from its VM: no page is copied. */
export const KeepTemplate = z.strictObject({
  t: z.literal('keep-template'),
  commandId,
  from: z.strictObject({ vmId, name: Name }),
  kept: z.strictObject({ vmId, name: Name }),
})
export type KeepTemplate = z.infer<typeof KeepTemplate>

/** What differs between two snapshots in the cluster's store? Any node can answer. */
export const CompareSnapshots = z.strictObject({
  t: z.literal('compare-snapshots'),
  commandId,
  vmId,
  from: Name,
  to: Name,
})
export type CompareSnapshots = z.infer<typeof CompareSnapshots>

/** Layers of disks that nobody names any more are to be deleted: all but these. To any node. */
export const SweepLayers = z.strictObject({
  t: z.literal('sweep-layers'),
  commandId,
  keep: z.array(z.string().max(120)).max(100_000),
  /** What has this number or a higher one was made after this was decided. */
  belowSerial: count,
})
export type SweepLayers = z.infer<typeof SweepLayers>
