// The node's lease: until when this node may run protected VMs. Pure: step(state, input) → effects.
// A lease counts from the moment a heartbeat was *sent*, by this node's own monotonic clock:
// whatever the way there and back took is lost, never won. The coordinator counts from when it
// *received* it, so it always waits longer. Not here: who destroys the VMs (desk.ts), the word that
// stops the pCPUs themselves (vmm.ts writes what `run-until` says into their shared memory; a
// process that was stopped and wakes late runs nothing stale). All times are milliseconds of the
// node's monotonic clock.
// Source: Gray and Cheriton, "Leases", SOSP 1989, section 3.

import { invariant } from '#proto/invariant.ts'

export interface LeaseState {
  phase: 'none' | 'held' | 'expired'
  /** Protected VMs run while the clock is below it; 0 before the first lease. */
  runUntilMs: number
  /** The last heartbeat that was answered, and those sent after it, in order. */
  readonly sent: Sent[]
}

interface Sent {
  readonly seq: number
  readonly atMs: number
}

export type LeaseInput =
  | { readonly on: 'heartbeat-sent'; readonly seq: number; readonly nowMs: number }
  | {
      readonly on: 'acknowledged'
      readonly seq: number
      readonly leaseMs: number
      readonly nowMs: number
    }
  | { readonly on: 'woken'; readonly nowMs: number }

export type LeaseEffect =
  /** Protected VMs may run until then. */
  | { readonly do: 'run-until'; readonly atMs: number }
  | { readonly do: 'wake-at'; readonly atMs: number }
  /** The lease is over: destroy every protected VM that could run. */
  | { readonly do: 'fence' }

/**
 * A coordinator that answers none of so many heartbeats is away; older ones cannot renew anything.
 */
const unansweredMax = 1000

export const newLease = (): LeaseState => ({ phase: 'none', runUntilMs: 0, sent: [] })

export const holdsLease = (state: LeaseState, nowMs: number): boolean =>
  state.phase === 'held' && nowMs < state.runUntilMs

/**
 * Changes `state` and says what is to be done. An input that comes too late fences before it
 * renews.
 */
export function stepLease(state: LeaseState, input: LeaseInput): LeaseEffect[] {
  const effects = state.phase === 'held' ? expire(state, input.nowMs) : []
  switch (input.on) {
    case 'heartbeat-sent':
      remember(state, input.seq, input.nowMs)
      return effects
    case 'acknowledged':
      renew(state, input, effects)
      return effects
    case 'woken':
      if (effects.length === 0 && state.phase === 'held')
        effects.push({ do: 'wake-at', atMs: state.runUntilMs })
      return effects
  }
}

function expire(state: LeaseState, nowMs: number): LeaseEffect[] {
  if (nowMs < state.runUntilMs) return []
  becomeExpired(state, nowMs)
  return [{ do: 'fence' }]
}

type Acknowledged = Extract<LeaseInput, { on: 'acknowledged' }>

function renew(state: LeaseState, answer: Acknowledged, effects: LeaseEffect[]): void {
  const { seq, leaseMs, nowMs } = answer
  const sentAtMs = state.sent.find((sent) => sent.seq === seq)?.atMs
  if (sentAtMs === undefined) return
  while (state.sent[0] && state.sent[0].seq < seq) state.sent.shift()
  const untilMs = sentAtMs + leaseMs
  if (untilMs <= nowMs || untilMs <= state.runUntilMs) return
  const wasHeld = state.phase === 'held'
  becomeHeld(state, untilMs)
  effects.push({ do: 'run-until', atMs: untilMs })
  // One alarm at a time: the one that is set finds the later deadline and sets itself again.
  if (!wasHeld) effects.push({ do: 'wake-at', atMs: untilMs })
}

function remember(state: LeaseState, seq: number, nowMs: number): void {
  state.sent.push({ seq, atMs: nowMs })
  if (state.sent.length > unansweredMax) state.sent.shift()
}

function becomeHeld(state: LeaseState, untilMs: number): void {
  invariant(untilMs > state.runUntilMs, 'a lease never shrinks')
  state.phase = 'held'
  state.runUntilMs = untilMs
}

function becomeExpired(state: LeaseState, nowMs: number): void {
  invariant(state.phase === 'held', `a lease that is ${state.phase} cannot expire`)
  invariant(nowMs >= state.runUntilMs, 'a lease does not expire early')
  state.phase = 'expired'
}
