// The destination end of a migration or clone, as a step machine: step(state, input) → effects. See
// protocol.ts. Not here: pages (page-receiver.ts stores them before the message behind them is
// heard), whether there is room (desk.ts), sockets and threads (destination-run.ts).
// Laws: no instruction runs here before `run` (a migration) or before the hashes are equal (a
// clone); a copy that is not complete never stays, but one in post-copy, which its source
// completes; a complete one stays until `run`, `abort` or the coordinator's word. Times in ms.

import { type Fault, fault } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import type { Final, RoundEnd, SourceMessage, Whole } from '#proto/messages.ts'
import {
  become,
  type DestinationEffect,
  type DestinationInput,
  type DestinationState,
  newDestination,
} from './destination-state.ts'
import { type Offer, pagesLostMsMax, silenceMsMax } from './protocol.ts'

export type { DestinationEffect, DestinationInput, DestinationState } from './destination-state.ts'

/** A destination that has room and says so. */
export function beginDestination(
  offer: Offer,
  nowMs: number,
  hasDonor = false,
): { readonly state: DestinationState; readonly effects: DestinationEffect[] } {
  const state = newDestination(offer, nowMs)
  const { migrationId } = offer
  return {
    state,
    effects: [
      { do: 'send', message: { t: 'accept', migrationId, ...(hasDonor ? { hasDonor } : {}) } },
      { do: 'wake-at', atMs: state.deadlineMs },
    ],
  }
}

/** Changes `state` and says what is to be done. After the end every input is ignored. */
export function stepDestination(
  state: DestinationState,
  input: DestinationInput,
): DestinationEffect[] {
  if (state.phase === 'ended') return []
  const effects = dispatch(state, input)
  assertDestination(state)
  return effects
}

function dispatch(state: DestinationState, input: DestinationInput): DestinationEffect[] {
  switch (input.on) {
    case 'frame':
      return seeFrame(state, input.fault, input.nowMs)
    case 'message':
      return hear(state, input.message, input.nowMs)
    case 'joined':
      state.isStriped = true
      return []
    case 'restored':
      return compare(state, input)
    case 'started':
      return reportStart(state, input.fault)
    case 'failed':
      return abort(state, input.fault)
    case 'link-closed':
      return loseLink(state, input.reason, input.nowMs)
    case 'reconnected':
      return relink(state)
    case 'source-lost':
      return loseSource(state, input.fault)
    case 'whole':
      return tellWhole(state, input.message)
    case 'woken':
      return wake(state, input.nowMs)
    case 'settled':
      become(state, 'ended')
      return [{ do: 'close', reason: 'settled' }]
  }
}

function seeFrame(
  state: DestinationState,
  refused: Fault | undefined,
  nowMs: number,
): DestinationEffect[] {
  if (refused) return abort(state, refused)
  if (state.phase !== 'incoming') return abort(state, outOfPlace(state, 'a page frame'))
  state.frames += 1
  state.deadlineMs = nowMs + silenceMsMax
  const { held } = state
  if (!held || state.frames < held.frames) return []
  state.held = undefined
  return hear(state, held, nowMs)
}

/** Over several links a word may overtake the frames that it is about. */
function mustWait(state: DestinationState, message: RoundEnd | Final): boolean {
  const { isStriped, round, frames } = state
  return isStriped && message.round === round && frames < message.frames
}

function hold(state: DestinationState, message: RoundEnd | Final): DestinationEffect[] {
  if (state.held) return abort(state, outOfPlace(state, message.t))
  state.held = message
  return []
}

function hear(state: DestinationState, message: SourceMessage, nowMs: number): DestinationEffect[] {
  state.deadlineMs = nowMs + silenceMsMax
  const isGreeting = ['hello', 'offer', 'trunk'].includes(message.t)
  if (isGreeting || !('migrationId' in message) || !isOurs(state, message))
    // Nobody else has a VM that runs here: its link goes, and the source makes another one.
    return isRunning(state)
      ? [{ do: 'close', reason: 'bad-message' }]
      : abort(state, outOfPlace(state, message.t))
  if (isRunning(state)) return hearRunning(state, message)
  if (message.t === 'abort') return state.phase === 'starting' ? [] : discard(state, message.fault)
  if (state.phase === 'incoming' && (message.t === 'round-end' || message.t === 'final')) {
    if (mustWait(state, message)) return hold(state, message)
    return message.t === 'final' ? restore(state, message) : endRound(state, message)
  }
  if (message.t === 'run' && state.phase === 'prepared') return start(state)
  return abort(state, outOfPlace(state, message.t))
}

const isRunning = ({ phase }: DestinationState): boolean => phase === 'paging' || phase === 'whole'

/** `run` comes again where its first answer was lost. */
function hearRunning(state: DestinationState, message: SourceMessage): DestinationEffect[] {
  return message.t === 'abort' ? lose(state, message.fault) : []
}

const isOurs = (state: DestinationState, message: { readonly migrationId: string }): boolean =>
  message.migrationId === state.offer.migrationId

const outOfPlace = (state: DestinationState, what: string): Fault =>
  fault('bad-message', `${what} means nothing to a destination that is ${state.phase}`)

function endRound(
  state: DestinationState,
  end: { readonly round: number; readonly frames: number },
): DestinationEffect[] {
  const wrong = framesMissing(state, end)
  if (wrong) return abort(state, wrong)
  const { round } = state
  state.round += 1
  state.frames = 0
  const { migrationId } = state.offer
  return [{ do: 'send', message: { t: 'round-applied', migrationId, round } }]
}

function framesMissing(
  state: DestinationState,
  end: { readonly round: number; readonly frames: number },
): Fault | undefined {
  if (end.round === state.round && end.frames === state.frames) return undefined
  return fault(
    'bad-frame',
    `round ${end.round} was to have ${end.frames} frames; ` +
      `${state.frames} of round ${state.round} came. Migrate again.`,
  )
}

function restore(state: DestinationState, final: Final): DestinationEffect[] {
  const wrong = framesMissing(state, final)
  if (wrong) return abort(state, wrong)
  const { missing } = final
  const full = state.offer.verify === 'full' && missing === undefined
  if (missing && missing.length * 8 !== state.offer.pageCount)
    return abort(state, fault('bad-message', 'the list of missing pages does not fit the RAM'))
  if (full && final.ramHash === undefined)
    return abort(state, fault('bad-message', 'verify full needs the hash of the RAM (ramHash)'))
  state.wantedHash = final.hash
  state.wantedRamHash = final.ramHash
  state.isPartial = missing !== undefined
  become(state, 'restoring')
  return [{ do: 'restore', sections: final.sections, pausedMs: final.pausedMs, full, missing }]
}

function compare(
  state: DestinationState,
  { hash, ramHash, took }: Extract<DestinationInput, { on: 'restored' }>,
): DestinationEffect[] {
  if (state.phase !== 'restoring') return []
  if (hash !== state.wantedHash) return abort(state, differs('state', hash, state.wantedHash))
  if (state.wantedRamHash !== undefined && ramHash !== state.wantedRamHash)
    return abort(state, differs('RAM', String(ramHash), String(state.wantedRamHash)))
  become(state, 'prepared')
  const { migrationId, purpose, machine } = state.offer
  // A source that says nothing of its machine is too old to be told this.
  const told = machine && took ? took : {}
  const effects: DestinationEffect[] = [
    { do: 'become-prepared' },
    { do: 'send', message: { t: 'prepared', migrationId, hash, ...told } },
  ]
  // Clones take nothing from anybody: they may start as soon as they are proven.
  return purpose === 'clone' ? [...effects, ...start(state)] : effects
}

const differs = (what: string, here: string, there: string): Fault =>
  fault('hash-mismatch', `the ${what} differs: ${here} here, ${there} at the source; migrate again`)

function start(state: DestinationState): DestinationEffect[] {
  become(state, 'starting')
  return [{ do: 'start' }]
}

function reportStart(state: DestinationState, refused: Fault | undefined): DestinationEffect[] {
  if (state.phase !== 'starting') return []
  const { migrationId } = state.offer
  if (state.isPartial && !refused) return beginPaging(state)
  become(state, 'ended')
  // A copy that could not be started stays as it is, `prepared`: the coordinator decides where the
  // VM runs.
  if (refused)
    return [
      { do: 'send', message: { t: 'abort', migrationId, fault: refused } },
      { do: 'close', reason: refused.code },
    ]
  return [{ do: 'send', message: { t: 'running', migrationId } }]
}

/** Its source may have gone since it was told to start: then it does not wait for it for ever. */
function beginPaging(state: DestinationState): DestinationEffect[] {
  become(state, 'paging')
  if (state.lostFor) return lose(state, state.lostFor)
  const { migrationId } = state.offer
  const running: DestinationEffect = { do: 'send', message: { t: 'running', migrationId } }
  return state.isLinked ? [running] : [running, { do: 'wake-at', atMs: state.deadlineMs }]
}

/** The coordinator says so once: a copy that is being started has to remember it. */
function loseSource(state: DestinationState, value: Fault): DestinationEffect[] {
  if (state.phase === 'paging') return lose(state, value)
  if (state.phase === 'starting') state.lostFor = value
  return []
}

/** Gives up, tells the source, closes the link: a copy that was never complete is worth nothing. */
function abort(state: DestinationState, value: Fault): DestinationEffect[] {
  if (state.phase === 'starting') return []
  const { migrationId } = state.offer
  return [
    { do: 'send', message: { t: 'abort', migrationId, fault: value } },
    ...discard(state, value),
  ]
}

function discard(state: DestinationState, value: Fault): DestinationEffect[] {
  if (state.phase === 'starting') return []
  become(state, 'ended')
  return [
    { do: 'discard', fault: value },
    { do: 'close', reason: value.code },
  ]
}

function loseLink(state: DestinationState, reason: string, nowMs: number): DestinationEffect[] {
  state.isLinked = false
  if (isRunning(state)) return awaitLink(state, reason, nowMs)
  // Prepared: `run` may have been on its way, so only the coordinator knows. Starting: it is ours
  // already.
  if (state.phase === 'starting') state.deadlineMs = nowMs + pagesLostMsMax
  if (state.phase === 'prepared' || state.phase === 'starting') return []
  return discard(state, fault('link-lost', `the link from the source ended: ${reason}`))
}

/** The source makes a new one; a VM that touches what is missing waits meanwhile. */
function awaitLink(state: DestinationState, reason: string, nowMs: number): DestinationEffect[] {
  if (state.phase === 'whole' && reason === 'done') return end(state)
  state.deadlineMs = nowMs + pagesLostMsMax
  return [{ do: 'wake-at', atMs: state.deadlineMs }]
}

function relink(state: DestinationState): DestinationEffect[] {
  state.isLinked = true
  if (!isRunning(state)) return []
  const { migrationId } = state.offer
  const running: DestinationEffect = { do: 'send', message: { t: 'running', migrationId } }
  const rest: DestinationEffect = state.told
    ? { do: 'send', message: state.told }
    : { do: 'ask-again' }
  return [running, rest]
}

function tellWhole(state: DestinationState, message: Whole): DestinationEffect[] {
  if (state.phase !== 'paging') return []
  become(state, 'whole')
  state.told = message
  return [{ do: 'send', message }]
}

function lose(state: DestinationState, value: Fault): DestinationEffect[] {
  become(state, 'ended')
  return [
    { do: 'lose', fault: value },
    { do: 'close', reason: value.code },
  ]
}

function end(state: DestinationState): DestinationEffect[] {
  become(state, 'ended')
  return [{ do: 'close', reason: 'done' }]
}

function wakeRunning(state: DestinationState, nowMs: number): DestinationEffect[] {
  if (state.isLinked || nowMs < state.deadlineMs) return []
  // It has told that it is whole, and misses nothing but to hear that it was heard.
  if (state.phase === 'whole') return end(state)
  const { sourceNodeId } = state.offer
  return lose(
    state,
    fault(
      'pages-lost',
      `node ${sourceNodeId}, which has pages of this VM, was not heard of for ${pagesLostMsMax} ms`,
    ),
  )
}

function wake(state: DestinationState, nowMs: number): DestinationEffect[] {
  if (isRunning(state)) return wakeRunning(state, nowMs)
  if (state.phase !== 'incoming') return []
  if (nowMs < state.deadlineMs) return [{ do: 'wake-at', atMs: state.deadlineMs }]
  return abort(state, fault('timed-out', `the source was silent for ${silenceMsMax} ms`))
}

/** What must hold after every step. */
export function assertDestination(state: DestinationState): void {
  if (state.phase === 'prepared' || state.phase === 'starting')
    invariant(state.wantedHash.length === 16, 'nothing is prepared without a hash to equal')
  invariant(state.offer.vms.length > 0, 'a migration moves something')
}
