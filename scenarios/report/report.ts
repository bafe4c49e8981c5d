// The report of a run as data: what `-o json` prints, and what the text is made of
// (report-text.ts). A pure function of the recording. Durations in ms, sizes in bytes, as the names
// say.

import { z } from 'zod'
import type { MigrationView } from '#proto/api.ts'
import { Fault } from '#proto/faults.ts'
import { ByEncoding, DowntimeParts, MigrationRecord, RoundRecord } from '#proto/messages.ts'
import { Forecast } from '#proto/pre-copy/forecast.ts'
import type { FailoverRecord, Recording } from './recording.ts'

const ms = z.number()
const count = z.int().min(0)

const { guestMips, postCopy, throttledToPercent } = MigrationRecord.shape

export const MigrationReport = z.strictObject({
  id: z.string().optional(),
  vmId: z.string(),
  from: z.string(),
  to: z.string(),
  cause: z.string(),
  outcome: z.enum(['done', 'failed', 'cancelled', 'unfinished']),
  /** Passes over memory, stop-and-copy among them. */
  rounds: count,
  /** In the rounds, and by post-copy. */
  bytes: count,
  totalMs: ms.optional(),
  downtimeMs: ms.optional(),
  /** Before it began. */
  forecast: Forecast.optional(),
  byEncoding: ByEncoding.optional(),
  /** Round by round, as the source measured it; and what else it measured. */
  byRound: z.array(RoundRecord).optional(),
  downtime: DowntimeParts.optional(),
  ...{ guestMips, postCopy, throttledToPercent },
  /** Over RAM, CPU and devices; equal on both ends, or the migration would not be done. */
  hash: z.string(),
  fault: Fault.optional(),
})

export const CloneReport = z.strictObject({
  parentId: z.string(),
  cloneIds: z.array(z.string()),
  from: z.string(),
  to: z.string(),
  outcome: z.enum(['done', 'failed', 'cancelled', 'unfinished']),
  bytes: count,
  totalMs: ms.optional(),
  /** How long the parent stood still. */
  parentPausedMs: ms.optional(),
  fault: Fault.optional(),
})

export const FailoverReport = z.strictObject({
  nodeId: z.string(),
  cause: z.enum(['killed', 'hung', 'cut', 'fenced']),
  /**
   * Each counted from the instant the node was broken, as seen through the API (up to 100 ms late).
   */
  detectedMs: ms.optional(),
  fencedMs: ms.optional(),
  /**
   * `ms`: the recovery time (RTO). `rpoMs`: how old the checkpoint was that it went on from; absent:
   * it began anew, from its disk.
   */
  restarted: z.array(
    z.strictObject({ vmId: z.string(), to: z.string(), ms, rpoMs: ms.optional() }),
  ),
})

export const ClientReport = z.strictObject({
  id: z.string(),
  vmId: z.string(),
  writesAcknowledged: count,
  keysReadBack: count,
  writesLost: count,
  /** The longest a write waited for its acknowledgement. */
  waitMsMax: ms,
})

export const Report = z.strictObject({
  scenario: z.string(),
  about: z.string(),
  seed: z.int(),
  /** Which Godwit, in which world, by which line; of older reports it is not known. */
  version: z.string().optional(),
  world: z.string().optional(),
  replay: z.string().optional(),
  readyMs: ms.optional(),
  totalMs: ms,
  fault: Fault.optional(),
  steps: z.array(
    z.strictObject({
      sentence: z.string(),
      label: z.string().optional(),
      outcome: z.enum(['done', 'failed', 'not-reached']),
      atMs: ms.optional(),
      tookMs: ms.optional(),
      fault: Fault.optional(),
    }),
  ),
  migrations: z.array(MigrationReport),
  clones: z.array(CloneReport),
  failovers: z.array(FailoverReport),
  clients: z.array(ClientReport),
  writesAcknowledged: count,
  writesLost: count,
  expectations: z.array(
    z.strictObject({
      sentence: z.string(),
      from: z.enum(['scenario', 'every-run']),
      verdict: z.enum(['held', 'broken', 'not-judged']),
      detail: z.string(),
    }),
  ),
})
export type Report = z.infer<typeof Report>

export function reportOf(recording: Recording): Report {
  const clients = recording.clients.map(clientReport)
  const moves = recording.migrations
  return {
    scenario: recording.name,
    about: recording.about,
    seed: recording.seed,
    ...only({ readyMs: recording.readyAtMs, fault: recording.fault }),
    totalMs: recording.endedAtMs,
    steps: recording.steps.map(({ sentence, label, outcome, beganAtMs, endedAtMs, fault }) => ({
      sentence,
      outcome,
      ...only({ label, atMs: beganAtMs, tookMs: difference(endedAtMs, beganAtMs), fault }),
    })),
    migrations: moves.filter((move) => move.purpose === 'migrate').map(migrationReport),
    clones: moves.filter((move) => move.purpose === 'clone').map(cloneReport),
    failovers: recording.failovers.map(failoverReport),
    clients,
    writesAcknowledged: sum(clients.map((client) => client.writesAcknowledged)),
    writesLost: sum(clients.map((client) => client.writesLost)),
    expectations: recording.verdicts.map(({ sentence, from, verdict, detail }) => ({
      sentence,
      from,
      verdict,
      detail,
    })),
  }
}

/** Nothing failed, nothing is broken, and nothing was left unjudged. */
export const isPassed = (report: Report): boolean =>
  report.fault === undefined &&
  report.steps.every((step) => step.outcome === 'done') &&
  report.expectations.every((expectation) => expectation.verdict === 'held')

/** The same, and broken by what no judge saw; without a detail nothing is. */
export const withFinding = (report: Report, sentence: string, detail: string): Report =>
  detail === ''
    ? report
    : {
        ...report,
        expectations: [
          ...report.expectations,
          { sentence, from: 'every-run', verdict: 'broken', detail },
        ],
      }

/** Who neither moved nor was stopped for it stood still for no time, not for 0 ms. */
const downtimeOf = ({ phase, record }: MigrationView): number | undefined =>
  phase === 'done' || record?.downtimeMs !== 0 ? record?.downtimeMs : undefined

const migrationReport = (move: MigrationView): z.infer<typeof MigrationReport> => ({
  id: move.id,
  vmId: move.vmId,
  from: move.from,
  to: move.to,
  cause: move.cause,
  outcome: outcomeOf(move),
  rounds: move.record?.rounds.length ?? 0,
  bytes: move.bytes,
  hash: move.record?.hash ?? '',
  ...only({
    totalMs: move.record?.totalMs,
    downtimeMs: downtimeOf(move),
    forecast: move.forecast,
    byEncoding: move.record?.byEncoding,
    byRound: move.record?.rounds,
    downtime: move.record?.downtime,
    guestMips: move.record?.guestMips,
    postCopy: move.record?.postCopy,
    throttledToPercent: move.record?.throttledToPercent,
    fault: move.fault,
  }),
})

const cloneReport = (move: MigrationView): z.infer<typeof CloneReport> => ({
  parentId: move.vmId,
  cloneIds: move.cloneIds,
  from: move.from,
  to: move.to,
  outcome: outcomeOf(move),
  bytes: move.bytes,
  ...only({
    totalMs: move.record?.totalMs,
    parentPausedMs: move.record?.downtimeMs,
    fault: move.fault,
  }),
})

function outcomeOf({ phase }: MigrationView): z.infer<typeof MigrationReport>['outcome'] {
  return phase === 'done' || phase === 'failed' || phase === 'cancelled' ? phase : 'unfinished'
}

const failoverReport = (failover: FailoverRecord): z.infer<typeof FailoverReport> => ({
  nodeId: failover.nodeId,
  cause: failover.cause,
  ...only({
    detectedMs: difference(failover.detectedAtMs, failover.brokenAtMs),
    fencedMs: difference(failover.fencedAtMs, failover.brokenAtMs),
  }),
  restarted: failover.recoveries.map(({ vmId, to, runningAtMs, rpoMs }) => ({
    ...{ vmId, to, ms: runningAtMs - failover.brokenAtMs },
    ...only({ rpoMs }),
  })),
})

const clientReport = ({
  load,
  findings,
}: Recording['clients'][number]): z.infer<typeof ClientReport> => ({
  id: load.id,
  vmId: load.vmId,
  writesAcknowledged: findings.acknowledged,
  keysReadBack: findings.verifiedKeys,
  writesLost: findings.lost.length,
  waitMsMax: findings.waitMsMax,
})

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const difference = (later: number | undefined, earlier: number | undefined): number | undefined =>
  later === undefined || earlier === undefined ? undefined : later - earlier

/** The given properties that have a value: optional is absent, not undefined. */
function only<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const present = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present) as { [Key in keyof T]?: Exclude<T[Key], undefined> }
}
