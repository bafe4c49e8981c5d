// The source end of a migration or clone, as a step machine: step(state, input) → effects. See
// protocol.ts for the conversation. It owns the decision when the VM stops here, and the one line
// after which it may not run here again. Not here: its rounds (source-rounds.ts), how it ends
// (source-end.ts), post-copy after the switchover (source-serving.ts), sockets, threads, pages
// (source-run.ts carries effects out and feeds their results back).
// Law: whatever comes in whatever order, the VM runs here, or it was released, or it was lost by no
// fault of ours; and the command is answered once. Times in ms. Source: Clark et al., NSDI 2005,
// §3.2 (stages of a migration).

import { unionOf } from '#engine/memory/page-bitmap.ts'
import { type Fault, fault } from '#proto/faults.ts'
import {
  type Accept,
  type DestinationMessage,
  mayPostCopy,
  type Prepared,
} from '#proto/messages.ts'
import { answerFullMsMax, answerMsMax } from './protocol.ts'
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
import {
  beginRounds,
  countSent,
  endRound,
  lookAtLog,
  pagesNamed,
  recordRound,
  seeRound,
} from './source-rounds.ts'
import { hearServing, reconnected, seeComparison, seeServed } from './source-serving.ts'
import {
  assertSource,
  becomePhase,
  isClone,
  isLazyClone,
  isPaused,
  isPromised,
  isReleased,
  type SourceEffect,
  type SourceInput,
  type SourceState,
} from './source-state.ts'

/** The first effects of a new source. */
export function beginSource(state: SourceState, nowMs = state.startedAtMs): SourceEffect[] {
  state.deadlineMs = nowMs + answerMsMax
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
      return isReleased(state) || isPromised(state) ? reconnected(state) : offer(state, input)
    case 'message':
      return hear(state, input.message, input.nowMs)
    case 'sending':
      return sending(state, input)
    case 'round-sent':
      return endRound(state, input.sent, input.nowMs)
    case 'log-taken':
      return state.phase === 'stopping'
        ? finish(state, input, input.nowMs)
        : seeRound(state, input, input.nowMs)
    case 'last-sent':
      return sendFinal(state, input)
    case 'link-failed':
    case 'failed':
    case 'vm-lost':
      return giveUp(state, input.fault, input.nowMs, input.on === 'vm-lost')
    case 'link-closed':
      return giveUp(state, lost(state, input.reason), input.nowMs, false)
    case 'forked':
      return sendForked(state, input)
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

function sending(state: SourceState, { pages, bytes }: SourceInput & { on: 'sending' }) {
  state.sendingBytes = bytes
  return [progress(state, pages, state.bytes + bytes)]
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
  const { traceparent: _, ...plain } = state.plan.offer
  const message = state.isModern ? { ...state.plan.offer, ...(machine && { machine }) } : plain
  return [...becomePhase(state, 'offering', nowMs, answerMsMax), { do: 'send', message }]
}

const tooOld = ({ plan }: SourceState): Fault =>
  fault(
    'version-mismatch',
    `node ${plan.destination.nodeId} is too old for post-copy: update it, or use mode pre-copy`,
  )

function hear(state: SourceState, message: DestinationMessage, nowMs: number): SourceEffect[] {
  const { phase } = state
  if (message.t === 'welcome') return []
  if ((isReleased(state) || isPromised(state)) && state.missing) {
    const effects = hearServing(state, message, nowMs)
    if (effects) return effects
  }
  if (message.t === 'refused') return giveUp(state, message.fault, nowMs, false)
  if (message.migrationId !== state.plan.migrationId) return unexpected(state, message.t, nowMs)
  if (message.t === 'accept' && phase === 'offering') return accepted(state, message, nowMs)
  if (message.t === 'refuse' && phase === 'offering')
    return giveUp(state, message.fault, nowMs, false)
  if (message.t === 'abort') return giveUp(state, message.fault, nowMs, false)
  if (message.t === 'round-applied' && phase === 'applying' && message.round === state.round)
    return applied(state, message, nowMs)
  if (message.t === 'prepared' && phase === 'proving' && !state.prepared)
    return handOver(state, message, nowMs)
  if (message.t === 'running' && (phase === 'released' || state.prepared))
    return succeed(state, nowMs)
  return unexpected(state, message.t, nowMs)
}

function accepted(state: SourceState, { hasDonor }: Accept, nowMs: number): SourceEffect[] {
  state.hasDonor = hasDonor === true
  if (!isLazyClone(state)) return beginRounds(state, nowMs)
  state.stoppedAtMs = nowMs
  return [...becomePhase(state, 'forking', nowMs, answerFullMsMax), { do: 'fork' }]
}

/** The parent goes on: nothing that it does from now on is the clone's. */
function sendForked(
  state: SourceState,
  forked: Extract<SourceInput, { on: 'forked' }>,
): SourceEffect[] {
  if (state.phase !== 'forking') return []
  const { sent, sections, hash, missing, pausedMs, agoMs, nowMs } = forked
  countSent(state, sent)
  // Of one that stood still before that: as long as it does.
  const stood = isPaused(state) ? nowMs - state.stoppedAtMs : undefined
  Object.assign(state, { hash, missing, downtimeMs: stood ?? pausedMs })
  const goOn: SourceEffect[] = stood === undefined ? [] : [...unthrottled(state), { do: 'resume' }]
  state.pausedAtMs = undefined
  const { migrationId } = state.plan
  const { frames } = sent
  const about = { migrationId, round: state.round, frames, hash, missing: new Uint8Array(missing) }
  return [
    {
      do: 'send',
      message: { t: 'final', ...about, sections: [...sections], pausedMs: stood ?? agoMs },
    },
    ...goOn,
    // It starts by itself when it is proven, and needs pages then, whatever we have heard of it.
    ...becomePhase(state, 'promised', nowMs, answerFullMsMax),
  ]
}

function applied(
  state: SourceState,
  { lacking }: Extract<DestinationMessage, { t: 'round-applied' }>,
  nowMs: number,
): SourceEffect[] {
  state.lacking = lacking
  const { pageCount } = state.plan.offer
  const forget: SourceEffect[] = lacking
    ? [{ do: 'forget', pages: pagesNamed(lacking, pageCount) }]
    : []
  return [...forget, ...lookAtLog(state, nowMs)]
}

const unexpected = (state: SourceState, t: string, nowMs: number): SourceEffect[] =>
  giveUp(
    state,
    fault('bad-message', `the destination said ${t} to a source that is ${state.phase}`),
    nowMs,
    false,
  )

function finish(
  state: SourceState,
  log: Extract<SourceInput, { on: 'log-taken' }>,
  nowMs: number,
): SourceEffect[] {
  state.marks.pausedMs = nowMs
  state.stoppedAtMs = log.stoppedAtMs ?? state.stoppedAtMs
  state.guestMips = log.guestMips
  const left = unionOf(state.left, log.bitmap)
  state.left = new Uint8Array(0)
  state.roundStartedAtMs = nowMs
  if (state.missing) state.missing = left
  if (state.missing && isClone(state))
    return [...becomePhase(state, 'forking', nowMs, answerFullMsMax), { do: 'fork', missing: left }]
  const bitmap = state.missing ? new Uint8Array(left.length) : left
  return [
    // As for a round: the sender gives up by itself when the link stands still.
    ...becomePhase(state, 'finishing', nowMs, Number.POSITIVE_INFINITY),
    { do: 'finish', round: state.round, bitmap },
    progress(state, 0, state.bytes),
  ]
}

function sendFinal(
  state: SourceState,
  last: Extract<SourceInput, { on: 'last-sent' }>,
): SourceEffect[] {
  if (state.phase !== 'finishing') return []
  countSent(state, last.sent)
  recordRound(state, 0, last.nowMs)
  state.hash = last.hash
  state.marks.sentMs = last.nowMs
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

function handOver(
  state: SourceState,
  { hash, stateMs = 0, verificationMs = 0 }: Prepared,
  nowMs: number,
): SourceEffect[] {
  Object.assign(state.marks, { preparedMs: nowMs, stateMs, verificationMs })
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
