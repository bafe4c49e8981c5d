// The source end of a migration or clone, as a step machine: step(state, input) → effects. See
// protocol.ts for the conversation. It owns the decision when the VM stops here, and the one line
// after which it may not run here again. Not here: sockets, threads, pages (source-run.ts carries
// effects out and feeds their results back).
// Law: whatever comes in whatever order, the VM runs here, or it was released, or it was lost by no
// fault of ours; and the command is answered once. Times in ms. Source: Clark et al., NSDI 2005,
// §3.2 (stages of a migration).

import { type Fault, fault } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import type { DestinationMessage, MigrationRecord } from '#proto/messages.ts'
import { answerFullMsMax, answerMsMax, appliedMsMax } from './protocol.ts'
import {
  assertSource,
  becomePhase,
  isPaused,
  isReleased,
  type RoundSent,
  type SourceEffect,
  type SourceInput,
  type SourceState,
} from './source-state.ts'
import { decideAfterRound } from './stop-rule.ts'

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
      return offer(state, input.nowMs)
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
    case 'woken':
      return wake(state, input.nowMs)
    case 'cancel':
      return cancel(state, input)
    case 'settled':
      return settle(state, input.verdict, input.nowMs)
  }
}

function offer(state: SourceState, nowMs: number): SourceEffect[] {
  if (state.phase !== 'connecting') return []
  return [
    ...becomePhase(state, 'offering', nowMs, answerMsMax),
    { do: 'send', message: state.plan.offer },
  ]
}

function hear(state: SourceState, message: DestinationMessage, nowMs: number): SourceEffect[] {
  const { phase } = state
  if (message.t === 'welcome') return []
  if (message.t === 'refused') return giveUp(state, message.fault, nowMs, false)
  if (message.migrationId !== state.plan.migrationId) return unexpected(state, message.t, nowMs)
  if (message.t === 'accept' && phase === 'offering') return copy(state, 'all', nowMs)
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
  const decision = decideAfterRound(state.rounds, state.plan.params)
  state.expectedDowntimeMs = decision.expectedDowntimeMs
  const told = { ...progress(state, state.pagesOfRound, state.bytes) }
  const effects = afterRound(state, decision.verdict, log, nowMs)
  const round = state.rounds.at(-1)
  return [{ ...told, message: { ...told.message, ...(round ? { round } : {}) } }, ...effects]
}

function afterRound(
  state: SourceState,
  verdict: 'again' | 'stop' | 'give-up',
  log: { readonly bitmap: Uint8Array; readonly pages: number },
  nowMs: number,
): SourceEffect[] {
  if (verdict === 'give-up') return giveUp(state, neverEnds(state), nowMs, false)
  state.round += 1
  state.pagesOfRound = log.pages
  if (verdict === 'again') return copy(state, log.bitmap, nowMs)
  state.left = log.bitmap
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
      'the VM stays where it is. Allow a longer downtime (downtimeMsMax), or migrate when it writes less.',
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
  const bitmap = state.left.map((byte, at) => byte | (log.bitmap[at] ?? 0))
  state.left = new Uint8Array(0)
  state.roundStartedAtMs = nowMs
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
        ...(last.ramHash === undefined ? {} : { ramHash: last.ramHash }),
        pausedMs,
      },
    },
  ]
  if (isClone(state)) effects.push(letParentGoOn(state))
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

function succeed(state: SourceState, nowMs: number): SourceEffect[] {
  if (!isClone(state)) state.downtimeMs = nowMs - state.stoppedAtMs
  const record = recordOf(state, nowMs)
  const { commandId } = state.plan
  becomePhase(state, 'ended', nowMs, forEver)
  return [
    ...(isClone(state) ? [] : [{ do: 'destroy' } as const]),
    { do: 'answer', commandId, record },
    { do: 'end', reason: 'done' },
  ]
}

/**
 * Something went wrong. Before the release the VM goes on here; after it, only the coordinator
 * knows better.
 */
function giveUp(
  state: SourceState,
  value: Fault,
  nowMs: number,
  vmIsGone: boolean,
): SourceEffect[] {
  if (state.phase === 'in-doubt') return []
  if (isReleased(state)) return doubt(state, value, nowMs)
  const { migrationId, commandId } = state.plan
  const resume: SourceEffect[] = isPaused(state) && !vmIsGone ? [{ do: 'resume' }] : []
  state.pausedAtMs = undefined
  const record = recordOf(state, nowMs)
  becomePhase(state, 'ended', nowMs, forEver)
  return [
    ...resume,
    { do: 'send', message: { t: 'abort', migrationId, fault: value } },
    { do: 'answer', commandId, fault: value, record },
    { do: 'end', reason: value.code },
  ]
}

function doubt(state: SourceState, value: Fault, nowMs: number): SourceEffect[] {
  becomePhase(state, 'in-doubt', nowMs, forEver)
  return [
    { do: 'doubt' },
    { do: 'progress', message: { ...progress(state, 0, state.bytes).message, phase: 'resolving' } },
    { do: 'end', reason: value.code },
  ]
}

function wake(state: SourceState, nowMs: number): SourceEffect[] {
  if (nowMs < state.deadlineMs) return []
  const value = fault(
    'timed-out',
    `the migration waited too long while ${state.phase}; ` +
      `is node ${state.plan.destination.nodeId} busy or cut off?`,
  )
  return giveUp(state, value, nowMs, false)
}

function cancel(state: SourceState, input: Extract<SourceInput, { on: 'cancel' }>): SourceEffect[] {
  const { commandId } = input
  if (isReleased(state)) return commandId === undefined ? [] : [tooLate(commandId)]
  const effects = giveUp(state, input.fault, input.nowMs, false)
  return commandId === undefined ? effects : [...effects, { do: 'answer', commandId }]
}

function afterTheEnd(input: SourceInput): SourceEffect[] {
  return input.on === 'cancel' && input.commandId !== undefined ? [tooLate(input.commandId)] : []
}

const tooLate = (commandId: NonNullable<Extract<SourceInput, { on: 'cancel' }>['commandId']>) =>
  ({
    do: 'answer',
    commandId,
    fault: fault('wrong-state', 'too late to cancel: the VM has left; migrate it back instead'),
  }) as const

/** The coordinator has decided where a released VM runs, and its verdict was carried out. */
function settle(
  state: SourceState,
  verdict: 'runs-here' | 'runs-there',
  nowMs: number,
): SourceEffect[] {
  if (!isReleased(state)) return []
  state.downtimeMs = nowMs - state.stoppedAtMs
  const record = recordOf(state, nowMs)
  const { commandId } = state.plan
  becomePhase(state, 'ended', nowMs, forEver)
  const answer: SourceEffect =
    verdict === 'runs-there'
      ? { do: 'answer', commandId, record }
      : { do: 'answer', commandId, record, fault: lost(state, 'the coordinator kept the VM here') }
  return [answer, { do: 'end', reason: 'settled' }]
}

function recordOf(state: SourceState, nowMs: number): MigrationRecord {
  const { rounds, bytes, pages, zeroPages, downtimeMs, hash } = state
  const totalMs = nowMs - state.startedAtMs
  return { rounds: [...rounds], bytes, pages, zeroPages, totalMs, downtimeMs, hash }
}

function progress(
  state: SourceState,
  sentPages: number,
  bytes: number,
): Extract<SourceEffect, { do: 'progress' }> {
  const { pagesOfRound, expectedDowntimeMs } = state
  return {
    do: 'progress',
    message: {
      t: 'migration-progress',
      migrationId: state.plan.migrationId,
      phase: isPaused(state) ? 'switching' : 'copying',
      sentPages,
      pagesOfRound,
      bytes,
      ...(expectedDowntimeMs === undefined ? {} : { expectedDowntimeMs }),
    },
  }
}

const isClone = (state: SourceState): boolean => state.plan.offer.purpose === 'clone'

function lost(state: SourceState, reason: string): Fault {
  invariant(state.plan.destination.nodeId !== '', 'a migration goes somewhere')
  return fault(
    'link-lost',
    `the link to node ${state.plan.destination.nodeId} ended: ${reason}. ` +
      'Migrate again when it is back.',
  )
}
