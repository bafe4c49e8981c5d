// The source end of a migration or clone, as a step machine: step(state, input) → effects. See
// protocol.ts for the conversation. It owns the decision when the VM stops here, and the one line
// after which it may not run here again. Not here: how it ends (source-end.ts), post-copy after the
// switchover (source-serving.ts), sockets, threads, pages (source-run.ts carries effects out and
// feeds their results back).
// Law: whatever comes in whatever order, the VM runs here, or it was released, or it was lost by no
// fault of ours; and the command is answered once. Times in ms. Source: Clark et al., NSDI 2005,
// §3.2 (stages of a migration).

import { type Fault, fault } from '#proto/faults.ts'
import { type DestinationMessage, mayPostCopy, type RoundRecord } from '#proto/messages.ts'
import { decideAfterRound, type StopDecision } from '#proto/pre-copy/stop-rule.ts'
import { patienceOf, type Remedy, remedyFor } from '#proto/pre-copy/stuck.ts'
import { pageBytes } from '#proto/units.ts'
import { answerFullMsMax, answerMsMax, appliedMsMax } from './protocol.ts'
import {
  afterTheEnd,
  cancel,
  giveUp,
  hasten,
  lost,
  progress,
  settle,
  succeed,
  unthrottled,
  wake,
} from './source-end.ts'
import { hearServing, reconnected, seeComparison, seeServed } from './source-serving.ts'
import {
  addEncoded,
  assertSource,
  becomePhase,
  isClone,
  isReleased,
  type RoundSent,
  type SourceEffect,
  type SourceInput,
  type SourceState,
} from './source-state.ts'

const forEver = Number.POSITIVE_INFINITY

/** The first effects of a new source. */
export function beginSource(state: SourceState): SourceEffect[] {
  state.deadlineMs = state.startedAtMs + answerMsMax
  return [
    { do: 'connect', address: state.plan.destination.address },
    { do: 'wake-at', atMs: state.deadlineMs },
  ]
}

/**
 * Changes `state` and says what is to be done. After the end every input but a late cancel is
 * ignored.
 */
export function stepSource(state: SourceState, input: SourceInput): SourceEffect[] {
  const effects = state.phase === 'ended' ? afterTheEnd(input) : dispatch(state, input)
  assertSource(state)
  return effects
}

function dispatch(state: SourceState, input: SourceInput): SourceEffect[] {
  switch (input.on) {
    case 'linked':
      return isReleased(state) ? reconnected(state) : offer(state, input)
    case 'message':
      return hear(state, input.message, input.nowMs)
    case 'sending':
      return [progress(state, input.pages, state.bytes + input.bytes)]
    case 'round-sent':
      return endRound(state, input.sent, input.nowMs)
    case 'log-taken':
      return seeLog(state, input, input.nowMs)
    case 'last-sent':
      return sendFinal(state, input)
    case 'link-failed':
    case 'failed':
    case 'vm-lost':
      return giveUp(state, input.fault, input.nowMs, input.on === 'vm-lost')
    case 'link-closed':
      return giveUp(state, lost(state, input.reason), input.nowMs, false)
    case 'resumed':
      return parentGoesOn(state, input.nowMs)
    case 'served':
      return seeServed(state, input.sent)
    case 'compared':
      return seeComparison(state, input.isEqual, input.nowMs)
    case 'woken':
      return wake(state, input.nowMs)
    case 'cancel':
      return cancel(state, input)
    case 'post-copy':
      return hasten(state, input)
    case 'settled':
      return settle(state, input.verdict, input.nowMs)
  }
}

/** Since version 2 a destination can fetch pages, and unpack them. */
const modernVersion = 2

function offer(
  state: SourceState,
  { protocolVersion, machine, nowMs }: Extract<SourceInput, { on: 'linked' }>,
): SourceEffect[] {
  if (state.phase !== 'connecting') return []
  if (protocolVersion < modernVersion && mayPostCopy(state.plan.params))
    return giveUp(state, tooOld(state), nowMs, false)
  state.isModern = protocolVersion >= modernVersion
  return [
    ...becomePhase(state, 'offering', nowMs, answerMsMax),
    {
      do: 'send',
      message: { ...state.plan.offer, ...(machine && state.isModern ? { machine } : {}) },
    },
  ]
}

const tooOld = ({ plan }: SourceState): Fault =>
  fault(
    'version-mismatch',
    `node ${plan.destination.nodeId} is too old for post-copy: update it, or use mode pre-copy`,
  )

function hear(state: SourceState, message: DestinationMessage, nowMs: number): SourceEffect[] {
  const { phase } = state
  if (message.t === 'welcome') return []
  if (isReleased(state) && state.missing) {
    const effects = hearServing(state, message, nowMs)
    if (effects) return effects
  }
  if (message.t === 'refused') return giveUp(state, message.fault, nowMs, false)
  if (message.migrationId !== state.plan.migrationId) return unexpected(state, message.t, nowMs)
  if (message.t === 'accept' && phase === 'offering') return begin(state, nowMs)
  if (message.t === 'refuse' && phase === 'offering')
    return giveUp(state, message.fault, nowMs, false)
  if (message.t === 'abort') return giveUp(state, message.fault, nowMs, false)
  if (message.t === 'round-applied' && phase === 'applying' && message.round === state.round)
    return lookAtLog(state, nowMs)
  if (message.t === 'prepared' && phase === 'proving' && !state.prepared)
    return handOver(state, message.hash, nowMs)
  if (message.t === 'running' && (phase === 'released' || state.prepared))
    return succeed(state, nowMs)
  return unexpected(state, message.t, nowMs)
}

const unexpected = (state: SourceState, t: string, nowMs: number): SourceEffect[] =>
  giveUp(
    state,
    fault('bad-message', `the destination said ${t} to a source that is ${state.phase}`),
    nowMs,
    false,
  )

function begin(state: SourceState, nowMs: number): SourceEffect[] {
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

function endRound(state: SourceState, sent: RoundSent, nowMs: number): SourceEffect[] {
  if (state.phase !== 'copying') return []
  count(state, sent)
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

function count(state: SourceState, sent: RoundSent): void {
  state.sent = sent
  state.bytes += sent.bytes
  state.pages += sent.pages
  state.zeroPages += sent.zeroPages
  addEncoded(state.byEncoding, sent.byEncoding ?? {})
}

const lookAtLog = (state: SourceState, nowMs: number): SourceEffect[] => [
  ...becomePhase(state, 'looking', nowMs, answerMsMax),
  { do: 'take-log', pause: false },
]

function seeLog(
  state: SourceState,
  log: { readonly bitmap: Uint8Array; readonly pages: number },
  nowMs: number,
): SourceEffect[] {
  if (state.phase === 'stopping') return finish(state, log, nowMs)
  if (state.phase !== 'looking') return []
  recordRound(state, log.pages, nowMs)
  const decision = decide(state)
  state.expectedDowntimeMs = decision.expectedDowntimeMs
  const told = { ...progress(state, state.pagesOfRound, state.bytes) }
  const effects = afterRound(state, decision, log, nowMs)
  const round = state.rounds.at(-1)
  return [{ ...told, message: { ...told.message, ...(round ? { round } : {}) } }, ...effects]
}

function decide({ rounds, plan: { params }, limitFactor, sinceRound }: SourceState): StopDecision {
  const { roundsMax } = params
  const downtimeMsMax = params.downtimeMsMax * limitFactor
  const patienceRounds = patienceOf(params)
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
  const { downtimeMsMax, roundsMax, whenStuck: policy } = params
  const stuck = { policy, downtimeMsMax, roundsMax, expectedDowntimeMs }
  return mend(state, remedyFor({ ...stuck, rounds, percent, limitFactor }), log, nowMs)
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
      state.sinceRound = state.rounds.length
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
  const missing = unsent ? log.bitmap.map((byte, at) => byte | (unsent[at] ?? 0)) : log.bitmap
  state.missing = missing
  return nextRound(state, { ...log, bitmap: missing }, nowMs, 'stop')
}

function stop(state: SourceState, left: Uint8Array, nowMs: number): SourceEffect[] {
  state.left = left
  // Downtime is counted from the order to pause, not from its answer: the upper bound.
  state.pausedAtMs = nowMs
  state.stoppedAtMs = nowMs
  return [...becomePhase(state, 'stopping', nowMs, answerMsMax), { do: 'take-log', pause: true }]
}

function neverEnds(state: SourceState): Fault {
  const expected = Math.round(state.expectedDowntimeMs ?? 0)
  return fault(
    'not-converging',
    `after ${state.rounds.length} rounds the downtime would still be ${expected} ms; ` +
      'the VM stays where it is. Allow a longer downtime (downtimeMsMax), another way out ' +
      '(whenStuck: throttle or post-copy), or migrate when it writes less.',
  )
}

function recordRound(state: SourceState, dirtyPages: number, nowMs: number): void {
  const { pages, zeroPages, bytes } = state.sent
  const ms = nowMs - state.roundStartedAtMs
  state.rounds.push({ round: state.round, pages, zeroPages, bytes, ms, dirtyPages })
}

function finish(
  state: SourceState,
  log: { readonly bitmap: Uint8Array },
  nowMs: number,
): SourceEffect[] {
  const left = state.left.map((byte, at) => byte | (log.bitmap[at] ?? 0))
  state.left = new Uint8Array(0)
  state.roundStartedAtMs = nowMs
  if (state.missing) state.missing = left
  const bitmap = state.missing ? new Uint8Array(left.length) : left
  return [
    ...becomePhase(state, 'finishing', nowMs, answerFullMsMax),
    { do: 'finish', round: state.round, bitmap },
    progress(state, 0, state.bytes),
  ]
}

function sendFinal(
  state: SourceState,
  last: Extract<SourceInput, { on: 'last-sent' }>,
): SourceEffect[] {
  if (state.phase !== 'finishing') return []
  count(state, last.sent)
  recordRound(state, 0, last.nowMs)
  state.hash = last.hash
  const pausedMs = last.nowMs - state.stoppedAtMs
  const effects: SourceEffect[] = [
    {
      do: 'send',
      message: {
        t: 'final',
        migrationId: state.plan.migrationId,
        round: state.round,
        frames: last.sent.frames,
        sections: [...last.sections],
        hash: last.hash,
        ...(last.ramHash === undefined || state.missing ? {} : { ramHash: last.ramHash }),
        ...(state.missing ? { missing: new Uint8Array(state.missing) } : {}),
        pausedMs,
      },
    },
  ]
  if (isClone(state)) effects.push(...unthrottled(state), letParentGoOn(state))
  const waitMs = state.plan.params.verify === 'full' ? answerFullMsMax : answerMsMax
  return [...effects, ...becomePhase(state, 'proving', last.nowMs, waitMs)]
}

/** A clone's parent owes nobody anything once its last page is staged. */
function letParentGoOn(state: SourceState): SourceEffect {
  state.pausedAtMs = undefined
  const disk = state.plan.parentDisk
  return { do: 'resume', ...(disk ? { disk } : {}) }
}

function parentGoesOn(state: SourceState, nowMs: number): SourceEffect[] {
  if (isClone(state)) state.downtimeMs = nowMs - state.stoppedAtMs
  return []
}

function handOver(state: SourceState, hash: string, nowMs: number): SourceEffect[] {
  const { migrationId } = state.plan
  if (hash !== state.hash)
    return giveUp(
      state,
      fault('hash-mismatch', `the copy differs: ${hash} there, ${state.hash} here; migrate again`),
      nowMs,
      false,
    )
  if (isClone(state)) {
    state.prepared = true
    state.deadlineMs = nowMs + answerMsMax
    return [{ do: 'wake-at', atMs: state.deadlineMs }]
  }
  const wait = becomePhase(state, 'released', nowMs, answerMsMax)
  // THE POINT OF NO RETURN: `release` gives up the epoch; nothing below may resume this copy, but a
  // new epoch.
  return [{ do: 'release' }, { do: 'send', message: { t: 'run', migrationId } }, ...wait]
}
