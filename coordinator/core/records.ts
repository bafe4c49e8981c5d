// What survives the coordinator: records with their schemas. A store keeps them as JSON under
// (kind, id); what is read back is checked, for the file may be another version's. Transient things
// (links, leases, loads) are in cluster-state.ts beside them. Times are monotonic ms of the machine
// and mean something only as differences.

import { z } from 'zod'
import { EventView, TemplateOrigin } from '#proto/api.ts'
import { Fault } from '#proto/faults.ts'
import { HaGroup, HaPolicy, HaPolicySaid, HaRule, HaSettings } from '#proto/ha.ts'
import type { CommandId, Epoch, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import { MigrationParams, MigrationRecord, NodeCapacity } from '#proto/messages.ts'
import { PowerSettings } from '#proto/power.ts'
import { Forecast } from '#proto/pre-copy/forecast.ts'
import { Quota } from '#proto/quotas.ts'
import { TookOver } from '#proto/replica-messages.ts'
import { SnapshotMeasured, SnapshotRecord } from '#proto/snapshots.ts'
import { MigrationPhase, NodePhase, VmPhase } from '#proto/state.ts'
import { TemplateKeyView } from '#proto/templates/messages.ts'
import { TraceRef } from '#proto/trace-context.ts'
import { DiskRef, layerName, Name, VmIdentity, VmSpec } from '#proto/vm-spec.ts'

// Brands exist only for the compiler: the check is that of the plain type.
const vmId = Name as unknown as z.ZodType<VmId, string>
const nodeId = Name as unknown as z.ZodType<NodeId, string>
const migrationId = z.string() as unknown as z.ZodType<MigrationId, string>
const commandId = z.string() as unknown as z.ZodType<CommandId, string>
const epoch = z.int().min(0) as unknown as z.ZodType<Epoch, number>

/** Counters that only grow, and who we are. One record. */
export const MetaRecord = z.strictObject({
  clusterId: z.string(),
  /**
   * The next epoch; one counter for all VMs, so that a name used again never meets its own past.
   */
  nextEpoch: z.int().min(1),
  /** Numbers migrations, disks and the order of VMs. */
  nextSerial: z.int().min(1),
  nextEventSeq: z.int().min(1),
  /**
   * The longest lease ever granted: a coordinator restarted with a shorter one still waits for
   * this.
   */
  leaseMsMax: z.number(),
  /** Which of several coordinators led last. */
  ledBy: z.string().optional(),
  /**
   * Another memory than this one has given serials or epochs: what it had named may not be known
   * here.
   */
  knowsNotAll: z.literal(true).optional(),
})
export type MetaRecord = z.infer<typeof MetaRecord>

export const NodeRecord = z.strictObject({
  id: nodeId,
  phase: NodePhase,
  incarnation: z.string(),
  /** Earlier processes of this name; they may not come back. */
  displaced: z.array(z.string()),
  peerAddress: z.string(),
  capacity: NodeCapacity,
  pid: z.int(),
  /** Nothing is placed there, and what ran there when it began leaves. */
  maintenance: z
    .strictObject({
      ...{ sinceMs: z.number(), total: z.int(), params: MigrationParams },
      /** It shuts down: when it is back, maintenance is over. */
      untilBack: z.boolean().optional(),
    })
    .optional(),
  /** It takes nothing until it is woken. */
  standby: z.strictObject({ sinceMs: z.number(), byHand: z.boolean() }).optional(),
})
export type NodeRecord = z.infer<typeof NodeRecord>

/** `ready`: it may take its VM over. `ending`: it counts no more, and its VM's node is being told. */
export const ReplicaRecord = z.strictObject({
  id: migrationId,
  nodeId,
  phase: z.enum(['syncing', 'ready', 'ending']),
  level: z.enum(['checkpoint', 'continuous']),
  everyMs: z.number(),
})
export type ReplicaRecord = z.infer<typeof ReplicaRecord>

export const VmRecord = z.strictObject({
  id: vmId,
  serial: z.int(),
  phase: VmPhase,
  spec: VmSpec,
  identity: VmIdentity,
  disk: DiskRef,
  /**
   * Defined exactly when a copy may exist there: the only node on which it may. (In a migration
   * also its two ends.)
   */
  nodeId: nodeId.optional(),
  epoch,
  /**
   * The epoch of its last boot: a migration changes `epoch`, not this. Console offsets count from
   * the boot.
   */
  bootEpoch: epoch,
  /** Only there, or nowhere; an operator's migration takes it along. */
  pinnedTo: nodeId.optional(),
  /** Its first start is there; from then on it goes where it must. */
  startOn: nodeId.optional(),
  migrationId: migrationId.optional(),
  clonedFrom: vmId.optional(),
  /** The account whose VM it is. Clones and templates of it are theirs too. */
  owner: Name.optional(),
  recoveries: z.int().min(0),
  /** It is to go on as this snapshot of it has it, and does not run yet. */
  restoreFrom: Name.optional(),
  /** It is to be stopped, and to boot there. */
  relocateTo: nodeId.optional(),
  /** The snapshot of it that it was last: what it is now came from there. */
  atSnapshot: Name.optional(),
  /** It has stood still where it is, and is to go on there. */
  goesOn: z.literal(true).optional(),
  /** It is to begin as this template has it, and has not run yet. */
  deployFrom: Name.optional(),
  /** Its present start makes good for a lost node. */
  isRecovery: z.boolean(),
  /** Kept on another node, so that the VM can go on from there. */
  replica: ReplicaRecord.optional(),
  /** Its present start is that of this replica. */
  takesOver: migrationId.optional(),
  /** What its present run went on from, after its node was lost. */
  wentOnFrom: TookOver.optional(),
  /** Layers of its disk are being merged: these, adjacent and sealed, into that one. */
  merge: z
    .strictObject({
      layers: z.array(layerName),
      into: layerName,
      /** It is written, and waits for its place in the disk. */
      isWhole: z.boolean(),
      /** An operator asked for it. */
      isWished: z.literal(true).optional(),
    })
    .optional(),
  /** Of layers that were merged: how many each was made of. */
  layerWeights: z.record(layerName, z.int()).optional(),
  /** As an operator declared it; absent: the defaults. */
  policy: HaPolicy.optional(),
  /** What of that was said of it itself, and not of its group. */
  ownPolicy: HaPolicySaid.optional(),
  /** Starts that made good for a crash or a failed start, in a row: here, and on other nodes. */
  tries: z.strictObject({ restarts: z.int(), relocations: z.int() }).optional(),
  /** Where it is to start again, if it can. */
  restartOn: nodeId.optional(),
  /** Nodes that could not start it, though another may: forgotten when it runs or has failed. */
  refusedBy: z.array(nodeId).optional(),
  /** It had to leave this node, which was taken out of service: it goes back when it may. */
  awayFrom: nodeId.optional(),
  /** Its node has shut down, and it is to wait for that. */
  frozenOn: nodeId.optional(),
  /** Why it is where it is. */
  placedBecause: z.string().optional(),
  fault: Fault.optional(),
})
export type VmRecord = z.infer<typeof VmRecord>

export const MigrationEntry = z.strictObject({
  id: migrationId,
  serial: z.int(),
  purpose: z.enum(['migrate', 'clone']),
  vmId,
  cloneIds: z.array(vmId),
  from: nodeId,
  to: nodeId,
  phase: MigrationPhase,
  cause: z.string(),
  /** As a sentence, when there is more to say than the cause. */
  why: z.string().optional(),
  /** Under which it is traced; it is nothing to this core but to be kept. */
  trace: TraceRef.optional(),
  params: MigrationParams,
  /** The VM's epoch at the source, and the one under which the destination will run it. */
  epoch,
  nextEpoch: epoch,
  /** The epoch of the last `resolve run`, and who was told. */
  resolveEpoch: epoch.optional(),
  resolveNode: nodeId.optional(),
  /** Of the migrate or clone command: its result is known again after a restart. */
  commandId: commandId.optional(),
  parentDisk: DiskRef.optional(),
  /**
   * The processes at both ends when it began: another process has no copy, and proves nothing about
   * the first.
   */
  fromIncarnation: z.string(),
  toIncarnation: z.string(),
  /**
   * The source has given up its epoch: its copy never runs again unless the coordinator says so.
   */
  sourceReleased: z.boolean(),
  /** The source's copy is surely gone: its node is fenced, or a new process has taken its place. */
  sourceLost: z.boolean(),
  /** The destination answered that it has discarded its copy without ever running it. */
  destinationDiscarded: z.boolean(),
  /** The destination's copy is surely gone, but it may have run before. */
  destinationLost: z.boolean(),
  /** The VM runs at the destination; only the source's account of it is still missing. */
  hasMoved: z.boolean(),
  isCancelRequested: z.boolean(),
  queuedAtMs: z.number(),
  endedAtMs: z.number().optional(),
  forecast: Forecast.optional(),
  record: MigrationRecord.optional(),
  fault: Fault.optional(),
})
export type MigrationEntry = z.infer<typeof MigrationEntry>

/** A VM that was removed while a copy might still be somewhere. */
export const Tombstone = z.strictObject({ id: vmId, epoch })
export type Tombstone = z.infer<typeof Tombstone>

/** A snapshot in the cluster's store, as far as its nodes have told. `id`: VM/name. */
export const SnapshotEntry = z.strictObject({
  id: z.string(),
  vmId,
  name: Name,
  phase: z.enum(['taking', 'ready', 'removing', 'failed']),
  /** The snapshot that the VM had been before; not which one its pages are listed over. */
  basedOn: Name.optional(),
  record: SnapshotRecord.optional(),
  measured: SnapshotMeasured.optional(),
  fault: Fault.optional(),
})
export type SnapshotEntry = z.infer<typeof SnapshotEntry>

/** A snapshot that is kept for itself. `id`: its name. */
export const TemplateEntry = z.strictObject({
  id: Name,
  about: z.string().max(200),
  owner: Name.optional(),
  phase: z.enum(['making', 'ready', 'removing', 'failed']),
  record: SnapshotRecord,
  /** Of one that came by a file. */
  origin: TemplateOrigin.optional(),
  fault: Fault.optional(),
})
export type TemplateEntry = z.infer<typeof TemplateEntry>

/** `id`: the person. */
export const QuotaEntry = z.strictObject({
  id: Name,
  allowed: Quota,
  by: z.string().max(80).optional(),
})
export type QuotaEntry = z.infer<typeof QuotaEntry>

/** Kind of record → its schema: what a store may hold. */
export const recordSchemas = {
  meta: MetaRecord,
  node: NodeRecord,
  vm: VmRecord,
  migration: MigrationEntry,
  tombstone: Tombstone,
  snapshot: SnapshotEntry,
  template: TemplateEntry,
  'template-key': TemplateKeyView,
  rule: HaRule,
  group: HaGroup,
  quota: QuotaEntry,
  ha: HaSettings,
  power: PowerSettings,
  event: EventView,
} as const

export type RecordKind = keyof typeof recordSchemas
export interface RecordKey {
  readonly kind: RecordKind
  readonly id: string
}
/** A record as a store keeps it; `value` is plain JSON. */
export interface StoredRecord extends RecordKey {
  readonly value: unknown
}
