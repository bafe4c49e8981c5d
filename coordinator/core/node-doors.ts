// The only doors into the phases of a node. What becomes of its VMs is not decided here
// (recovery.ts).

import { invariant } from '#proto/invariant.ts'
import type { NodePhase, NodeStanding } from '#proto/state.ts'
import type { Node } from './cluster-state.ts'
import { tell } from './events.ts'
import { type Step, touch } from './step-context.ts'

/** Phase → the phases it may be entered from. */
const doorsFrom: Record<NodePhase, readonly NodePhase[]> = {
  online: ['online', 'suspect', 'unreachable', 'fencing', 'fenced', 'gone'],
  suspect: ['online'],
  unreachable: ['online', 'suspect'],
  fencing: ['online', 'suspect', 'unreachable'],
  fenced: ['online', 'suspect', 'unreachable', 'fencing'],
  gone: ['online', 'suspect', 'unreachable', 'fencing'],
}

function enter(step: Step, node: Node, phase: NodePhase): boolean {
  if (node.phase === phase) return false
  invariant(
    doorsFrom[phase].includes(node.phase),
    `node ${node.id} may not go from ${node.phase} to ${phase}`,
  )
  node.phase = phase
  touch(step, 'node', node.id)
  return true
}

/** What ran there under its lease runs no more. */
export const isLost = ({ phase }: Node): boolean => phase === 'fenced' || phase === 'gone'

/** What of it says whether an operator's wish may be carried out. */
export const standingOf = ({ maintenance, standby, live }: Node): NodeStanding => ({
  inMaintenance: maintenance !== undefined,
  inStandby: standby !== undefined,
  hasVms: live.vmIds.size + live.incoming.size + live.replicaOf.size > 0,
})

/** Not heard of, without a goodbye: what is known of what it runs is old. */
export const isUnheard = ({ phase }: Node): boolean => phase !== 'online' && phase !== 'gone'

/** Silent, and perhaps alive: it may hold its lease. */
export const isDoubtful = ({ phase }: Node): boolean =>
  phase === 'suspect' || phase === 'unreachable' || phase === 'fencing'

export function becomeOnline(step: Step, node: Node, isNew: boolean): void {
  node.live.fenceAskedAtMs = undefined
  if (enter(step, node, 'online') || isNew)
    tell(step, 'node-online', `${node.id} is online`, { nodeId: node.id })
}

export function becomeSuspect(step: Step, node: Node): void {
  if (node.phase !== 'online' || !enter(step, node, 'suspect')) return
  const text = `${node.id} is suspect: it misses heartbeats`
  tell(step, 'node-suspect', text, { nodeId: node.id })
}

export function becomeUnreachable(step: Step, node: Node): void {
  if (node.phase === 'fencing' || !enter(step, node, 'unreachable')) return
  const text = `${node.id} is unreachable: its link is closed`
  tell(step, 'node-unreachable', text, { nodeId: node.id })
}

export function becomeFencing(step: Step, node: Node): void {
  if (enter(step, node, 'fencing'))
    tell(step, 'node-fencing', `${node.id} is being fenced by the device`, { nodeId: node.id })
}

/**
 * It surely runs nothing that is protected. @param proof absent: its lease and the margin are over.
 */
export function becomeFenced(step: Step, node: Node, proof?: string): void {
  const { leaseExpiresAtMs } = node.live
  invariant(
    proof !== undefined || step.nowMs > leaseExpiresAtMs + step.state.settings.marginMs,
    `node ${node.id} may still hold its lease`,
  )
  // A proof may come after the lease was over: it was lost once.
  if (enter(step, node, 'fenced')) node.live.lostAtMs.push(step.nowMs)
  const why = proof ?? 'its lease is over'
  tell(step, 'node-fenced', `${node.id} is fenced: ${why}`, { nodeId: node.id })
}

/** It said goodbye, and that it has stopped everything. */
export function becomeGone(step: Step, node: Node): void {
  enter(step, node, 'gone')
  tell(step, 'node-gone', `${node.id} has left in good order`, { nodeId: node.id })
}

/**
 * From when on (monotonic ms) what the node does not hold is surely run by nobody: a process that
 * the present one replaced may live on for its own lease, and so may one that our memory lacks.
 */
export const clearFromMs = (step: Step, node: Node): number =>
  Math.max(step.nowMs, node.live.displacedUntilMs)

/** Until when (monotonic ms) its protected VMs must be taken for running. */
export const fencedAfterMs = (step: Step, node: Node): number =>
  node.live.leaseExpiresAtMs + step.state.settings.marginMs
