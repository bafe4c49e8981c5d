// Every control message, as a zod schema. Not here: pages (page-frame.ts), the API (api.ts), bytes
// (wire.ts), what messages are made of (message-parts.ts; exported from here too).
// Times in ms, sizes in bytes or MiB as the name says. `seq` numbers grow per link.
//   agent → coordinator   hello, heartbeat, result, vm-event, migration-progress, leaving,
//                         console-output, console-accepted, screen-frame, screen-accepted, sight
//   coordinator → agent   welcome, refused, lease, start, stop, pause, resume, go-on, migrate,
//                         cancel-migration, switch-to-post-copy, pages-lost, resolve, clone,
//                         replicate, end-replication, take-over, set-lease, take-snapshot,
//                         drop-snapshot, compare-snapshots, sweep-layers, console-open,
//                         console-input, console-close, screen-open, screen-shown, screen-input,
//                         screen-close, neighbours, set-network, may-leave, look
//   both                  files of templates (templates/messages.ts)
//   agent ↔ agent         a migration (+ page frames, migration-messages.ts)
//                         a replica (+ page frames, replica-messages.ts)
//                         trunk (+ Ethernet, network-messages.ts)

import { z } from 'zod'
import {
  ConsoleAccepted,
  ConsoleClose,
  ConsoleInput,
  ConsoleOpen,
  ConsoleOutput,
} from './console-messages.ts'
import { Fault } from './faults.ts'
import { Hello, Refused, Welcome } from './greeting.ts'
import {
  address,
  commandId,
  count,
  epoch,
  MigrationParams,
  MigrationRecord,
  migrationId,
  ms,
  nodeId,
  onVm,
  RoundRecord,
  traced,
  VmReport,
  vmId,
} from './message-parts.ts'
import {
  Abort,
  Accept,
  CloneTarget,
  Final,
  Join,
  Joined,
  Offer,
  Prepared,
  Reconnect,
  Refuse,
  RoundApplied,
  RoundEnd,
  Run,
  Running,
  Want,
  Whole,
} from './migration-messages.ts'
import { Neighbours, SetNetwork, TrunkRequest } from './network-messages.ts'
import { PageLog } from './page-log.ts'
import {
  Checkpoint,
  CheckpointKept,
  DiskPart,
  EndReplication,
  GoOn,
  ReplicaOffer,
  Replicate,
  SetLease,
  TakeOver,
  TookOver,
} from './replica-messages.ts'
import {
  ScreenAccepted,
  ScreenClose,
  ScreenFrame,
  ScreenInput,
  ScreenOpen,
  ScreenShown,
} from './screen-messages.ts'
import { Look, Sight } from './sights.ts'
import { SnapshotComparison, SnapshotTaken } from './snapshots.ts'
import {
  CompareSnapshots,
  DropSnapshot,
  KeepTemplate,
  MergeLayers,
  SwapLayers,
  SweepLayers,
  TakeSnapshot,
} from './store-messages.ts'
import { templateNews, templateOrders } from './templates/messages.ts'
import { DiskRef, Name, VmIdentity, VmSpec } from './vm-spec.ts'

export * from './console-messages.ts'
export { Hello, Refused, Welcome } from './greeting.ts'
export {
  ByEncoding,
  DowntimeParts,
  encodingWishes,
  MigrationParams,
  MigrationRecord,
  mayPostCopy,
  migrationModes,
  NodeCapacity,
  PostCopyRecord,
  RoundRecord,
  stuckPolicies,
  VmLoad,
  VmReport,
} from './message-parts.ts'
export {
  Accept,
  CloneTarget,
  Final,
  Join,
  MachineKind,
  Offer,
  Prepared,
  Reconnect,
  RoundEnd,
  StateSection,
  Want,
  Whole,
} from './migration-messages.ts'
export * from './replica-messages.ts'
export * from './screen-messages.ts'
export * from './store-messages.ts'

// ---- agent → coordinator ------------------------------------------------------------------------

export const Heartbeat = z.strictObject({
  t: z.literal('heartbeat'),
  seq: count,
  nodeId,
  /** Sum over its VMs, percent of one core; and the process's own memory. */
  cpuDemandPercent: z.number().min(0),
  cpuGotPercent: z.number().min(0),
  memoryUsedMib: z.number().min(0),
  vms: z.array(VmReport).max(10_000),
})
export type Heartbeat = z.infer<typeof Heartbeat>

/** The one answer to a command. A migrate or clone command is answered when it has ended. */
export const Result = z.strictObject({
  t: z.literal('result'),
  commandId,
  fault: Fault.optional(),
  record: MigrationRecord.optional(),
  snapshot: SnapshotTaken.optional(),
  comparison: SnapshotComparison.optional(),
  /** Of a migration that was to be written down. */
  pageLog: PageLog.optional(),
  tookOver: TookOver.optional(),
})
export type Result = z.infer<typeof Result>

/** Something happened to a VM that no command asked for, or that cannot wait for the heartbeat. */
export const VmEvent = z.strictObject({
  t: z.literal('vm-event'),
  vmId,
  epoch,
  event: z.enum(['running', 'shut-down', 'crashed', 'fenced', 'released', 'discarded']),
  fault: Fault.optional(),
})
export type VmEvent = z.infer<typeof VmEvent>

export const MigrationProgress = z.strictObject({
  t: z.literal('migration-progress'),
  migrationId,
  phase: z.enum(['copying', 'switching', 'resolving', 'paging']),
  round: RoundRecord.optional(),
  /** Of the pages of this round. */
  sentPages: count,
  pagesOfRound: count,
  bytes: count,
  expectedDowntimeMs: ms.optional(),
})
export type MigrationProgress = z.infer<typeof MigrationProgress>

// ---- coordinator → agent ------------------------------------------------------------------------

/** Renews the lease: until (when the agent *sent* heartbeat `seq`, its own clock) + leaseMs. */
export const Lease = z.strictObject({ t: z.literal('lease'), seq: count, leaseMs: ms })
export type Lease = z.infer<typeof Lease>

export const Start = z.strictObject({
  t: z.literal('start'),
  commandId,
  vmId,
  epoch,
  spec: VmSpec,
  identity: VmIdentity,
  disk: DiskRef,
  /** It does not boot: it goes on as this snapshot of it has it. */
  snapshot: Name.optional(),
  /** It does not boot: it begins as this one has it, as somebody else. */
  template: z.strictObject({ vmId, name: Name }).optional(),
  ...traced,
})
export type Start = z.infer<typeof Start>
export const Stop = z.strictObject({ t: z.literal('stop'), ...onVm })
export type Stop = z.infer<typeof Stop>
export const Pause = z.strictObject({ t: z.literal('pause'), ...onVm })
export type Pause = z.infer<typeof Pause>
export const Resume = z.strictObject({ t: z.literal('resume'), ...onVm })
export type Resume = z.infer<typeof Resume>

/** Asks the guest for so many of its pages; it gives them, or not, as it runs: see its load. */
export const Balloon = z.strictObject({ t: z.literal('balloon'), ...onVm, targetPages: count })
export type Balloon = z.infer<typeof Balloon>

export const Migrate = z.strictObject({
  t: z.literal('migrate'),
  ...onVm,
  migrationId,
  /** The epoch under which the destination will run it. */
  nextEpoch: epoch,
  destination: z.strictObject({ nodeId, address }),
  /** Of its family, at the destination. */
  kin: z.array(vmId).max(16).optional(),
  params: MigrationParams,
  ...traced,
})
export type Migrate = z.infer<typeof Migrate>

export const CancelMigration = z.strictObject({
  t: z.literal('cancel-migration'),
  commandId,
  migrationId,
})
export type CancelMigration = z.infer<typeof CancelMigration>

/** Pre-copy that is under way goes on as post-copy at once. To the source. */
export const SwitchToPostCopy = z.strictObject({
  t: z.literal('switch-to-post-copy'),
  commandId,
  migrationId,
})
export type SwitchToPostCopy = z.infer<typeof SwitchToPostCopy>

/** To the destination of a post-copy: its source is surely gone, and with it what had not come. */
export const PagesLost = z.strictObject({
  t: z.literal('pages-lost'),
  commandId,
  migrationId,
  /** What became of the source. */
  fault: Fault,
})
export type PagesLost = z.infer<typeof PagesLost>

/**
 * Settles a migration in doubt. To a holder of a complete copy (`prepared` or `released`): run it
 * under this new epoch, or discard it. To a source that has not released: go on. Idempotent.
 */
export const Resolve = z.strictObject({
  t: z.literal('resolve'),
  commandId,
  vmId,
  migrationId,
  verdict: z.enum(['run', 'discard']),
  epoch,
})
export type Resolve = z.infer<typeof Resolve>

/**
 * Sent to the parent's node. The parent goes on under its own epoch, on `parentDisk` (old layers +
 * a new top).
 */
export const Clone = z.strictObject({
  t: z.literal('clone'),
  ...onVm,
  migrationId,
  destination: z.strictObject({ nodeId, address }),
  /** Of its family, at the destination. */
  kin: z.array(vmId).max(16).optional(),
  parentDisk: DiskRef,
  clones: z.array(CloneTarget).min(1).max(256),
  params: MigrationParams,
  ...traced,
})
export type Clone = z.infer<typeof Clone>

// ---- the sets a link may carry ------------------------------------------------------------------

/** It was told to shut down: are its VMs to move away first? Not to coordinators of version 1. */
export const Leaving = z.strictObject({ t: z.literal('leaving') })
/** Now: they have, or need not; or later, when this comes again. The first answer comes at once. */
export const MayLeave = z.strictObject({ t: z.literal('may-leave'), now: z.boolean() })

export const AgentMessage = z.discriminatedUnion('t', [
  Hello,
  Heartbeat,
  Result,
  VmEvent,
  MigrationProgress,
  ConsoleOutput,
  ConsoleAccepted,
  ScreenFrame,
  ScreenAccepted,
  Leaving,
  Sight,
  ...templateNews,
])
export type AgentMessage = z.infer<typeof AgentMessage>

export const CoordinatorMessage = z.discriminatedUnion('t', [
  Welcome,
  Refused,
  Lease,
  Start,
  Stop,
  Pause,
  Resume,
  GoOn,
  Balloon,
  Migrate,
  CancelMigration,
  SwitchToPostCopy,
  PagesLost,
  Resolve,
  Clone,
  Replicate,
  EndReplication,
  TakeOver,
  SetLease,
  SetNetwork,
  TakeSnapshot,
  DropSnapshot,
  KeepTemplate,
  CompareSnapshots,
  MergeLayers,
  SwapLayers,
  SweepLayers,
  ConsoleOpen,
  ConsoleClose,
  ConsoleInput,
  ScreenOpen,
  ScreenShown,
  ScreenInput,
  ScreenClose,
  Neighbours,
  MayLeave,
  Look,
  ...templateOrders,
])
export type CoordinatorMessage = z.infer<typeof CoordinatorMessage>

export const SourceMessage = z.discriminatedUnion('t', [
  Hello,
  Offer,
  RoundEnd,
  Final,
  Run,
  Abort,
  Reconnect,
  Join,
  ReplicaOffer,
  DiskPart,
  Checkpoint,
  TrunkRequest,
])
export type SourceMessage = z.infer<typeof SourceMessage>

export const DestinationMessage = z.discriminatedUnion('t', [
  Welcome,
  Refused,
  Accept,
  Joined,
  Refuse,
  RoundApplied,
  Prepared,
  Running,
  Want,
  Whole,
  CheckpointKept,
  Abort,
])
export type DestinationMessage = z.infer<typeof DestinationMessage>
