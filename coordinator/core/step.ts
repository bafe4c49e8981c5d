// The coordinator's state machine: step(state, input, now) → effects. No I/O, no waiting, no clock,
// no randomness: the shell brings them in. Changes `state`, says what is to be done, and puts what
// must be remembered first. Not here: any rule. Each kind of input goes to the file that knows
// about it.

import { invariant } from '#proto/invariant.ts'
import type { TraceRef } from '#proto/trace-context.ts'
import { seeResult, seeVmEvent } from './agent-news.ts'
import { takeCommand } from './api-commands.ts'
import { type ClusterState, isActive } from './cluster-state.ts'
import { sweepLayers } from './disk-sweep.ts'
import { settle } from './doubt.ts'
import { evacuate, seeLeaving } from './evacuation.ts'
import { tell } from './events.ts'
import { keepRules } from './ha/keeper.ts'
import { protect } from './ha/protection.ts'
import { makeRoom } from './ha/replica-room.ts'
import { mergeLayers } from './layer-merges.ts'
import {
  endsLapsed,
  seeFence,
  seeHeartbeat,
  seeHello,
  seeLinkClosed,
  watchNodes,
} from './membership.ts'
import { admitMigration, beginAdmitted, seeProgress } from './migrations.ts'
import { carryOut } from './move-commands.ts'
import { placeWaiting } from './placement.ts'
import { consolidate } from './power/consolidation.ts'
import { countEnergy } from './power/energy.ts'
import { finishWaking } from './power/standby.ts'
import { rebalance } from './rebalance.ts'
import type { RecordKey, StoredRecord } from './records.ts'
import { fenceLapsed } from './recovery.ts'
import { absenceLapsed } from './reports.ts'
import { takeDueSnapshots } from './snapshots.ts'
import type { Effect, Input, Step } from './step-context.ts'
import { recordOf } from './stored-state.ts'
import { seeImportWhole } from './template-files.ts'
import { watchedVms } from './watched-vms.ts'

export interface Now {
  /** Monotonic. */
  readonly nowMs: number
  /** For people only. */
  readonly wallMs: number
  /** For people only, too: what begins in this step is traced under such a name. */
  readonly newTrace?: (() => TraceRef) | undefined
}

/** One input in, effects out, `persist` (if any) first. */
export function step(state: ClusterState, input: Input, now: Now): Effect[] {
  const by = input.kind === 'api' || input.kind === 'broken' ? input.by : undefined
  const { nowMs, wallMs, newTrace } = now
  const working: Step = { state, nowMs, wallMs, newTrace, by, effects: [], touched: undefined }
  take(working, input)
  placeWaiting(working)
  const persist = persistOf(working)
  return persist ? [persist, ...working.effects] : working.effects
}

function take(working: Step, input: Input): void {
  if (input.kind === 'boot') boot(working)
  else if (input.kind === 'tick') tick(working)
  else if (input.kind === 'hello') seeHello(working, input.linkId, input.hello)
  else if (input.kind === 'agent-message') takeMessage(working, input)
  else if (input.kind === 'link-closed')
    seeLinkClosed(working, input.nodeId, input.linkId, input.isGoodbye)
  else if (input.kind === 'fence-word') seeFence(working, input, 'its process is surely gone')
  else if (input.kind === 'broken')
    tell(working, 'node-broken', input.text, { nodeId: input.nodeId })
  else if (input.kind === 'migration-admitted') admitMigration(working, input.migrationId)
  else working.effects.push({ kind: 'reply', answer: takeCommand(working, input.command) })
}

/**
 * The first step of a process: what was under way goes into the queue again, first what had begun.
 */
function boot(working: Step): void {
  const { state } = working
  const open = [...state.openMigrations].flatMap((id) => state.migrations.get(id) ?? [])
  open.sort((a, b) => Number(isActive(b)) - Number(isActive(a)) || a.serial - b.serial)
  for (const { id: migrationId, from, to } of open)
    working.effects.push({ kind: 'queue-migration', migrationId, from, to })
  const count = `${state.nodes.size} nodes and ${state.vms.size} VMs`
  tell(working, 'coordinator-started', `${begunText(state)}; it knows of ${count}`)
}

/** Of several it says who, and after whom. */
function begunText({ settings: { leaderName, term }, meta }: ClusterState): string {
  if (leaderName === undefined) return 'the coordinator has started'
  const before = meta.ledBy
  meta.ledBy = leaderName
  const again = before === leaderName ? ' again' : ''
  const after = before === undefined || again ? '' : `, after ${before}`
  return `coordinator ${leaderName} leads${again} (term ${term})${after}`
}

function takeMessage(working: Step, input: Extract<Input, { kind: 'agent-message' }>): void {
  const node = working.state.nodes.get(input.nodeId)
  // What comes over a link that was replaced or closed speaks for nobody.
  if (!node || node.live.linkId !== input.linkId) return
  const { message } = input
  if (message.t === 'heartbeat') seeHeartbeat(working, node, message)
  else if (message.t === 'result') seeResult(working, node, message)
  else if (message.t === 'vm-event') seeVmEvent(working, node, message)
  else if (message.t === 'import-whole') seeImportWhole(working, node, message)
  else if (message.t === 'leaving') seeLeaving(working, node)
  else if (message.t === 'migration-progress') seeProgress(working, node, message)
}

/** False: a tick would find nothing to do, for nothing waits and no time has come. */
export function isTickDue(state: ClusterState, nowMs: number): boolean {
  const { openMigrations, waiting, watchedNodes, watched, settings } = state
  if (openMigrations.size > 0 || waiting.size > 0 || watchedNodes.size > 0) return true
  const { lost, guarded, layered, due } = watched
  if (lost.size > 0 || guarded.size > 0 || layered.size > 0 || due.size > 0) return true
  const { watchAtMs, keepRulesAtMs, consolidateAtMs, countEnergyAtMs, sweepAtMs } = state
  if (nowMs >= watchAtMs || nowMs >= keepRulesAtMs || nowMs >= consolidateAtMs) return true
  if (nowMs >= countEnergyAtMs || nowMs >= sweepAtMs) return true
  return settings.rebalance && nowMs >= state.rebalanceAtMs
}

function tick(working: Step): void {
  const { state } = working
  watchNodes(working)
  for (const id of [...state.openMigrations]) {
    const migration = state.migrations.get(id)
    if (!migration) continue
    beginAdmitted(working, migration)
    if (!isActive(migration)) continue
    endsLapsed(working, migration)
    settle(working, migration)
  }
  for (const vm of watchedVms(state, 'lost')) {
    fenceLapsed(working, vm)
    absenceLapsed(working, vm)
    const { fencedAtMs, absentSinceMs } = vm.live
    if (fencedAtMs === undefined && absentSinceMs === undefined) state.watched.lost.delete(vm.id)
  }
  evacuate(working)
  keepRules(working)
  takeDueSnapshots(working)
  // Before a new replica names them.
  mergeLayers(working)
  protect(working)
  makeRoom(working)
  finishWaking(working)
  consolidate(working)
  countEnergy(working)
  sweepLayers(working)
  const isDue = state.settings.rebalance && state.ha.armed
  if (isDue && working.nowMs >= state.rebalanceAtMs) rebalanceByTimer(working)
}

function rebalanceByTimer(working: Step): void {
  const { state, nowMs } = working
  state.rebalanceAtMs = nowMs + state.settings.rebalanceEveryMs
  const plan = rebalance(state, nowMs, { isAsked: false })
  for (const { vmId, from, to, why } of plan.moves)
    tell(working, 'rebalance', `rebalancing moves ${vmId} from ${from} to ${to}: ${why}`)
  carryOut(working, plan)
}

/** Everything this step has changed for good, as one transaction. */
function persistOf(working: Step): Effect | undefined {
  if (!working.touched) return undefined
  const puts: StoredRecord[] = []
  const deletes: RecordKey[] = []
  for (const key of working.touched.values()) {
    const value = recordOf(working.state, key)
    if (value === undefined) deletes.push(key)
    else puts.push({ ...key, value })
  }
  invariant(puts.length + deletes.length > 0, 'something was touched')
  return { kind: 'persist', puts, deletes }
}
