// Maintenance of a node: nothing new goes there, and what runs there leaves by migrations, a few at
// a time, those first that are disturbed least. Level-triggered: each tick looks at what is still
// there and begins what may begin, so that VMs that come back, fail or end are no special cases.
// Not here: how many migrations run at once (the shell's queue), what one does (migrations.ts).
// Times in monotonic ms.

import type { EvacuationView } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import type { Forecast, Range } from '#proto/pre-copy/forecast.ts'
import { evacuationHasEnded, mayActOnNode, type VmPhase } from '#proto/state.ts'
import { wishOfAll } from './burdens.ts'
import type { ClusterState, Evacuation, Migration, Node, Vm } from './cluster-state.ts'
import { tell } from './events.ts'
import { forecastOf } from './forecasts.ts'
import { chooseKeeping } from './ha/admission.ts'
import { comingWith, companyOf, policyOf } from './ha/rules.ts'
import { addMigration } from './migration-doors.ts'
import { planMigration } from './migrations.ts'
import { standingOf } from './node-doors.ts'
import { isAwaited, isNode } from './placement.ts'
import { isReachable, type Step, sendTo, touch } from './step-context.ts'
import { becomeMigrating } from './vm-doors.ts'
import { watchedNodes } from './watched-nodes.ts'

/** Queued and under way from one node: more would choose their destinations too early. */
const aheadMax = 4
/**
 * A VM whose migration failed is tried again after this. After so many it counts as one that stays,
 * and is tried seldom: what was in its way may have passed.
 */
const retryMs = 5000
const triesMax = 3
const seldomMs = 60_000

export const evacuationCause = 'evacuation'

const nothingTried = (): Evacuation => ({
  ...{ tries: new Map(), failedTo: new Map(), why: new Map() },
  ...{ isEmptyTold: false, ratio: 1 },
})

/** Nothing is placed there any more, and what is there leaves. */
export function beginMaintenance(step: Step, node: Node, params: MigrationParams): null | Fault {
  if (!mayActOnNode('evacuate', standingOf(node)))
    return fault('wrong-state', `${node.id} is in maintenance already`)
  const total = node.live.vmIds.size
  node.maintenance = { sinceMs: step.nowMs, total, params }
  node.live.evacuation = nothingTried()
  touch(step, 'node', node.id)
  const text = `${node.id} goes into maintenance: its ${total} VMs leave`
  tell(step, 'node-maintenance', text, { nodeId: node.id })
  return null
}

/** It takes VMs again. What is on its way from it goes on leaving. */
export function endMaintenance(step: Step, node: Node): null | Fault {
  if (!mayActOnNode('return', standingOf(node)))
    return fault('wrong-state', `${node.id} is not in maintenance`)
  if (node.live.asksLeave)
    return fault(
      'wrong-state',
      `${node.id} shuts down when its VMs have left: it takes VMs again when it is back`,
    )
  delete node.maintenance
  node.live.evacuation = undefined
  touch(step, 'node', node.id)
  tell(step, 'node-online', `${node.id} is back from maintenance`, { nodeId: node.id })
  return null
}

/** Each tick: begins the next migrations of every node in maintenance. */
export function evacuate(step: Step): void {
  for (const node of watchedNodes(step.state)) {
    if (!node.maintenance || !isReachable(node)) continue
    node.live.evacuation ??= nothingTried()
    if (isEmpty(step.state, node)) tellEmpty(step, node)
    else moveNext(step, node)
    if (node.live.asksLeave && hasLeft(step, node)) giveLeave(step, node)
  }
}

/** Nothing is there, on its way there, or still takes pages from there. */
const isEmpty = (state: ClusterState, node: Node): boolean =>
  node.live.vmIds.size === 0 && passing(state, node) === 0

/** Migrations and clones that need the node, at either end. */
function passing({ openMigrations, migrations }: ClusterState, { id }: Node): number {
  let count = 0
  for (const migrationId of openMigrations) {
    const migration = migrations.get(migrationId)
    if (migration?.from === id || migration?.to === id) count++
  }
  return count
}

/** All that can leave. */
function hasLeft({ state, nowMs }: Step, node: Node): boolean {
  const evacuation = evacuationView(state, node, nowMs)
  return !evacuation || evacuationHasEnded(evacuation)
}

/** A node wants to shut down. */
export function seeLeaving(step: Step, node: Node): void {
  node.live.asksLeave = true
  if (step.state.ha.shutdown !== 'migrate' || isEmpty(step.state, node)) giveLeave(step, node)
  else {
    if (!node.maintenance) {
      beginMaintenance(step, node, MigrationParams.parse({ whenStuck: 'throttle' }))
      if (node.maintenance) Object.assign(node.maintenance, { untilBack: true })
    }
    sendTo(step, node, { t: 'may-leave', now: false })
  }
}

function giveLeave(step: Step, node: Node): void {
  node.live.asksLeave = false
  sendTo(step, node, { t: 'may-leave', now: true })
}

function tellEmpty(step: Step, node: Node): void {
  const { evacuation } = node.live
  if (!evacuation || evacuation.isEmptyTold) return
  evacuation.isEmptyTold = true
  tell(step, 'node-empty', `${node.id} is empty: it can be switched off`, { nodeId: node.id })
}

function moveNext(step: Step, node: Node): void {
  let room = aheadMax - leaving(step.state, node).length
  for (const vm of leastDisruptiveFirst(step.state, node)) {
    if (room <= 0) return
    if (mayMove(step, node, vm) && move(step, node, vm)) room -= 1
  }
}

const leaving = (state: ClusterState, node: Node): Migration[] =>
  [...state.openMigrations].flatMap((id) => {
    const migration = state.migrations.get(id)
    return migration?.from === node.id && migration.purpose === 'migrate' ? [migration] : []
  })

/** Short pauses first, then little to send: whoever waits longest may have ended meanwhile. */
function leastDisruptiveFirst(state: ClusterState, node: Node): Vm[] {
  const vms = [...node.live.vmIds].flatMap((id) => state.vms.get(id) ?? [])
  const burden = new Map(vms.map((vm) => [vm.id, foresee(state, node, vm)]))
  const pause = (vm: Vm) => burden.get(vm.id)?.downtimeMs.expected ?? 0
  const bytes = (vm: Vm) => burden.get(vm.id)?.bytes.expected ?? vm.spec.memoryMib
  return vms.sort((a, b) => pause(a) - pause(b) || bytes(a) - bytes(b) || a.serial - b.serial)
}

/** Wherever it goes: the links' mean. */
const foresee = (state: ClusterState, node: Node, vm: Vm): Forecast | undefined =>
  forecastOf(state, vm, node.id, node.maintenance?.params)

/** It can move then, or is gone. */
const inAMoment: readonly VmPhase[] = ['starting', 'stopping', 'recovering']

function mayMove(step: Step, node: Node, vm: Vm): boolean {
  const { evacuation } = node.live
  if (!evacuation || vm.migrationId !== undefined) return false
  if (inAMoment.includes(vm.phase)) return false
  const why = whyStaysThere(step.state, vm)
  if (why !== undefined) {
    evacuation.why.set(vm.id, why)
    return false
  }
  return step.nowMs >= (evacuation.tries.get(vm.id)?.nextAtMs ?? 0)
}

/** Why it stays, wherever there is room; undefined: it does not. */
export const whyStaysThere = (state: ClusterState, vm: Vm): string | undefined =>
  whyStays(vm) ?? whyStaysWith(state, vm)

/** Until somebody does something about it. */
function whyStays(vm: Vm): string | undefined {
  if (vm.phase === 'paused' || vm.phase === 'failed')
    return `it is ${vm.phase}: only what runs can move`
  if (vm.pinnedTo !== undefined)
    return `it is bound to ${vm.pinnedTo}: migrate it by hand, or stop it`
  if (policyOf(vm).locked) return `it is locked: \`godwit ha set ${vm.id} --unlock\` lets it go`
  return undefined
}

/** A strict rule keeps it with one that stays there. */
function whyStaysWith(state: ClusterState, vm: Vm): string | undefined {
  for (const mate of companyOf(state, vm)) {
    const why = mate.nodeId === vm.nodeId && mate.phase !== 'failed' ? whyStays(mate) : undefined
    if (mate !== vm && why !== undefined) return `a rule keeps it together with ${mate.id}: ${why}`
  }
  return undefined
}

function move(step: Step, node: Node, vm: Vm): boolean {
  const { evacuation } = node.live
  const to = destinationOf(step.state, node, vm)
  if (!isNode(to)) {
    evacuation?.why.set(vm.id, to.message)
    return false
  }
  if (isAwaited(step.state, to, step.nowMs)) return false
  const count = (evacuation?.tries.get(vm.id)?.count ?? 0) + 1
  const waitMs = count < triesMax ? retryMs : seldomMs
  evacuation?.tries.set(vm.id, { count, nextAtMs: step.nowMs + waitMs })
  evacuation?.why.delete(vm.id)
  const params = node.maintenance?.params
  const why = `${node.id} is taken out of service`
  const plan = { purpose: 'migrate', vm, to: to.id, cause: evacuationCause, why, params } as const
  const migration = planMigration(step, plan)
  addMigration(step, migration)
  becomeMigrating(step, vm, migration.id)
  return true
}

function destinationOf(state: ClusterState, node: Node, vm: Vm): Node | Fault {
  const coming = comingWith(state, vm)
  const wish = wishOfAll(coming)
  const failedTo = node.live.evacuation?.failedTo.get(vm.id) ?? []
  const choose = (but: Iterable<NodeId>) =>
    chooseKeeping(state, wish, { vm, coming, but: new Set([node.id, ...but]) }, coming)
  const other = choose(failedTo)
  return isNode(other) ? other : choose([])
}

/** A migration of an evacuation has ended: how true was its forecast, and if it failed, why. */
export function seeEvacuated(state: ClusterState, migration: Migration): void {
  const evacuation = state.nodes.get(migration.from)?.live.evacuation
  if (!evacuation || migration.cause !== evacuationCause) return
  const { forecast, record, vmId, to, fault: why } = migration
  // It stays, for all that is known, only after several tries.
  const tried = evacuation.tries.get(vmId)?.count ?? 0
  if (why && tried >= triesMax) evacuation.why.set(vmId, why.message)
  if (why) evacuation.failedTo.set(vmId, new Set([...(evacuation.failedTo.get(vmId) ?? []), to]))
  if (!forecast || !record || migration.phase !== 'done') return
  const ratio = record.totalMs / Math.max(1, forecast.totalMs.expected)
  evacuation.ratio += 0.5 * (ratio - evacuation.ratio)
}

// ---- how far it is ------------------------------------------------------------------------------

/** Between the ends of two migrations from one node there is an answer, a step and a queue. */
const gapMs = 50

export function evacuationView(
  state: ClusterState,
  node: Node,
  nowMs: number,
): EvacuationView | undefined {
  const { maintenance } = node
  if (!maintenance) return undefined
  const moving = leaving(state, node)
  const left = node.live.vmIds.size
  const { why = new Map<string, string>(), ratio = 1 } = node.live.evacuation ?? {}
  const stuck = [...why].flatMap(([vmId, text]) => {
    const isHere = [...node.live.vmIds].some((id) => id === vmId)
    const isMoving = moving.some((migration) => migration.vmId === vmId)
    return isHere && !isMoving ? [{ vmId, why: text }] : []
  })
  const sum = { expected: 0, low: 0, high: 0 }
  for (const id of node.live.vmIds) {
    const vm = state.vms.get(id)
    if (vm && !stuck.some(({ vmId }) => vmId === id)) addTo(sum, foresee(state, node, vm))
  }
  const movable = left - stuck.length
  const done = moving.reduce((part, { live }) => part + sentShare(live), 0)
  const share = movable > 0 ? Math.max(0, 1 - done / movable) : 0
  const eta = (ms: number) => Math.round(share * ratio * ms + movable * gapMs)
  return {
    ...{ total: maintenance.total, left, moving: passing(state, node), stuck },
    forMs: Math.max(0, nowMs - maintenance.sinceMs),
    etaMs: { expected: eta(sum.expected), low: eta(sum.low), high: eta(sum.high) },
  }
}

/** Of the round that is under way; the first is nearly all of it. */
const sentShare = ({ sentPages, pagesOfRound, round }: Migration['live']): number =>
  round > 0 ? 0.9 : pagesOfRound > 0 ? (0.9 * sentPages) / pagesOfRound : 0

function addTo(sum: { expected: number; low: number; high: number }, of: Forecast | undefined) {
  // Of a VM that was not looked at yet: a second, which is what the next look takes.
  const range: Range = of?.totalMs ?? { expected: 500, low: 200, high: 1000 }
  sum.expected += range.expected
  sum.low += range.low
  sum.high += range.high
}
