// The coordinator's whole memory. Records (records.ts) are what the store keeps; `live` parts are
// what only this process knows: links, leases, words of agents. Nothing here acts: step.ts changes
// it, and only the doors (vm-doors.ts, node-doors.ts, migration-doors.ts) change a phase. Times:
// monotonic ms.

import type { EventView } from '#proto/api.ts'
import type { Fault } from '#proto/faults.ts'
import { type HaGroup, type HaRule, type HaSettings, haSettingsDefault } from '#proto/ha.ts'
import type { CommandId, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import type { VmLoad, VmReport } from '#proto/messages.ts'
import type { PageLog } from '#proto/page-log.ts'
import { type PowerSettings, powerSettingsDefault } from '#proto/power.ts'
import type { LinkSeen } from '#proto/pre-copy/forecast.ts'
import { migrationHasEnded } from '#proto/state.ts'
import type { TemplateKeyView } from '#proto/templates/messages.ts'
import { heartbeatMs, leaseMarginMs, leaseMs } from '#proto/units.ts'
import type { IsolationResponse } from '#proto/vm-spec.ts'
import {
  mergeLayersAbove,
  migrationsMax,
  migrationsPerNodeMax,
  rebalanceEveryMs,
} from './limits.ts'
import type { NodeBurden } from './load-score.ts'
import type { PendingCommand } from './pending-command.ts'
import type {
  MetaRecord,
  MigrationEntry,
  NodeRecord,
  QuotaEntry,
  SnapshotEntry,
  TemplateEntry,
  Tombstone,
  VmRecord,
} from './records.ts'

export type { PendingCommand } from './pending-command.ts'

export interface Settings {
  readonly leaseMs: number
  readonly marginMs: number
  readonly heartbeatMs: number
  readonly rebalance: boolean
  readonly rebalanceEveryMs: number
  /** Migrations at once: in all, and out of or into a node. */
  readonly migrationsMax: number
  readonly migrationsPerNodeMax: number
  /** Of this coordinator as the leader of several; absent: there is only this one. */
  readonly term?: number
  /** What it is called among them. */
  readonly leaderName?: string
  /** A node that was silent for so long is fenced by the device; absent: there is none. */
  readonly fenceAfterMs?: number
  /** Every migration is written down page by page, also those that nobody asked it of. */
  readonly pageLogs: boolean
  /** Of a disk with more layers some are merged. */
  readonly mergeLayersAbove: number
}

export const defaultSettings: Settings = {
  leaseMs,
  marginMs: leaseMarginMs,
  heartbeatMs,
  rebalance: true,
  rebalanceEveryMs,
  ...{ migrationsMax, migrationsPerNodeMax },
  pageLogs: false,
  mergeLayersAbove,
}

/** Numbers the shell gives to the links of agents. */
export type LinkId = number

export interface Node extends NodeRecord {
  readonly live: {
    linkId: LinkId | undefined
    /** What the agent at its other end speaks. */
    protocolVersion: number
    /** Has renewed its lease over this link: only then is anything started there. */
    isReady: boolean
    heartbeatAtMs: number
    /** An upper bound: the agent counts from when it sent the heartbeat, we from when it came. */
    leaseExpiresAtMs: number
    /** Until when its VMs may run under the lease of another, as of a process that it replaced. */
    displacedUntilMs: number
    cpuDemandPercent: number
    cpuGotPercent: number
    memoryUsedMib: number
    /** The VMs whose `nodeId` is this node. */
    readonly vmIds: Set<VmId>
    /**
     * Migrations that are queued or on their way to it (not clones: those are in vmIds already).
     */
    readonly incoming: Set<MigrationId>
    /** VMs whose replicas are kept there. */
    readonly replicaOf: Set<VmId>
    /** Stale copies that were told to go: `vm/epoch` → when. */
    readonly dropsAskedAtMs: Map<string, number>
    /** Of a node in maintenance. */
    evacuation: Evacuation | undefined
    /** When it was fenced of late. */
    readonly lostAtMs: number[]
    fenceAskedAtMs: number | undefined
    /** It wants to shut down, and waits until it may. */
    asksLeave: boolean
    /** Its process stops everything, and takes nothing any more: it is about to say goodbye. */
    isClosing: boolean
    /** The last reports, if to take them again changes nothing; true while `changes` is that. */
    heard: { readonly reports: readonly VmReport[]; readonly changes: number } | undefined
    /** What burdens.ts has reckoned, as long as it is true. */
    burden: NodeBurden | undefined
    /** Its VMs are moved away, so that it can go to standby. */
    isEmptying: boolean
    emptySinceMs: number | undefined
    /** In standby and woken: when it is on. */
    wakesAtMs: number | undefined
    /** Its link was lost while it wrote a layer that nobody waits for any more. */
    mayHaveWritten: boolean
  }
}

/** How it goes with the VMs of a node that leave; begins anew with the process. */
export interface Evacuation {
  readonly tries: Map<VmId, { readonly count: number; readonly nextAtMs: number }>
  /** Where a VM did not arrive: elsewhere is tried first. */
  readonly failedTo: Map<VmId, ReadonlySet<NodeId>>
  /** Why a VM is still there. */
  readonly why: Map<VmId, string>
  isEmptyTold: boolean
  /** What migrations took, as a multiple of their forecasts. */
  ratio: number
}

export interface Vm extends VmRecord {
  readonly live: {
    load: VmLoad | undefined
    /** CPU demand in percent of one core of its node, smoothed over about a second. */
    demandPercent: number | undefined
    /** Its node has reported it over the present link. */
    isConfirmed: boolean
    /** Since when its live node has not reported it. */
    absentSinceMs: number | undefined
    /**
     * When its last node surely runs it no more; meaningful while `recovering` or `stopping` on a
     * lost node.
     */
    fencedAtMs: number | undefined
    /** It waits for a node, but not before that: it has crashed, or was refused. */
    retryAtMs: number
    /** It has found none: when it looks again. */
    lookAgainAtMs: number
    /** Nobody ran it when our store was written; until then somebody may run it since. */
    clearFromMs: number
    lastMovedAtMs: number
    /** Moves that a rule asked for and that failed, in a row; and when the next may be tried. */
    ruleTries: { readonly count: number; readonly nextAtMs: number }
    runsSinceMs: number | undefined
    /** A clone of it failed: on which layers it goes on, its node's next report says. */
    isDiskInDoubt: boolean
    /** The id of a snapshot that waits for the end of a replica. */
    snapshotDue: string | undefined
    /** When layers of its disk are merged again, after one that failed. */
    mergeTries: { readonly count: number; readonly nextAtMs: number }
    /** When a replica of it is tried again. */
    replicaTries: { readonly count: number; readonly nextAtMs: number }
    /** Its replica's node says so. */
    isPrimarySilent: boolean
    /** Whether its node's lease covers it, as its node said last, and what becomes of it then. */
    isLeased: boolean | undefined
    isolation: IsolationResponse | undefined
    /** Where it stands still, complete, while nobody has run it since. */
    strandedOn: NodeId | undefined
  }
}

/** What each end of a migration said last over its present link. */
export type SourceWord = 'unknown' | 'holds' | 'released' | 'serving' | 'nothing'
export type DestinationWord = 'unknown' | 'nothing' | 'incoming' | 'prepared'

export interface Asked {
  readonly commandId: CommandId
  readonly nodeId: NodeId
  readonly verdict: 'run' | 'discard' | 'probe'
}

export interface Migration extends MigrationEntry {
  readonly live: {
    source: SourceWord
    /** The source has released the VM, and says that no page is missing at the destination. */
    isComplete: boolean
    destination: DestinationWord
    /** The shell's queue has a place for it; it begins as soon as nothing has to be waited for. */
    isAdmitted: boolean
    /** A question whose answer decides: nothing else is done about this migration meanwhile. */
    asked: Asked | undefined
    /** The source said that it ended badly. */
    resultFault: Fault | undefined
    /** The source itself says that it does not know how it ended. */
    isUrgent: boolean
    /** Ends that hold a copy and have answered that they cannot run it. */
    readonly cannotRun: Set<NodeId>
    /** The process at the destination that has answered that it holds nothing. */
    clearedBy: string | undefined
    movedAtMs: number | undefined
    releasedAtMs: number | undefined
    newsAtMs: number
    /** When a displaced process of that end is surely fenced. */
    sourceLostAtMs: number | undefined
    destinationLostAtMs: number | undefined
    /** The round that is under way; the progress below is of it. */
    round: number
    sentPages: number
    pagesOfRound: number
    bytes: number
    expectedDowntimeMs: number | undefined
    /** Page by page, as the source wrote it down; only this process has it. */
    pageLog: PageLog | undefined
  }
}

export interface ClusterState {
  readonly settings: Settings
  /** Tells this process's commands from an earlier one's. */
  readonly runId: string
  readonly bootedAtMs: number
  readonly meta: MetaRecord
  readonly nodes: Map<NodeId, Node>
  readonly vms: Map<VmId, Vm>
  readonly migrations: Map<MigrationId, Migration>
  readonly tombstones: Map<VmId, Tombstone>
  /** By VM/name. */
  readonly snapshots: Map<string, SnapshotEntry>
  /** By name. */
  readonly templates: Map<string, TemplateEntry>
  /** Whose files of templates are let in, by name. */
  readonly templateKeys: Map<string, TemplateKeyView>
  readonly rules: Map<string, HaRule>
  readonly groups: Map<string, HaGroup>
  readonly quotas: Map<string, QuotaEntry>
  ha: HaSettings
  power: PowerSettings
  /** Since this process began: drawn, and what all nodes would have drawn. */
  readonly energy: { countedAtMs: number; joules: number; joulesAllOn: number }
  readonly events: EventView[]
  readonly commands: Map<CommandId, PendingCommand>
  /**
   * VMs that wait for a node. Indexes, so that a step costs what it changes and not what there is.
   */
  readonly waiting: Set<VmId>
  readonly openMigrations: Set<MigrationId>
  /** What links were seen to carry, by FROM>TO. */
  readonly links: Map<string, LinkSeen>
  nextCommand: number
  rebalanceAtMs: number
  /** When the rules are looked at again. */
  keepRulesAtMs: number
  /** When consolidation is thought of again, and when a plan may be made. */
  consolidateAtMs: number
  consolidateRestUntilMs: number
  /** When layers of disks are looked for that nobody names; Infinity: nothing has gone. */
  sweepAtMs: number
  /** Counts changes that a view shows. */
  revision: number
  /**
   * Counts changes that may give a new meaning to what any node reports; what concerns one node has
   * that one heard again.
   */
  changes: number
  /** No node's silence means anything before that; a changed node is looked at anew. */
  watchAtMs: number
  /** VMs that a tick may have to do something about: see watched-vms.ts. */
  readonly watched: Readonly<Record<'lost' | 'guarded' | 'layered' | 'away' | 'due', Set<VmId>>>
  /** Nodes that may be in maintenance or in standby: see watched-nodes.ts. */
  readonly watchedNodes: Set<NodeId>
  /** When what the nodes draw is added up again. */
  countEnergyAtMs: number
}

export const isOpen = (migration: MigrationEntry): boolean => !migrationHasEnded(migration.phase)
export const isActive = (migration: MigrationEntry): boolean =>
  isOpen(migration) && migration.phase !== 'queued'

export const nodeLive = (nowMs: number): Node['live'] => ({
  linkId: undefined,
  protocolVersion: 1,
  isReady: false,
  heartbeatAtMs: nowMs,
  leaseExpiresAtMs: nowMs,
  displacedUntilMs: Number.NEGATIVE_INFINITY,
  cpuDemandPercent: 0,
  cpuGotPercent: 0,
  memoryUsedMib: 0,
  vmIds: new Set(),
  incoming: new Set(),
  replicaOf: new Set(),
  dropsAskedAtMs: new Map(),
  evacuation: undefined,
  lostAtMs: [],
  fenceAskedAtMs: undefined,
  asksLeave: false,
  isClosing: false,
  heard: undefined,
  burden: undefined,
  isEmptying: false,
  emptySinceMs: undefined,
  wakesAtMs: undefined,
  mayHaveWritten: false,
})

export const vmLive = (): Vm['live'] => ({
  load: undefined,
  demandPercent: undefined,
  isConfirmed: false,
  absentSinceMs: undefined,
  fencedAtMs: undefined,
  ...{ retryAtMs: 0, lookAgainAtMs: 0, clearFromMs: 0 },
  lastMovedAtMs: Number.NEGATIVE_INFINITY,
  ruleTries: { count: 0, nextAtMs: 0 },
  runsSinceMs: undefined,
  isDiskInDoubt: false,
  snapshotDue: undefined,
  mergeTries: { count: 0, nextAtMs: 0 },
  replicaTries: { count: 0, nextAtMs: 0 },
  isPrimarySilent: false,
  isLeased: undefined,
  isolation: undefined,
  strandedOn: undefined,
})

export const migrationLive = (nowMs: number): Migration['live'] => ({
  source: 'unknown',
  isComplete: false,
  destination: 'unknown',
  isAdmitted: false,
  asked: undefined,
  resultFault: undefined,
  isUrgent: false,
  cannotRun: new Set(),
  clearedBy: undefined,
  movedAtMs: undefined,
  releasedAtMs: undefined,
  newsAtMs: nowMs,
  sourceLostAtMs: undefined,
  destinationLostAtMs: undefined,
  round: 0,
  sentPages: 0,
  pagesOfRound: 0,
  bytes: 0,
  expectedDowntimeMs: undefined,
  pageLog: undefined,
})

const nobody = (): ClusterState['watched'] => ({
  lost: new Set(),
  guarded: new Set(),
  layered: new Set(),
  away: new Set(),
  due: new Set(),
})

/** A cluster that has never been: no nodes, no VMs. */
export function emptyCluster(
  clusterId: string,
  runId: string,
  settings: Settings,
  nowMs: number,
): ClusterState {
  return {
    settings,
    runId,
    bootedAtMs: nowMs,
    meta: {
      clusterId,
      nextEpoch: 1,
      nextSerial: 1,
      nextEventSeq: 1,
      leaseMsMax: settings.leaseMs,
    },
    nodes: new Map(),
    vms: new Map(),
    migrations: new Map(),
    ...{ tombstones: new Map(), snapshots: new Map(), templates: new Map() },
    ...{ templateKeys: new Map(), rules: new Map(), groups: new Map(), quotas: new Map() },
    ha: haSettingsDefault,
    power: powerSettingsDefault,
    energy: { countedAtMs: nowMs, joules: 0, joulesAllOn: 0 },
    events: [],
    commands: new Map(),
    waiting: new Set(),
    openMigrations: new Set(),
    links: new Map(),
    nextCommand: 1,
    rebalanceAtMs: nowMs + settings.rebalanceEveryMs,
    ...{ keepRulesAtMs: nowMs, consolidateAtMs: nowMs, consolidateRestUntilMs: nowMs },
    ...{ sweepAtMs: nowMs, revision: 1, changes: 0, watchAtMs: nowMs, countEnergyAtMs: nowMs },
    watched: nobody(),
    watchedNodes: new Set(),
  }
}
