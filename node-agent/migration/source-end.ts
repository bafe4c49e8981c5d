// How the source end of a migration or clone comes to its end: well, by a fault, by the
// coordinator's word; and the doubt in between. Part of the step machine of source.ts.
// Times in ms.

import { type Fault, fault, faultOf } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import type { MigrationRecord } from '#proto/messages.ts'
import { pagesLostMsMax } from './protocol.ts'
import { gone } from './source-serving.ts'
import {
  becomePhase,
  fullPercentOf,
  isClone,
  isPaused,
  isPromised,
  isReleased,
  type SourceEffect,
  type SourceInput,
  type SourceState,
} from './source-state.ts'

const forEver = Number.POSITIVE_INFINITY
/** A link that broke in post-copy is tried again so soon, and as long as it takes. */
const reconnectMs = 500

/** The VM runs at the destination, with all of its pages. */
export function succeed(state: SourceState, nowMs: number): SourceEffect[] {
  if (!isClone(state) && state.missing === undefined) state.downtimeMs = nowMs - state.stoppedAtMs
  const record = recordOf(state, nowMs)
  const { commandId } = state.plan
  becomePhase(state, 'ended', nowMs, forEver)
  return [
    ...(isClone(state) ? unthrottled(state) : [{ do: 'destroy' } as const]),
    { do: 'answer', commandId, record },
    { do: 'end', reason: 'done' },
  ]
}

/**
 * Something went wrong. Before the release the VM goes on here; after it, only the coordinator
 * knows better.
 */
export function giveUp(
  state: SourceState,
  value: Fault,
  nowMs: number,
  vmIsGone: boolean,
): SourceEffect[] {
  if (isPromised(state)) return vmIsGone ? [] : keepPromise(state, value, nowMs)
  if (state.phase === 'in-doubt' || state.phase === 'serving') return tryAgain(state)
  if (isReleased(state)) return doubt(state, value, nowMs)
  const { migrationId, commandId } = state.plan
  const resume: SourceEffect[] = isPaused(state) && !vmIsGone ? [{ do: 'resume' }] : []
  const free = vmIsGone ? [] : unthrottled(state)
  state.pausedAtMs = undefined
  const record = recordOf(state, nowMs)
  becomePhase(state, 'ended', nowMs, forEver)
  return [
    ...free,
    ...resume,
    { do: 'send', message: { t: 'abort', migrationId, fault: value } },
    { do: 'answer', commandId, fault: value, record },
    { do: 'end', reason: value.code },
  ]
}

/**
 * A clone over there needs pages from here, as long as there is one: who has not heard of us for so
 * long has given it up.
 */
function keepPromise(state: SourceState, value: Fault, nowMs: number): SourceEffect[] {
  state.unlinkedSinceMs ??= nowMs
  if (nowMs - state.unlinkedSinceMs <= pagesLostMsMax) return tryAgain(state)
  return gone(state, value, nowMs)
}

/** Of what cannot run without pages from here, the link is made anew, as often as it breaks. */
function tryAgain(state: SourceState): SourceEffect[] {
  if (state.missing === undefined) return []
  const { address } = state.plan.destination
  return [{ do: 'reconnect', address, afterMs: reconnectMs }]
}

function doubt(state: SourceState, value: Fault, nowMs: number): SourceEffect[] {
  becomePhase(state, 'in-doubt', nowMs, forEver)
  state.doubtedFor = value
  const told = progress(state, 0, state.bytes)
  return [
    { do: 'doubt' },
    { ...told, message: { ...told.message, phase: 'resolving' } },
    ...(state.missing ? tryAgain(state) : [{ do: 'end', reason: value.code } as const]),
  ]
}

export function wake(state: SourceState, nowMs: number): SourceEffect[] {
  if (nowMs < state.deadlineMs) return []
  const value = fault(
    'timed-out',
    `the migration waited too long while ${state.phase}; ` +
      `is node ${state.plan.destination.nodeId} busy or cut off?`,
  )
  return giveUp(state, value, nowMs, false)
}

export function cancel(
  state: SourceState,
  input: Extract<SourceInput, { on: 'cancel' }>,
): SourceEffect[] {
  const { commandId } = input
  if (isReleased(state) || isPromised(state))
    return commandId === undefined ? [] : [tooLate(commandId)]
  const effects = giveUp(state, input.fault, input.nowMs, false)
  return commandId === undefined ? effects : [...effects, { do: 'answer', commandId }]
}

/** No more rounds: what is left will be fetched. */
export function hasten(
  state: SourceState,
  { commandId }: Extract<SourceInput, { on: 'post-copy' }>,
): SourceEffect[] {
  const refused = cannotHasten(state)
  if (refused) return [{ do: 'answer', commandId, fault: refused }]
  state.isInHaste = true
  const cut: SourceEffect[] = state.phase === 'copying' ? [{ do: 'cut-round' }] : []
  return [...cut, { do: 'answer', commandId }]
}

function cannotHasten(state: SourceState): Fault | undefined {
  if (isClone(state)) return fault('wrong-state', 'clones do not take over from their parent')
  if (isPaused(state)) return fault('wrong-state', 'it is switching over already')
  if (state.isModern) return undefined
  return fault('version-mismatch', 'the destination is too old for post-copy: update it')
}

export function afterTheEnd(input: SourceInput): SourceEffect[] {
  const isAsked = input.on === 'cancel' || input.on === 'post-copy'
  return isAsked && input.commandId !== undefined ? [tooLate(input.commandId)] : []
}

const tooLate = (commandId: NonNullable<Extract<SourceInput, { on: 'cancel' }>['commandId']>) =>
  ({
    do: 'answer',
    commandId,
    fault: fault('wrong-state', 'too late to cancel: the VM has left; migrate it back instead'),
  }) as const

/** The coordinator has decided where a released VM runs, and its verdict was carried out. */
export function settle(
  state: SourceState,
  verdict: 'runs-here' | 'runs-there',
  nowMs: number,
): SourceEffect[] {
  if (!isReleased(state)) return []
  if (state.phase !== 'serving') state.downtimeMs = nowMs - state.stoppedAtMs
  const record = recordOf(state, nowMs)
  const { commandId } = state.plan
  becomePhase(state, 'ended', nowMs, forEver)
  const answer: SourceEffect =
    verdict === 'runs-there'
      ? { do: 'answer', commandId, record }
      : { do: 'answer', commandId, record, fault: keptHere(state) }
  const free = verdict === 'runs-here' ? unthrottled(state) : []
  return [...free, answer, { do: 'end', reason: 'settled' }]
}

/** Not the link's fault where the destination has said why it could not. */
function keptHere(state: SourceState): Fault {
  const { doubtedFor, plan } = state
  if (!doubtedFor || doubtedFor.code === 'link-lost')
    return lost(state, 'the coordinator kept the VM here')
  const { nodeId } = plan.destination
  const text = `node ${nodeId} did not start it: ${doubtedFor.message}. The VM goes on here.`
  return fault(doubtedFor.code, text)
}

/** Where the VM goes on here, it has what it had before. */
export function unthrottled(state: SourceState): SourceEffect[] {
  const percent = fullPercentOf(state)
  return state.percent === percent ? [] : [{ do: 'throttle', percent }]
}

export function recordOf(state: SourceState, nowMs: number): MigrationRecord {
  const { rounds, pages, zeroPages, byEncoding, downtimeMs, hash, percent } = state
  // Where it ended in the middle of a round, that has cost the link something too.
  const bytes = state.bytes + state.sendingBytes
  const totalMs = nowMs - state.startedAtMs
  const isThrottled = unthrottled(state).length > 0
  return {
    ...{ rounds: [...rounds], bytes, pages, zeroPages, byEncoding: { ...byEncoding } },
    ...{ totalMs, downtimeMs, ...downtimeOf(state), hash },
    ...(state.guestMips ? { guestMips: state.guestMips } : {}),
    ...(isThrottled ? { throttledToPercent: percent } : {}),
    ...(state.served.whole ? { postCopy: postCopyOf(state, nowMs) } : {}),
  }
}

/** Of a migration that has come to its switchover. */
function downtimeOf({ marks, stoppedAtMs, downtimeMs }: SourceState): Partial<MigrationRecord> {
  const { pausedMs, sentMs, preparedMs, stateMs = 0, verificationMs = 0 } = marks
  if (pausedMs === undefined || sentMs === undefined || preparedMs === undefined) return {}
  const resumeMs = Math.max(0, stoppedAtMs + downtimeMs - preparedMs)
  const onTheWayMs = Math.max(0, preparedMs - sentMs - stateMs - verificationMs)
  const [pauseMs, lastRoundMs] = [pausedMs - stoppedAtMs, sentMs - pausedMs]
  return { downtime: { pauseMs, lastRoundMs, stateMs, verificationMs, resumeMs, onTheWayMs } }
}

function postCopyOf({ served }: SourceState, nowMs: number) {
  const { pages, zeroPages, bytes, reconnections, sinceMs, whole } = served
  invariant(whole, 'what is recorded has ended')
  const { faults, waitMsMedian, waitMsP99, waitMsMax } = whole
  const waits = { faults, waitMsMedian, waitMsP99, waitMsMax }
  return { pages, zeroPages, bytes, ms: nowMs - sinceMs, reconnections, ...waits }
}

export function progress(
  state: SourceState,
  sentPages: number,
  bytes: number,
): Extract<SourceEffect, { do: 'progress' }> {
  const { pagesOfRound, expectedDowntimeMs, phase } = state
  return {
    do: 'progress',
    message: {
      t: 'migration-progress',
      migrationId: state.plan.migrationId,
      phase: phase === 'serving' ? 'paging' : isPaused(state) ? 'switching' : 'copying',
      ...{ sentPages, pagesOfRound, bytes },
      ...(expectedDowntimeMs === undefined ? {} : { expectedDowntimeMs }),
    },
  }
}

export function lost(state: SourceState, reason: string): Fault {
  invariant(state.plan.destination.nodeId !== '', 'a migration goes somewhere')
  return fault(
    'link-lost',
    `the link to node ${state.plan.destination.nodeId} ended: ${reason}. ` +
      'Migrate again when it is back.',
  )
}

export const unreachable = (address: string, thrown: unknown): Fault =>
  fault(
    'link-lost',
    `the destination at ${address} does not answer: ${faultOf(thrown).message}. ` +
      'Is its peer port reachable?',
  )
