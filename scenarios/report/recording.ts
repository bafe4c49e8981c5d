// What is written down during a run: everything that report and transcript are made of, and nothing
// else. Data only, complete enough to make the report again later. Times in ms since the cluster
// was asked for.

import type { MigrationView, VmView } from '#proto/api.ts'
import type { Fault } from '#proto/faults.ts'
import type { PageLog } from '#proto/page-log.ts'
import type { KvFindings, KvLoad } from '../kv-client.ts'

export interface StepRecord {
  readonly sentence: string
  readonly label?: string
  /** `not-reached`: the run ended before its turn. */
  readonly outcome: 'done' | 'failed' | 'not-reached'
  readonly beganAtMs?: number
  readonly endedAtMs?: number
  readonly fault?: Fault
}

export interface VerdictRecord {
  readonly sentence: string
  /** Whether the scenario asked for it, or every run is held to it. */
  readonly from: 'scenario' | 'every-run'
  /** `not-judged`: the run ended before it could be. */
  readonly verdict: 'held' | 'broken' | 'not-judged'
  /** What was seen: for people, differs from run to run. */
  readonly detail: string
  readonly decidedAtMs?: number
}

/** One VM that was brought back after its node was lost. */
export interface RecoveryRecord {
  readonly vmId: string
  readonly to: string
  readonly runningAtMs: number
  /** It went on from a checkpoint that was so old when its node was lost; else it began anew. */
  rpoMs?: number
}

/**
 * A node that was broken on purpose and then fenced. As seen through the coordinator's views: up to
 * 100 ms late.
 */
export interface FailoverRecord {
  readonly nodeId: string
  readonly cause: 'killed' | 'hung' | 'cut' | 'fenced'
  readonly brokenAtMs: number
  readonly detectedAtMs?: number
  readonly fencedAtMs?: number
  readonly recoveries: readonly RecoveryRecord[]
}

export interface ClientRecord {
  readonly load: KvLoad
  readonly findings: KvFindings
}

/** From then on it was so; until the next one, or the end. */
export interface Span {
  readonly fromMs: number
  readonly state: string
  /** Of a VM: where. */
  readonly nodeId?: string
}

interface Track {
  readonly id: string
  readonly spans: readonly Span[]
}

export interface Tracks {
  readonly nodes: readonly Track[]
  readonly vms: readonly Track[]
  /** Demand in percent of all cores of the node. */
  readonly loads: readonly {
    readonly id: string
    readonly samples: readonly { readonly atMs: number; readonly percent: number }[]
  }[]
}

export interface Recording {
  readonly name: string
  readonly about: string
  readonly seed: number
  readonly nodeIds: readonly string[]
  readonly vmIds: readonly string[]
  /** From asking for the cluster to all first VMs running. */
  readonly readyAtMs?: number
  readonly endedAtMs: number
  readonly steps: readonly StepRecord[]
  readonly verdicts: readonly VerdictRecord[]
  readonly migrations: readonly MigrationView[]
  /** Which pages they sent when, and why; not of all of them. */
  readonly pageLogs: readonly PageLog[]
  readonly failovers: readonly FailoverRecord[]
  readonly clients: readonly ClientRecord[]
  /** As the cluster showed them last, by name. */
  readonly vms: readonly VmView[]
  readonly tracks: Tracks
  /** The cluster's own story. */
  readonly events: readonly { readonly atMs: number; readonly text: string }[]
  /** Why the run could not be carried out to its end. */
  readonly fault?: Fault
}
