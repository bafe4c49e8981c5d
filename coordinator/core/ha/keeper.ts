// Keeps the rules: VMs that run where a strict rule forbids it, apart from their company, or on a
// worse node than there is, are migrated. Level-triggered and unhurried: a company is looked at as
// a whole, only when nothing else is done with any of it, and never leaves a good place for one
// that is no better. What cannot be mended now stays as it is (rules.ts says what is broken).
// Not here: where VMs start (placement.ts). Times in monotonic ms.

import type { HaRule } from '#proto/ha.ts'
import { asVmId } from '#proto/ids.ts'
import { wishOfAll } from '../burdens.ts'
import type { ClusterState, Migration, Node, Vm } from '../cluster-state.ts'
import { evacuationCause } from '../evacuation.ts'
import { flapsMax, keepRulesEveryMs, ruleMovesMax, ruleRetryMs, ruleRetryMsMax } from '../limits.ts'
import { addMigration } from '../migration-doors.ts'
import { planMigration } from '../migrations.ts'
import { isAwaited, nodesFor, obstacleAt } from '../placement.ts'
import { isReachable, type Step, touch } from '../step-context.ts'
import { becomeMigrating } from '../vm-doors.ts'
import { watchedVms } from '../watched-vms.ts'
import { vmsNamed } from './groups.ts'
import { anchorOf, companyOf, forbids, policyOf, rankOf, rulesOf, vmsInRules } from './rules.ts'

export const ruleCause = 'rule'
export const returnCause = 'return'

/** Each tick. */
export function keepRules(step: Step): void {
  const { state, nowMs } = step
  if (nowMs < state.keepRulesAtMs) return
  state.keepRulesAtMs = nowMs + keepRulesEveryMs
  if (!state.ha.armed) return
  const seen = new Set<string>()
  for (const vm of subjects(state)) {
    if (seen.has(vm.id)) continue
    const company = companyOf(state, vm)
    for (const { id } of company) seen.add(id)
    if (movesUnderWay(state) < ruleMovesMax) keepCompany(step, company)
  }
}

/** Whom rules may want elsewhere; the youngest first, so that the elder ones stay. */
function subjects(state: ClusterState): Vm[] {
  const found = new Set<Vm>()
  for (const vm of watchedVms(state, 'away'))
    if (vm.awayFrom !== undefined) found.add(vm)
    else state.watched.away.delete(vm.id)
  for (const vm of vmsInRules(state)) found.add(vm)
  return [...found].sort((a, b) => b.serial - a.serial)
}

const movesUnderWay = (state: ClusterState): number =>
  [...state.openMigrations].filter((id) => {
    const cause = state.migrations.get(id)?.cause
    return cause === ruleCause || cause === returnCause
  }).length

function keepCompany(step: Step, company: readonly Vm[]): void {
  const { state, nowMs } = step
  const here = movable(state, company, nowMs)
  const wanted = wantedNode(state, here)
  if (!wanted || isAwaited(state, wanted.node, nowMs)) return
  for (const vm of here)
    if (vm.nodeId !== wanted.node.id && !isBound(vm)) moveTo(step, vm, wanted.node, wanted.why)
}

/** Those of a company that are anywhere; nobody, while they are not to be moved. */
function movable(state: ClusterState, company: readonly Vm[], nowMs: number): readonly Vm[] {
  const here = company.filter(({ nodeId, phase }) => nodeId !== undefined && phase !== 'failed')
  return here.every(isBound) || !here.every((vm) => isSettled(state, vm, nowMs)) ? [] : here
}

/** Who may not stay where it is, but could be on a node that sleeps, and on no other. */
export function wantsAwake(
  { state, nowMs }: Step,
  asleep: readonly Node[],
): { readonly vm: Vm; readonly node: Node } | undefined {
  if (!state.ha.armed || state.rules.size === 0) return undefined
  for (const vm of subjects(state)) {
    const here = movable(state, companyOf(state, vm), nowMs)
    if (here.length === 0 || ableNodes(state, here).length > 0) continue
    const able = ableNodes(state, here, true)
    const node = asleep.find((one) => able.includes(one))
    if (node) return { vm, node }
  }
  return undefined
}

/** It does not move by itself: the others have to come to it. */
const isBound = (vm: Vm): boolean =>
  vm.phase === 'paused' || vm.pinnedTo !== undefined || policyOf(vm).locked

/** Nothing else is done with it, and its surroundings are known. */
function isSettled(state: ClusterState, vm: Vm, nowMs: number): boolean {
  if ((vm.phase !== 'running' && vm.phase !== 'paused') || vm.migrationId !== undefined)
    return false
  if (nowMs < vm.live.ruleTries.nextAtMs) return false
  const node = vm.nodeId && state.nodes.get(vm.nodeId)
  // A node in maintenance is being left already.
  if (!node || !isReachable(node) || node.maintenance) return false
  const moving = new Set([...state.openMigrations].map((id) => state.migrations.get(id)?.vmId))
  const isApart = ({ kind }: HaRule) => kind === 'keep-apart'
  return !rulesOf(state, vm).some(
    (r) => isApart(r) && vmsNamed(state, r.vms).some((id) => moving.has(asVmId(id))),
  )
}

interface Wanted {
  readonly node: Node
  readonly why: string
}

/** Where all of them should be; undefined: nothing better than now. */
function wantedNode(state: ClusterState, here: readonly Vm[]): Wanted | undefined {
  const [first] = here
  if (!first) return undefined
  const at = new Set(here.flatMap(({ nodeId }) => nodeId ?? []))
  const along = new Set(here.map(({ id }) => id))
  const able = ableNodes(state, here)
  const rank = (node: Node) => rankOf(state, first, node.id)
  const held = (node: Node) => here.filter(({ nodeId }) => nodeId === node.id).length
  const order = nodesFor(state, wishOfAll(here), { vm: first, along, coming: here }).map(
    ({ id }) => id,
  )
  const place = (node: Node) => (order.indexOf(node.id) + order.length + 1) % (order.length + 1)
  able.sort((a, b) => rank(a) - rank(b) || held(b) - held(a) || place(a) - place(b))
  const [best] = able
  const present = at.size === 1 ? able.find(({ id }) => at.has(id)) : undefined
  if (!best) return undefined
  if (!present) return { node: best, why: whyLeave(state, here) }
  return betterThan(state, present, here, able)
}

/** The nodes that all of them may be on. @param asAwake as if nodes in standby had been woken */
function ableNodes(state: ClusterState, here: readonly Vm[], asAwake = false): Node[] {
  const [first] = here
  if (!first) return []
  const bound = here.filter(isBound)
  const mayBe = (node: Node) => bound.length === 0 || bound.some(({ nodeId }) => nodeId === node.id)
  const where = { vm: first, along: new Set(here.map(({ id }) => id)), asAwake }
  return [...state.nodes.values()].filter(mayBe).filter((node) => {
    const coming = here.filter(({ nodeId }) => nodeId !== node.id)
    return canTake(state, node, coming, where)
  })
}

/** It could stay: it goes only home, or up, and only if that is wanted. @param able best first */
function betterThan(
  state: ClusterState,
  present: Node,
  here: readonly Vm[],
  able: readonly Node[],
): Wanted | undefined {
  const [first] = here
  if (!first || !here.every((vm) => policyOf(vm).failback)) return undefined
  const rank = (node: Node) => rankOf(state, first, node.id)
  const isSteady = (node: Node) => node.live.lostAtMs.length < flapsMax
  const better = able.find((node) => rank(node) < rank(present) && isSteady(node))
  if (better) return { node: better, why: `its rules prefer ${better.id}` }
  const home = able.find(({ id }) => here.every(({ awayFrom }) => awayFrom === id))
  if (!home || home === present || rank(home) > rank(present) || !isSteady(home)) return undefined
  return { node: home, why: `it was on ${home.id} before that was taken out of service` }
}

/** @param coming those of them that are not there yet. */
function canTake(
  state: ClusterState,
  node: Node,
  coming: readonly Vm[],
  where: { readonly vm: Vm; readonly along: ReadonlySet<Vm['id']>; readonly asAwake: boolean },
): boolean {
  const { vm, along } = where
  if (coming.length > 0)
    return obstacleAt(state, node, wishOfAll(coming), { ...where, coming }) === undefined
  // One of their company may wait for the node that it is bound to: they have to come to it.
  const anchor = anchorOf(state, vm, along)
  if (anchor !== undefined && anchor.nodeId !== node.id) return false
  return isReachable(node) && !node.maintenance && forbids(state, vm, node.id) === undefined
}

function whyLeave(state: ClusterState, here: readonly Vm[]): string {
  const texts = here.flatMap((vm) => (vm.nodeId ? (forbids(state, vm, vm.nodeId) ?? []) : []))
  return texts[0] ?? 'a rule keeps them together'
}

function moveTo(step: Step, vm: Vm, to: Node, why: string): void {
  const isReturn = vm.awayFrom === to.id
  const cause = isReturn ? returnCause : ruleCause
  // Whoever writes too fast is slowed down: a rule is not to wait for ever.
  const params = { whenStuck: 'throttle' } as const
  const plan = { purpose: 'migrate', vm, to: to.id, cause, why, params } as const
  const migration = planMigration(step, plan)
  addMigration(step, migration)
  vm.live.ruleTries = triedAgain(vm, step.nowMs)
  becomeMigrating(step, vm, migration.id)
}

function triedAgain({ live }: Vm, nowMs: number): Vm['live']['ruleTries'] {
  const { count } = live.ruleTries
  const waitMs = Math.min(ruleRetryMs * 2 ** count, ruleRetryMsMax)
  return { count: count + 1, nextAtMs: nowMs + waitMs }
}

/** A migration has ended: one that a rule wanted, or one that makes a return pointless. */
export function seeMoved(step: Step, migration: Migration): void {
  const { vmId, from, phase, purpose, cause, why } = migration
  const vm = step.state.vms.get(vmId)
  if (!vm || phase !== 'done' || purpose !== 'migrate') return
  vm.live.ruleTries = { count: 0, nextAtMs: step.nowMs }
  // It has left a node that will be back; one that it had left before that stays its home.
  if (cause === evacuationCause) vm.awayFrom ??= from
  else delete vm.awayFrom
  vm.placedBecause = why ?? `a migration brought it there (${cause})`
  touch(step, 'vm', vm.id)
}
