// The source end of post-copy, after the VM runs at the destination: pages are sent as they are
// asked for, over one link after the other if need be, until none is missing there. Part of the
// step machine of source.ts. Law: what serves never runs again. Times in ms.
// Source: Hines and Gopalan, "Post-Copy Based Live Virtual Machine Migration Using Adaptive
// Pre-Paging and Dynamic Self-Ballooning", VEE 2009.

import { countPages } from '#engine/memory/page-bitmap.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { DestinationMessage } from '#proto/messages.ts'
import { progress, recordOf, succeed } from './source-end.ts'
import {
  becomePhase,
  isClone,
  isPromised,
  type RoundSent,
  type SourceEffect,
  type SourceState,
} from './source-state.ts'

const forEver = Number.POSITIVE_INFINITY

/** The destination says that it runs the VM: for the first time, or over a new link. */
export function serve(state: SourceState, nowMs: number): SourceEffect[] {
  state.unlinkedSinceMs = undefined
  if (state.phase === 'serving') return []
  if (!isClone(state)) state.downtimeMs = nowMs - state.stoppedAtMs
  state.served.sinceMs = nowMs
  state.pagesOfRound = countPages(state.missing ?? new Uint8Array(0))
  becomePhase(state, 'serving', nowMs, forEver)
  // A clone's parent goes on: what serves is its image.
  const serving: SourceEffect[] = isClone(state) ? [] : [{ do: 'become-serving' }]
  return [...serving, progress(state, 0, state.bytes)]
}

/**
 * A link that was made anew. Who is in doubt hears over it whether the VM runs; if `run` was lost
 * with the old one, it is as true now as it was then.
 */
export function reconnected(state: SourceState): SourceEffect[] {
  state.served.reconnections += 1
  const { migrationId, offer, ...own } = state.plan
  const { vmId, epoch } = offer.vms[0] ?? own
  const again: SourceEffect = { do: 'send', message: { t: 'reconnect', migrationId, vmId, epoch } }
  const isTold = state.phase === 'serving' || isClone(state)
  return isTold ? [again] : [again, { do: 'send', message: { t: 'run', migrationId } }]
}

/** undefined: this message has nothing to do with it. */
export function hearServing(
  state: SourceState,
  message: DestinationMessage,
  nowMs: number,
): SourceEffect[] | undefined {
  switch (message.t) {
    case 'prepared':
      return isPromised(state) ? [] : undefined
    case 'want':
      return state.phase === 'serving' ? [{ do: 'serve', want: message }] : undefined
    case 'whole':
      if (state.phase !== 'serving') return undefined
      state.served.whole = message
      return [{ do: 'compare', ramHash: message.ramHash }]
    case 'running':
      return serve(state, nowMs)
    case 'refuse':
    case 'abort':
      if (state.phase === 'promised') return gone(state, neverBegan(state, message.fault), nowMs)
      return state.phase === 'serving' ? gone(state, message.fault, nowMs) : []
    default:
      return undefined
  }
}

export function seeServed(state: SourceState, sent: RoundSent): SourceEffect[] {
  const { served } = state
  served.pages += sent.pages
  served.zeroPages += sent.zeroPages
  served.bytes += sent.bytes
  const told = progress(state, served.pages + served.zeroPages, state.bytes + served.bytes)
  return state.phase === 'serving' ? [told] : []
}

export function seeComparison(state: SourceState, isEqual: boolean, nowMs: number): SourceEffect[] {
  if (state.phase !== 'serving') return []
  if (isEqual) return succeed(state, nowMs)
  const value = fault('hash-mismatch', 'pages were damaged on their way: the VM starts again')
  const { migrationId } = state.plan
  return [
    { do: 'send', message: { t: 'abort', migrationId, fault: value } },
    ...gone(state, value, nowMs),
  ]
}

/** What arrived before the link broke was not enough to begin with. */
function neverBegan({ plan }: SourceState, said: Fault): Fault {
  if (said.code !== 'unknown-migration') return said
  const why = `the link to node ${plan.destination.nodeId} broke before the clone had begun`
  return fault('link-lost', `${why}: clone again`)
}

/** The destination has no use for the pages any more: its VM has ended. */
export function gone(state: SourceState, value: Fault, nowMs: number): SourceEffect[] {
  const record = recordOf(state, nowMs)
  becomePhase(state, 'ended', nowMs, forEver)
  return [
    ...(isClone(state) ? [] : [{ do: 'destroy' } as const]),
    { do: 'answer', commandId: state.plan.commandId, fault: value, record },
    { do: 'end', reason: value.code },
  ]
}
