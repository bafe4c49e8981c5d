// When pre-copy stops copying and pauses the VM: a pure function of the rounds seen so far.
// The estimate is dirty bytes / measured bandwidth + what a switchover costs besides. It is
// compared with the operator's limit. Not here: what is done about a VM whose writable working set
// will not shrink (stuck.ts). Bytes, ms. Source: Clark et al.,
// "Live Migration of Virtual Machines", NSDI 2005, §5.3-5.4 (there: stop when few pages are left,
// or after too many rounds, or when dirtying outruns sending).

import { pageBytes } from '../units.ts'

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
  /** The first round that counts for progress: the last one before the VM was slowed down. */
  readonly sinceRound: number
}

export interface StopDecision {
  readonly verdict: 'again' | 'stop' | 'stuck'
  /** It could be stopped now, whether or not another round is worth its time. */
  readonly isBearable: boolean
  readonly expectedDowntimeMs: number
}

/**
 * Pause, two crossings of the link, capture, restore, hash: what a switchover costs with no page to
 * send.
 */
export const switchoverOverheadMs = 4
/** Better means better by a tenth: noise is no progress. */
const progressFactor = 0.9
/** Another round of a VM that could be stopped must leave no more of its pages than that. */
const worthFactor = 0.6
/** A round that left so much of what it sent has seen the whole working set written. */
export const saturatedFrom = 0.9
/** So many such rounds without progress are enough to know it. */
const saturatedPatience = 2
/** A megabyte goes with the switchover. */
const fewPages = 256
/** Below this a round measures the scheduler, not the link. */
const measurableBytes = 1 << 20
/** What is assumed before anything was measured: 1 Gbit/s. */
const bandwidthAssumedBytesPerMs = 125_000

/** @param rounds those that were applied, in order; at least one. */
export function decideAfterRound(
  rounds: readonly RoundMeasured[],
  limits: StopLimits,
): StopDecision {
  const last = rounds.at(-1)
  const expectedDowntimeMs = last ? estimateMs(last, bandwidth(rounds)) : switchoverOverheadMs
  const isBearable = last?.dirtyPages === 0 || expectedDowntimeMs <= limits.downtimeMsMax
  const isLast = rounds.length >= limits.roundsMax
  if (isBearable) {
    const verdict = !isLast && isWorthAnother(rounds) ? 'again' : 'stop'
    return { verdict, isBearable, expectedDowntimeMs }
  }
  // Progress is counted in pages: the bandwidth that one round measures is noisy.
  const left = rounds.slice(limits.sinceRound).map(({ dirtyPages }) => dirtyPages)
  const goesOn = !isLast && improves(left, patienceAfter(last, limits))
  return { verdict: goesOn ? 'again' : 'stuck', isBearable, expectedDowntimeMs }
}

/** Who writes again all that is sent, while it is sent, is not getting calmer for the moment. */
function patienceAfter(last: RoundMeasured | undefined, { patienceRounds }: StopLimits): number {
  const isSaturated = last && last.dirtyPages * pageBytes >= last.bytes * saturatedFrom
  return isSaturated ? Math.min(patienceRounds, saturatedPatience) : patienceRounds
}

/**
 * A round that leaves much less than the one before takes as long as the downtime that it saves,
 * and the guest runs meanwhile. It is expected to leave what the last one did, by its length.
 */
function isWorthAnother(rounds: readonly RoundMeasured[]): boolean {
  const [before, last] = [rounds.at(-2), rounds.at(-1)]
  if (!last || last.dirtyPages < fewPages || last.ms <= 0) return false
  if (before && last.dirtyPages > before.dirtyPages * worthFactor) return false
  const nextMs = (last.dirtyPages * pageBytes) / bandwidth(rounds)
  return nextMs <= last.ms * worthFactor
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
