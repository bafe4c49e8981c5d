// The parts that several messages share: ids, numbers and bytes as schemas, and what is measured,
// held and recorded: load, capacity, the agents' word of a VM, how a migration goes.
// Not here: the messages (messages.ts), the machine an operator asks for (vm-spec.ts).
// Times in ms, sizes in bytes or MiB as the name says.

import { z } from 'zod'
import type { CommandId, Epoch, MigrationId, NodeId, VmId } from './ids.ts'
import { pageEncodings } from './page-frame.ts'
import { Traceparent } from './trace-context.ts'
import { streamsMax } from './units.ts'
import { DiskRef, Name, VmIdentity, VmSpec } from './vm-spec.ts'

// Brands exist only for the compiler: the check on the wire is that of the plain type.
export const vmId = Name as unknown as z.ZodType<VmId, string>
export const nodeId = Name as unknown as z.ZodType<NodeId, string>
const id = z.string().min(1).max(80)
export const migrationId = id as unknown as z.ZodType<MigrationId, string>
export const commandId = id as unknown as z.ZodType<CommandId, string>
/** Room is left above it: the next epoch must be a number too, whatever a peer claims. */
const epochMax = 2 ** 52
export const epoch = z.int().min(0).max(epochMax) as unknown as z.ZodType<Epoch, number>
/** A coordinator's time as the leader of several: only the highest is obeyed. */
export const term = z.int().min(1)
export const count = z.int().min(0)
export const ms = z.number().min(0)
export const bytes = z.instanceof(Uint8Array)
/** An order about one VM. */
export const onVm = { commandId, vmId, epoch }
/** Whose consequence it is; absent: nobody traces it. Not to agents of version 1. */
export const traced = { traceparent: Traceparent.optional() }
/** `ws://host:port` of the agent's peer port. */
export const address = z.string().max(300)

export const NodeCapacity = z.strictObject({
  cores: z.number().min(0.1).max(256),
  /**
   * Guest instructions per second one core may retire, in millions; 0 = as fast as the machine can.
   */
  mipsPerCore: z.number().min(0),
  memoryMib: z.int().min(1),
})
export type NodeCapacity = z.infer<typeof NodeCapacity>

/** What the agent measured of one VM since the last heartbeat. Percent of one core of this node. */
export const VmLoad = z.strictObject({
  /** Time in which the VM could have run (was not waiting for an interrupt). */
  cpuDemandPercent: z.number().min(0),
  cpuGotPercent: z.number().min(0),
  mips: z.number().min(0),
  /** Pages that the guest has ever written or that were ever loaded: what the VM really needs. */
  touchedBytes: count,
  dirtyPagesPerSec: z.number().min(0),
  /** Different pages written within so long: proto/pre-copy/dirty-curve.ts. */
  dirtyCurve: z
    .array(z.strictObject({ ms, pages: count }))
    .max(16)
    .optional(),
  /** What its guest has given up by its balloon; absent: nothing. */
  balloonBytes: count.optional(),
  /** What its guest says it could still use; absent: it does not say. */
  availableBytes: count.optional(),
})
export type VmLoad = z.infer<typeof VmLoad>

/**
 * syncing: not whole yet. kept: a checkpoint is kept, and what was said before it is out. lost (at
 * the primary): the other end is gone or silent; it waits for leave to go on alone. silent (at the
 * replica): the primary is.
 */
export const replicaStates = ['syncing', 'kept', 'lost', 'silent'] as const

/** What an agent holds of a VM: the agents' word, which a restarted coordinator takes. */
export const VmReport = z.strictObject({
  vmId,
  epoch,
  /**
   * running | paused: it is the one copy, under `epoch`.
   * incoming: a copy still being received. prepared: complete and verified, waits for `run`.
   * released: the source gave up the epoch; a complete copy that only the coordinator may start
   * again. serving: it runs elsewhere, and its last pages are fetched from here: never run again.
   * replica: as it was at its last checkpoint; only the coordinator may have it run.
   * stranded: it stands still since the lease ended; only the coordinator may have it go on.
   */
  state: z.enum([
    ...['starting', 'running', 'paused', 'incoming', 'prepared', 'released', 'serving', 'replica'],
    'stranded',
  ] as const),
  migrationId: migrationId.optional(),
  /** Post-copy: released, and the copy that may run elsewhere still lacks pages from here. */
  owesPages: z.literal(true).optional(),
  /** There is a replica of it, or it is one. */
  replica: z
    .strictObject({
      id: migrationId,
      state: z.enum(replicaStates),
      /** The number of the last checkpoint that is kept. */
      checkpoints: count.optional(),
    })
    .optional(),
  spec: VmSpec,
  identity: VmIdentity,
  disk: DiskRef,
  load: VmLoad.optional(),
})
export type VmReport = z.infer<typeof VmReport>

/** How a VM moves: see docs/migration.md. */
export const migrationModes = ['pre-copy', 'post-copy', 'stop-and-copy'] as const
/** What is done about a VM that writes faster than pages can be sent. */
export const stuckPolicies = ['stop', 'throttle', 'post-copy', 'raise-limit', 'give-up'] as const

export const encodingWishes = ['auto', 'raw', 'zstd', 'delta'] as const

export const MigrationParams = z.strictObject({
  /**
   * `pre-copy`: the VM runs here while its pages are copied, until the rest is few. `post-copy`: all
   * pages are sent once, then it runs there and fetches what it had written meanwhile.
   * `stop-and-copy`: it stands still while it is copied.
   */
  mode: z.enum(migrationModes).default('pre-copy'),
  /**
   * When pre-copy gets no nearer to its end. `stop`: stop the VM if that is bearable, else give up.
   * `throttle`: slow the VM down, by as little as suffices. `post-copy`: go on as that.
   * `raise-limit`: double the limit of the downtime, up to 16 times. `give-up`: it stays where it is.
   */
  whenStuck: z.enum(stuckPolicies).default('stop'),
  /** Of a clone: all pages of its own, at once; on another node it starts when it has them. */
  independent: z.boolean().default(false),
  downtimeMsMax: z.number().min(1).max(60_000).default(30),
  /**
   * How pages with content travel. `auto`: each batch by what it costs and saves on this link. `raw`,
   * `zstd`, `delta`: that, wherever it makes a frame smaller.
   */
  encoding: z.enum(encodingWishes).default('auto'),
  /** 0 = no limit. Of the last round too, in which the VM stands still. */
  bandwidthBytesPerSecMax: z.number().min(0).default(0),
  /**
   * Links that carry its pages side by side; absent: one. Worth while where a single connection
   * cannot fill the road: long, lossy, or limited by connection.
   */
  streams: z.int().min(1).max(streamsMax).optional(),
  /** Write down which pages were sent when, how and why: proto/page-log.ts. */
  pageLog: z.boolean().default(false),
  roundsMax: z.int().min(1).max(1000).default(30),
  /**
   * `incremental`: the hash is kept up to date page by page as pages are sent and stored.
   * `full`: besides, both ends hash all of the real RAM while the VM is paused (tests; adds to the
   * downtime).
   */
  verify: z.enum(['incremental', 'full']).default('incremental'),
})
export type MigrationParams = z.infer<typeof MigrationParams>

const { shape } = MigrationParams
/** What is said of them: what is not said is left to whoever carries it out. */
export const MigrationWishes = z.strictObject({
  mode: shape.mode.unwrap().optional(),
  whenStuck: shape.whenStuck.unwrap().optional(),
  independent: shape.independent.unwrap().optional(),
  downtimeMsMax: shape.downtimeMsMax.unwrap().optional(),
  encoding: shape.encoding.unwrap().optional(),
  bandwidthBytesPerSecMax: shape.bandwidthBytesPerSecMax.unwrap().optional(),
  streams: shape.streams,
  pageLog: shape.pageLog.unwrap().optional(),
  roundsMax: shape.roundsMax.unwrap().optional(),
  verify: shape.verify.unwrap().optional(),
} satisfies Record<keyof MigrationParams, z.ZodType>)

/** The VM may run at the destination before it has all of its pages. */
export const mayPostCopy = ({ mode, whenStuck }: MigrationParams): boolean =>
  mode === 'post-copy' || whenStuck === 'post-copy'

/** Pages by how they travelled, and the bytes that it took. */
export const ByEncoding = z.partialRecord(
  z.enum(pageEncodings),
  z.strictObject({ pages: count, bytes: count }),
)
export type ByEncoding = z.infer<typeof ByEncoding>

/** One round as it was measured at the source. */
export const RoundRecord = z.strictObject({
  round: count,
  pages: count,
  zeroPages: count,
  bytes: count,
  ms,
  /** Pages dirtied meanwhile: what the next round has to send. */
  dirtyPages: count,
})
export type RoundRecord = z.infer<typeof RoundRecord>

/** How often a VM had to wait for a page, and how long. */
export const pageWaits = { faults: count, waitMsMedian: ms, waitMsP99: ms, waitMsMax: ms }

/** What came after the VM ran at the destination. */
export const PostCopyRecord = z.strictObject({
  pages: count,
  zeroPages: count,
  bytes: count,
  /** From `running` to the last page. */
  ms,
  ...pageWaits,
  /** How often the link broke and was made anew. */
  reconnections: count,
})
export type PostCopyRecord = z.infer<typeof PostCopyRecord>

/** By the clock of each end; what neither sees is `onTheWayMs`: the link, and waiting threads. */
export const DowntimeParts = z.strictObject({
  /** From its last instruction until the dirty pages of its last moments were known. */
  pauseMs: ms,
  /** Until its last pages, CPU and devices had been handed to the link. */
  lastRoundMs: ms,
  /** At the destination: CPU and devices into the machine. */
  stateMs: ms,
  /** At the destination: all captured again and hashed. */
  verificationMs: ms,
  /** From the word that it may run to the word that it does. */
  resumeMs: ms,
  onTheWayMs: ms,
})
export type DowntimeParts = z.infer<typeof DowntimeParts>

/**
 * What happened, summed up at the source. Downtime: pause at the source → first instruction at the
 * destination.
 */
export const MigrationRecord = z.strictObject({
  rounds: z.array(RoundRecord).max(1001),
  bytes: count,
  pages: count,
  zeroPages: count,
  /** Of the rounds. Absent: it is of an older agent. */
  byEncoding: ByEncoding.optional(),
  totalMs: ms,
  /** 0 for a clone's destination; for a clone: how long the parent stood still. */
  downtimeMs: ms,
  /** What the downtime was spent on; absent: there was none, or of an older agent. */
  downtime: DowntimeParts.optional(),
  /** Instructions the guest retired, in millions a second: before it began, and until the pause. */
  guestMips: z.strictObject({ before: z.number(), during: z.number() }).optional(),
  /** Equal on both ends, 16 hex digits; empty when the migration ended before. */
  hash: z.string().max(64),
  /** How it went on after the switchover; absent: all pages were there. */
  postCopy: PostCopyRecord.optional(),
  /** The VM was slowed down to so much of a core, at the least; absent: it was not. */
  throttledToPercent: z.number().min(0).optional(),
})
export type MigrationRecord = z.infer<typeof MigrationRecord>
