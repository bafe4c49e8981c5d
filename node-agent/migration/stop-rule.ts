// When pre-copy stops copying and pauses the VM: a pure function of the rounds seen so far.
// The estimate is dirty bytes / measured bandwidth + what a switchover costs besides. It is
// compared with the operator's limit. Not here: what is done about a VM whose writable working set
// will not shrink (stuck.ts). Bytes, ms. Source: Clark et al.,
// "Live Migration of Virtual Machines", NSDI 2005, §5.3-5.4 (there: stop when few pages are left,
// or after too many rounds, or when dirtying outruns sending).

import { pageBytes } from '#proto/units.ts'

export interface RoundMeasured {
  readonly bytes: number
  readonly ms: number
  /** Dirtied meanwhile: what is left to send. */
  readonly dirtyPages: number
}

export interface StopLimits {
  readonly downtimeMsMax: number
  readonly roundsMax: number
  /** So many rounds in a row without a better estimate: it will not get better by itself. */
  readonly patienceRounds: number
  /** Rounds before this one ran under other conditions, and tell nothing of progress. */
  readonly sinceRound: number
}

export interface StopDecision {
  readonly verdict: 'again' | 'stop' | 'stuck'
  readonly expectedDowntimeMs: number
}

/**
 * Pause, two crossings of the link, capture, restore, hash: what a switchover costs with no page to
 * send.
 */
export const switchoverOverheadMs = 4
/** Better means better by a tenth: noise is no progress. */
const progressFactor = 0.9
/** Below this a round measures the scheduler, not the link. */
const measurableBytes = 1 << 20
/** What is assumed before anything was measured: 1 Gbit/s. */
const bandwidthAssumedBytesPerMs = 125_000

/** @param rounds those that were applied, in order; at least one. */
export function decideAfterRound(
  rounds: readonly RoundMeasured[],
  limits: StopLimits,
): StopDecision {
  const estimates = rounds.map((round, at) => estimateMs(round, bandwidth(rounds.slice(0, at + 1))))
  const expectedDowntimeMs = estimates.at(-1) ?? switchoverOverheadMs
  if (rounds.at(-1)?.dirtyPages === 0 || expectedDowntimeMs <= limits.downtimeMsMax)
    return { verdict: 'stop', expectedDowntimeMs }
  // Progress is counted in pages: the bandwidth that one round measures is noisy.
  const left = rounds.slice(limits.sinceRound).map(({ dirtyPages }) => dirtyPages)
  const goesOn = rounds.length < limits.roundsMax && improves(left, limits.patienceRounds)
  return { verdict: goesOn ? 'again' : 'stuck', expectedDowntimeMs }
}

/** Bytes per ms of the last round that was large enough to tell, or of all together. */
function bandwidth(rounds: readonly RoundMeasured[]): number {
  const telling = rounds.findLast((round) => round.bytes >= measurableBytes && round.ms > 0)
  if (telling) return telling.bytes / telling.ms
  const bytes = rounds.reduce((sum, round) => sum + round.bytes, 0)
  const ms = rounds.reduce((sum, round) => sum + round.ms, 0)
  return bytes > 0 && ms > 0 ? bytes / ms : bandwidthAssumedBytesPerMs
}

const estimateMs = (round: RoundMeasured, bytesPerMs: number): number =>
  (round.dirtyPages * pageBytes) / bytesPerMs + switchoverOverheadMs

function improves(left: readonly number[], patience: number): boolean {
  if (left.length <= patience) return true
  const before = Math.min(...left.slice(0, -patience))
  const lately = Math.min(...left.slice(-patience))
  return lately <= before * progressFactor
}
