// What the coordinator orders of the store that all nodes share: snapshots and layers of disks.
// Part of the messages to an agent (messages.ts). Not here: what a snapshot is (snapshots.ts), the
// store itself (node-agent/snapshots/).

import { z } from 'zod'
import { commandId, count, onVm, traced, vmId } from './message-parts.ts'
import { DiskRef, layerName, Name } from './vm-spec.ts'

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

/**
 * Writes one new layer that holds what these hold together: of each block what the newest of them
 * has. They are sealed, and stay. To any node that can reach the store; not to agents before
 * version 4. What it has written when its link is lost it takes away again.
 */
export const MergeLayers = z.strictObject({
  t: z.literal('merge-layers'),
  commandId,
  vmId,
  sizeBytes: z.int().min(1),
  /** The oldest first, adjacent in the disk of the VM. */
  layers: z.array(layerName).min(2).max(64),
  into: layerName,
})
export type MergeLayers = z.infer<typeof MergeLayers>

/**
 * A running or paused VM goes on over these layers: the same top, and below it the same content.
 * Not to agents before version 4.
 */
export const SwapLayers = z.strictObject({ t: z.literal('swap-layers'), ...onVm, disk: DiskRef })
export type SwapLayers = z.infer<typeof SwapLayers>

/** Layers of disks that nobody names any more are to be deleted: all but these. To any node. */
export const SweepLayers = z.strictObject({
  t: z.literal('sweep-layers'),
  commandId,
  keep: z.array(z.string().max(120)).max(100_000),
  /** What has this number or a higher one was made after this was decided. */
  belowSerial: count,
})
export type SweepLayers = z.infer<typeof SweepLayers>
