// The rounds of a migration's source, while the VM runs: what is sent, what was written meanwhile,
// and when they end, how. Part of the step machine of source.ts. Times in ms.
// Not here: the rules themselves (proto/pre-copy/), what comes when the VM stands still
// (source.ts).

import { countPages, setPage, unionOf } from '#engine/memory/page-bitmap.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { RoundRecord } from '#proto/messages.ts'
import { decideAfterRound, type StopDecision } from '#proto/pre-copy/stop-rule.ts'
import { patienceOf, type Remedy, remedyFor } from '#proto/pre-copy/stuck.ts'
import { pageBytes } from '#proto/units.ts'
import { answerMsMax, appliedMsMax } from './protocol.ts'
import { giveUp, progress } from './source-end.ts'
import {
  addEncoded,
  becomePhase,
  fullPercentOf,
  isClone,
  type RoundSent,
  type SourceEffect,
  type SourceInput,
  type SourceState,
  stuckPolicyOf,
} from './source-state.ts'

const forEver = Number.POSITIVE_INFINITY

export function beginRounds(state: SourceState, nowMs: number): SourceEffect[] {
  if (state.plan.params.mode !== 'stop-and-copy') return copy(state, 'all', nowMs)
  const all = new Uint8Array(state.plan.offer.pageCount / 8).fill(0xff)
  return stop(state, all, nowMs)
}

function copy(state: SourceState, bitmap: 'all' | Uint8Array, nowMs: number): SourceEffect[] {
  state.roundStartedAtMs = nowMs
  return [
    // The sender gives up by itself when the link stands still: a long round is no fault.
    ...becomePhase(state, 'copying', nowMs, forEver),
    { do: 'send-round', round: state.round, bitmap },
    progress(state, 0, state.bytes),
  ]
}

export function endRound(state: SourceState, sent: RoundSent, nowMs: number): SourceEffect[] {
  if (state.phase !== 'copying') return []
  countSent(state, sent)
  state.unsent = sent.unsent
  const { migrationId } = state.plan
  return [
    ...becomePhase(state, 'applying', nowMs, appliedMsMax),
    {
      do: 'send',
      message: { t: 'round-end', migrationId, round: state.round, frames: sent.frames },
    },
  ]
}

export function countSent(state: SourceState, sent: RoundSent): void {
  state.sent = sent
  state.bytes += sent.bytes
  state.sendingBytes = 0
  state.pages += sent.pages
  state.zeroPages += sent.zeroPages
  addEncoded(state.byEncoding, sent.byEncoding ?? {})
}

export const lookAtLog = (state: SourceState, nowMs: number): SourceEffect[] => [
  ...becomePhase(state, 'looking', nowMs, answerMsMax),
  { do: 'take-log', pause: false },
]

/** What was written while the round was sent: another one, or the end of them. */
export function seeRound(
  state: SourceState,
  log: Extract<SourceInput, { on: 'log-taken' }>,
  nowMs: number,
): SourceEffect[] {
  if (state.phase !== 'looking') return []
  const left = withLacking(state, log)
  recordRound(state, left.pages, nowMs)
  const decision = decide(state)
  state.expectedDowntimeMs = decision.expectedDowntimeMs
  const told = { ...progress(state, state.pagesOfRound, state.bytes) }
  const effects = afterRound(state, decision, left, nowMs)
  const round = state.rounds.at(-1)
  return [{ ...told, message: { ...told.message, ...(round ? { round } : {}) } }, ...effects]
}

/** What was written meanwhile, and what the destination turned out not to hold. */
function withLacking(state: SourceState, log: Log): Log {
  const { lacking } = state
  state.lacking = undefined
  if (!lacking) return log
  const bitmap = log.bitmap.slice()
  for (const page of pagesNamed(lacking, state.plan.offer.pageCount)) setPage(bitmap, page)
  return { bitmap, pages: countPages(bitmap) }
}

/** The pages of a list of the wire, as far as there are such. */
export function pagesNamed(bytes: Uint8Array, pageCount: number): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const named = new Uint32Array(Math.floor(bytes.length / 4))
  for (let at = 0; at < named.length; at++) named[at] = view.getUint32(4 * at, true)
  return named.filter((page) => page < pageCount)
}

function decide(state: SourceState): StopDecision {
  const { rounds, plan, limitFactor, sinceRound } = state
  const { params } = plan
  const { roundsMax } = params
  const downtimeMsMax = params.downtimeMsMax * limitFactor
  const patienceRounds = patienceOf(stuckPolicyOf(state))
  // What a page costs by the time it took, however it travelled.
  const measured = rounds.map((round) => ({ ...round, bytes: contentBytes(round) }))
  return decideAfterRound(measured, { downtimeMsMax, roundsMax, patienceRounds, sinceRound })
}

const contentBytes = ({ pages, zeroPages, bytes }: RoundRecord): number =>
  Math.max(bytes, (pages - zeroPages) * pageBytes)

interface Log {
  readonly bitmap: Uint8Array
  readonly pages: number
}

function afterRound(
  state: SourceState,
  { verdict, isBearable, expectedDowntimeMs }: StopDecision,
  log: Log,
  nowMs: number,
): SourceEffect[] {
  const isPostCopy = state.plan.params.mode === 'post-copy' || state.isInHaste
  if (state.unsent) return leave(state, log, nowMs)
  if (verdict === 'stop' || (isPostCopy && isBearable)) return nextRound(state, log, nowMs, 'stop')
  if (isPostCopy) return leave(state, log, nowMs)
  if (verdict === 'again') return nextRound(state, log, nowMs, 'copy')
  const { params } = state.plan
  const { rounds, percent, limitFactor } = state
  const { downtimeMsMax, roundsMax } = params
  const policy = stuckPolicyOf(state)
  const stuck = { policy, downtimeMsMax, roundsMax, expectedDowntimeMs, rounds, limitFactor }
  const speeds = { percent, fullPercent: fullPercentOf(state) }
  return mend(state, remedyFor({ ...stuck, ...speeds }), log, nowMs)
}

function mend(state: SourceState, remedy: Remedy, log: Log, nowMs: number): SourceEffect[] {
  switch (remedy.do) {
    case 'stop':
      return nextRound(state, log, nowMs, 'stop')
    case 'give-up':
      return giveUp(state, neverEnds(state), nowMs, false)
    case 'post-copy':
      return leave(state, log, nowMs)
    case 'raise-limit': {
      state.limitFactor = remedy.factor
      const isEnough = decide(state).verdict === 'stop'
      return nextRound(state, log, nowMs, isEnough ? 'stop' : 'copy')
    }
    case 'throttle':
      state.percent = remedy.percent
      state.sinceRound = state.rounds.length - 1
      return [{ do: 'throttle', percent: remedy.percent }, ...nextRound(state, log, nowMs, 'copy')]
  }
}

function nextRound(
  state: SourceState,
  log: Log,
  nowMs: number,
  how: 'copy' | 'stop',
): SourceEffect[] {
  state.round += 1
  state.pagesOfRound = log.pages
  return how === 'copy' ? copy(state, log.bitmap, nowMs) : stop(state, log.bitmap, nowMs)
}

/** Post-copy from here on: what is left will be fetched. */
function leave(state: SourceState, log: Log, nowMs: number): SourceEffect[] {
  const { unsent } = state
  const missing = unsent ? unionOf(unsent, log.bitmap) : log.bitmap
  state.missing = missing
  return nextRound(state, { ...log, bitmap: missing }, nowMs, 'stop')
}

function stop(state: SourceState, left: Uint8Array, nowMs: number): SourceEffect[] {
  state.left = left
  // Until the answer says since when it stands still, as if it did from the order on.
  state.pausedAtMs = nowMs
  state.stoppedAtMs = nowMs
  return [...becomePhase(state, 'stopping', nowMs, answerMsMax), { do: 'take-log', pause: true }]
}

function neverEnds(state: SourceState): Fault {
  const expected = Math.round(state.expectedDowntimeMs ?? 0)
  const stays = isClone(state) ? 'there is no clone' : 'the VM stays where it is'
  return fault(
    'not-converging',
    `after ${state.rounds.length} rounds the downtime would still be ${expected} ms; ` +
      `${stays}. Allow a longer downtime (downtimeMsMax), another way out ` +
      '(whenStuck: throttle or post-copy), or migrate when it writes less.',
  )
}

export function recordRound(state: SourceState, dirtyPages: number, nowMs: number): void {
  const { pages, zeroPages, bytes } = state.sent
  const ms = nowMs - state.roundStartedAtMs
  state.rounds.push({ round: state.round, pages, zeroPages, bytes, ms, dirtyPages })
}
