// What is known of a snapshot without opening its pages: its record, as it lies in the file and as
// the API shows it. Not here: the file (engine/snapshots/), the store (node-agent/snapshots/).
// Times in ms, sizes in bytes.

import { z } from 'zod'
import { count, ms, vmId } from './message-parts.ts'
import { DiskRef, Name, VmIdentity, VmSpec } from './vm-spec.ts'

/** A fresh one for each snapshot: a name may be used again after its snapshot was removed. */
const snapshotId = z.string().regex(/^[0-9a-f]{32}$/)

export const SnapshotRecord = z.strictObject({
  vmId,
  name: Name,
  id: snapshotId,
  /** Absent: it lists all of its pages itself. Else those that differ from its parent's. */
  parent: z.strictObject({ name: Name, id: snapshotId }).optional(),
  /** How many parents lie below it. */
  depth: count,
  takenWallMs: ms,
  spec: VmSpec,
  identity: VmIdentity,
  /** Its layers are sealed: whoever restores it puts a new one on top. */
  disk: DiskRef,
})
export type SnapshotRecord = z.infer<typeof SnapshotRecord>

/** What taking it came to. */
export const SnapshotMeasured = z.strictObject({
  /** No vCPU ran for so long. */
  downtimeMs: ms,
  totalMs: ms,
  /** Pages that its list names: all that are not zero, or those changed since its parent. */
  pages: count,
  /** What the store has grown by: pages that it did not have, and the snapshot's own file. */
  storedBytes: count,
})
export type SnapshotMeasured = z.infer<typeof SnapshotMeasured>

export const SnapshotTaken = z.strictObject({ record: SnapshotRecord, measured: SnapshotMeasured })
export type SnapshotTaken = z.infer<typeof SnapshotTaken>

/** From one snapshot of a VM to another one. */
export const SnapshotComparison = z.strictObject({
  /** Pages that have other content; that were zero before; that are zero now; that are the same. */
  changed: count,
  appeared: count,
  vanished: count,
  equal: count,
  /** What the other one has that this one has not. */
  bytes: count,
  /** Parts of CPU and devices that are not the same. */
  sections: z.array(z.string()).max(64),
  layersGone: z.array(z.string()).max(64),
  layersNew: z.array(z.string()).max(64),
})
export type SnapshotComparison = z.infer<typeof SnapshotComparison>
