// States and what may be done in them: tables shared by the coordinator, the API, the page and the
// tests.

import { z } from 'zod'

/** A VM as the cluster sees it. */
export const VmPhase = z.enum([
  'pending', // accepted, waits for a node
  'starting', // a node was told to start it
  'running',
  'paused', // by an operator
  'migrating', // runs at the source, is copied to the destination
  'recovering', // its node is lost: waits for the fence, then for a node
  'stopping',
  'stopped', // by an operator, or it shut itself down
  'failed', // needs an operator; the VM's `fault` says why
])
export type VmPhase = z.infer<typeof VmPhase>

export const vmPhaseSentences: Record<VmPhase, string> = {
  pending: 'waits for a node with room',
  starting: 'is being started',
  running: 'is running',
  paused: 'is paused by an operator',
  migrating: 'is running while it is copied to another node',
  recovering:
    'was on a node that is lost, and will start elsewhere when that node is surely fenced',
  stopping: 'is being stopped',
  stopped: 'is stopped',
  failed: 'has failed and waits for an operator',
}

interface SeenVm {
  readonly phase: VmPhase
  readonly isUnknown?: boolean | undefined
}

/** For a list: the phase, or what it was when the VM's node was last heard of. */
export const vmPhaseText = ({ phase, isUnknown }: SeenVm): string =>
  isUnknown ? `unknown, was ${phase}` : phase

/** What follows a VM's name. */
export const vmSentence = ({ phase, isUnknown }: SeenVm): string =>
  isUnknown
    ? `may run or not, for its node is silent; when last heard of it ${was(phase)}`
    : vmPhaseSentences[phase]

const was = (phase: VmPhase) => vmPhaseSentences[phase].replace(/^is /, 'was ')

/** As far as it is known now. */
export const isRunning = ({ phase, isUnknown }: SeenVm): boolean =>
  !isUnknown && (phase === 'running' || phase === 'migrating')

/** A node as the coordinator sees it. */
export const NodePhase = z.enum([
  'online', // renews its lease
  'suspect', // misses heartbeats over an open link: slow, or hangs; its lease may still run
  'unreachable', // its link is closed: dead, or cut off; its lease may still run
  'fencing', // a fence device was asked to make sure
  'fenced', // lease and margin are over: it surely runs no protected VM
  'gone', // said goodbye in order
])
export type NodePhase = z.infer<typeof NodePhase>

/** Of a node without a link only the load of before is known. */
export const isHeard = ({ phase }: { readonly phase: NodePhase }): boolean =>
  phase === 'online' || phase === 'suspect'

export const nodePhaseSentences: Record<NodePhase, string> = {
  online: 'is online',
  suspect: 'has stopped answering; its lease is not over yet',
  unreachable: 'cannot be reached; its lease is not over yet',
  fencing: 'is being fenced by a device; its lease is not over yet',
  fenced: 'is lost and fenced: its lease is over, it runs nothing',
  gone: 'has left in good order',
}

export const MigrationPhase = z.enum([
  'queued',
  'copying', // rounds, the VM runs at the source
  'switching', // stop-and-copy until the destination runs
  'resolving', // a link or a node died in between; the coordinator finds out who may run it
  'paging', // post-copy: it runs at the destination, and its last pages come
  'done',
  'failed', // the VM went on at the source
  'cancelled',
])
export type MigrationPhase = z.infer<typeof MigrationPhase>

/** Nothing more will happen to it. */
export const migrationHasEnded = (phase: MigrationPhase): boolean =>
  phase === 'done' || phase === 'failed' || phase === 'cancelled'

/** Of an evacuation: nothing is left that can leave. */
export const evacuationHasEnded = (evacuation: {
  readonly left: number
  readonly moving: number
  readonly stuck: readonly unknown[]
}): boolean => evacuation.moving === 0 && evacuation.left === evacuation.stuck.length

export const vmActions = [
  'migrate',
  'relocate',
  'clone',
  'pause',
  'resume',
  'stop',
  'start',
  'remove',
  'balloon',
  'console',
  'snapshot',
  'restore',
  'merge',
] as const
export type VmAction = (typeof vmActions)[number]

/**
 * Action → phases in which it is allowed. The API refuses all others with `wrong-state`; the page
 * hides them.
 */
export const vmActionPhases: Record<VmAction, readonly VmPhase[]> = {
  migrate: ['running'],
  relocate: ['running', 'paused', 'stopped', 'failed'],
  clone: ['running'],
  pause: ['running'],
  resume: ['paused'],
  stop: ['pending', 'starting', 'running', 'paused', 'recovering', 'failed'],
  start: ['stopped', 'failed'],
  remove: ['stopped', 'failed', 'pending'],
  balloon: ['running'],
  console: ['running', 'paused', 'migrating'],
  snapshot: ['running', 'paused'],
  restore: ['running', 'paused', 'stopped', 'failed'],
  merge: ['running', 'paused', 'stopped', 'failed'],
}

/** Somebody's console or screen stays open: it is there, or comes back by itself. */
export const staysOpen = (phase: VmPhase): boolean =>
  mayAct('console', phase) || phase === 'starting' || phase === 'recovering'

export const mayAct = (action: VmAction, phase: VmPhase): boolean =>
  vmActionPhases[action].includes(phase)

/** What an operator does with a node. Breaking one on purpose is something else: laboratory.ts. */
export const nodeActions = ['evacuate', 'return', 'sleep', 'wake'] as const
export type NodeAction = (typeof nodeActions)[number]

export interface NodeStanding {
  readonly inMaintenance: boolean
  readonly inStandby: boolean
  /** They are there, on their way, or kept there as replicas. */
  readonly hasVms: boolean
}

/** Action → how the node must stand. The API refuses all else with `wrong-state`. */
export const nodeActionStandings: Record<NodeAction, Partial<NodeStanding>> = {
  evacuate: { inMaintenance: false },
  return: { inMaintenance: true },
  sleep: { inStandby: false, hasVms: false },
  wake: { inStandby: true },
}

export function mayActOnNode(action: NodeAction, standing: NodeStanding): boolean {
  const needed = Object.entries(nodeActionStandings[action])
  return needed.every(([name, value]) => standing[name as keyof NodeStanding] === value)
}
