// Placement: on which node a VM starts, or goes to. First a filter (online, memory, CPU), then the
// least resulting load by demand over capacity, ties by name. The same burdens are what
// rebalance.ts works on. Reservations are the specs' memory, as the agents count it: of VMs there
// and of copies on their way.

import { type Fault, fault } from '#proto/faults.ts'
import { asVmId, type NodeId, type VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { nodePhaseSentences } from '#proto/state.ts'
import {
  burdenOf,
  burdenWithout,
  byMarks,
  fits,
  isFlapping,
  loadMarks,
  marksOfBurden,
  setDemand,
  type Wish,
  wishOf,
  wishOfAll,
} from './burdens.ts'
import type { ClusterState, Node, Vm } from './cluster-state.ts'
import { sendStart } from './commands-out.ts'
import { chooseKeeping } from './ha/admission.ts'
import { vmsNamed } from './ha/groups.ts'
import { anchorOf, comingWith, companyOf, forbids, policyOf, rankOf, rulesOf } from './ha/rules.ts'
import { placementRetryMs } from './limits.ts'
import { cannotKeepApart } from './networks.ts'
import {
  againstRules,
  allInMaintenance,
  inMaintenance,
  inStandby,
  noNode,
  noRoom,
} from './no-node.ts'
import { isLost } from './node-doors.ts'
import { isReachable, type Step, takeEpoch, touch } from './step-context.ts'
import { goOn, standingOn } from './stranded.ts'
import { becomeStarting, setVmFault } from './vm-doors.ts'

export interface Where {
  readonly only?: NodeId | undefined
  /** Not there. */
  readonly but?: ReadonlySet<NodeId> | undefined
  /** Whose rules count. */
  readonly vm?: Vm | undefined
  /** Those that go with it: where they are now binds nobody. */
  readonly along?: ReadonlySet<VmId> | undefined
  /** All that come there by this, where they are several. */
  readonly coming?: readonly Vm[] | undefined
  /** As if nodes in standby had been woken. */
  readonly asAwake?: boolean | undefined
}

/** Why a node cannot take a wish, and the code of the fault that says so. */
export interface Obstacle {
  readonly kind: 'absent' | 'maintenance' | 'asleep' | 'excluded' | 'rule' | 'full'
  readonly text: string
}

/** What stands against a node; undefined: it can take it. */
export function obstacleAt(
  state: ClusterState,
  node: Node,
  wish: Wish,
  { only, but, vm, along, coming, asAwake }: Where = {},
): Obstacle | undefined {
  if (only !== undefined && node.id !== only)
    return { kind: 'excluded', text: `it is bound to ${only}` }
  const { phase } = node
  if (!isReachable(node)) return { kind: 'absent', text: `it ${nodePhaseSentences[phase]}` }
  if (node.live.isClosing) return { kind: 'absent', text: 'it shuts down' }
  if (node.maintenance) return { kind: 'maintenance', text: 'it is in maintenance' }
  if (node.standby && !asAwake) return { kind: 'asleep', text: 'it is in standby' }
  if (but?.has(node.id)) return { kind: 'excluded', text: 'it could not start it' }
  return misfitAt(state, node, wish, { vm, along, coming })
}

/** What stands against it at a node that takes VMs. */
function misfitAt(
  state: ClusterState,
  node: Node,
  wish: Wish,
  { vm, along, coming }: Pick<Where, 'vm' | 'along' | 'coming'>,
): Obstacle | undefined {
  const tooOld = vm && cannotKeepApart(node, vm.spec)
  if (tooOld !== undefined) return { kind: 'rule', text: tooOld }
  const rule = vm && ruleAgainst(state, vm, node, along)
  if (rule !== undefined) return { kind: 'rule', text: rule }
  const burden = burdenWithout(state, node, coming ?? (vm ? [vm] : []))
  if (fits(burden, wish)) return undefined
  const freeMib = burden.memoryMib - burden.reservedMib
  const isFull = wish.memoryMib > freeMib
  const text = isFull
    ? `${wish.memoryMib} MiB do not fit, ${freeMib} are free`
    : 'its cores are taken'
  return { kind: 'full', text }
}

/** The strict rule that keeps it from there. @param along as of anchorOf */
export function ruleAgainst(
  state: ClusterState,
  vm: Vm,
  node: Node,
  along?: ReadonlySet<VmId>,
): string | undefined {
  const forbidden = forbids(state, vm, node.id)
  if (forbidden !== undefined) return forbidden
  const anchor = anchorOf(state, vm, along)
  if (anchor === undefined || anchor.nodeId === node.id) return undefined
  const is = anchor.isBound ? 'is bound to' : 'is on'
  return `a rule keeps ${vm.id} together with ${anchor.with}, which ${is} ${anchor.nodeId}`
}

/**
 * The nodes that can take a wish, best first: as the rules rank them, not lost again and again, the
 * least load, the fewest VMs, by name.
 */
export const nodesFor = (state: ClusterState, wish: Wish, where: Where = {}): Node[] =>
  markedFor(state, wish, where).map(({ node }) => node)

function markedFor(state: ClusterState, wish: Wish, where: Where): Marked[] {
  const able = [...state.nodes.values()].filter((node) => !obstacleAt(state, node, wish, where))
  const marked = able.map((node) => {
    return { id: node.id, node, marks: marksOf(state, node, wish, where.vm) }
  })
  return marked.sort(byMarks)
}

/** Those of them from which nothing but its load tells the best one. */
export function nodesLikeBest(state: ClusterState, wish: Wish, where: Where): Node[] {
  const marked = markedFor(state, wish, where)
  const isLike = ({ marks }: Marked) =>
    marks.slice(0, -loadMarks).every((mark, n) => mark === marked[0]?.marks[n])
  return marked.filter(isLike).map(({ node }) => node)
}

/** The first that differs decides; less is better. */
function marksOf(state: ClusterState, node: Node, wish: Wish, vm: Vm | undefined): number[] {
  const wanted = (vm?.restartOn ?? vm?.relocateTo) === node.id ? 0 : 1
  const burden = burdenOf(state, node)
  const rank = vm ? rankOf(state, vm, node.id) : 0
  const leaving = node.live.isEmptying ? 1 : 0
  return [wanted, rank, leaving, ...marksOfBurden(burden, isFlapping(node), wish)]
}

/** The node a wish should go to, or the fault that says why there is none. */
export function chooseNode(state: ClusterState, wish: Wish, where: Where = {}): Node | Fault {
  let best: Marked | undefined
  const coming = where.coming ?? (where.vm ? [where.vm] : [])
  for (const node of named(state, where.only)) {
    // First what most nodes of a full cluster fail at, for it costs the least to see.
    if (!fits(burdenWithout(state, node, coming), wish)) continue
    if (obstacleAt(state, node, wish, where)) continue
    const marks = marksOf(state, node, wish, where.vm)
    const marked = { id: node.id, node, marks }
    if (!best || byMarks(marked, best) < 0) best = marked
  }
  return best?.node ?? whyNone(state, wish, where)
}

/** The one that it must be, or all. */
function named({ nodes }: ClusterState, only: NodeId | undefined): Iterable<Node> {
  if (only === undefined) return nodes.values()
  const node = nodes.get(only)
  return node ? [node] : []
}

interface Marked {
  readonly id: string
  readonly node: Node
  readonly marks: readonly number[]
}

export const isNode = (choice: Node | Fault): choice is Node => 'phase' in choice

function whyNone(state: ClusterState, wish: Wish, where: Where): Fault {
  const { only } = where
  const named = only && state.nodes.get(only)
  if (named?.maintenance) return inMaintenance(named)
  const seen = [...state.nodes.values()].flatMap((node) => {
    const obstacle = obstacleAt(state, node, wish, where)
    return obstacle ? [{ node, ...obstacle }] : []
  })
  const full = seen.filter(({ kind }) => kind === 'full')
  const ruled = seen.filter(({ kind }) => kind === 'rule')
  if (ruled.length > 0) return againstRules([...ruled, ...full])
  const nodesOf = (ones: readonly { node: Node }[]) => ones.map(({ node }) => node)
  if (full.length > 0) return noRoom(wish, nodesOf(full))
  const asleep = seen.filter(({ kind }) => kind === 'asleep')
  if (asleep.length > 0) return inStandby(nodesOf(asleep))
  const away = seen.filter(({ kind, node }) => kind === 'maintenance' && !where.but?.has(node.id))
  return away.length > 0 ? allInMaintenance(nodesOf(away)) : noNode(where)
}

export const wishWith = (state: ClusterState, vm: Vm): Wish => wishOfAll(comingWith(state, vm))

/** What must be free where it starts: room for all of its company that is to come, too. */
export const wishToStart = (state: ClusterState, vm: Vm): Wish =>
  companyOf(state, vm).length > 1 ? wishWith(state, vm) : wishOf(vm.spec)

/**
 * Gives every waiting VM a node, as far as there is room: whoseTurn says in which
 * order. Called at the end of each step.
 */
export function placeWaiting(step: Step): void {
  const { state } = step
  if (state.waiting.size === 0) return
  const waiting = [...state.waiting].map((id) => {
    const vm = state.vms.get(id)
    invariant(vm, `vm ${id} waits but is not there`)
    return vm
  })
  const ready = waiting.filter((vm) => isReady(vm, step.nowMs)).sort(whoseTurn)
  const due = ready.filter(({ live }) => live.lookAgainAtMs <= step.nowMs)
  // What one of them finds is for those whose turn it was before, whenever they have looked last.
  const isFound = due.length < ready.length && due.some((vm) => findsNode(step, vm))
  for (const vm of isFound ? ready : due) place(step, vm)
}

const isReady = ({ live }: Vm, nowMs: number): boolean =>
  live.retryAtMs <= nowMs && live.clearFromMs <= nowMs

const findsNode = ({ state }: Step, vm: Vm): boolean =>
  heldBack(state, vm) === undefined &&
  isNode(chooseNode(state, wishToStart(state, vm), startWhere(state, vm)))

/**
 * Higher priorities first; then those that are to run again before new ones, and of them the
 * largest, for which there are the fewest places; then the oldest.
 */
export function whoseTurn(a: Vm, b: Vm): number {
  const priority = (vm: Vm) => policyOf(vm).priority
  const isNew = (vm: Vm) => (vm.phase === 'pending' ? 1 : 0)
  const size = (vm: Vm) => (isNew(vm) ? 0 : vm.spec.memoryMib)
  const order = priority(b) - priority(a) || isNew(a) - isNew(b) || size(b) - size(a)
  return order || a.serial - b.serial
}

/**
 * The node that it waits for since that shut down: as long as it may be there at all. One that is
 * back and cannot take it is waited for no more, or it would be for ever.
 */
export function frozenTo(state: ClusterState, vm: Vm): NodeId | undefined {
  const node = vm.frozenOn && state.nodes.get(vm.frozenOn)
  if (state.ha.shutdown !== 'freeze' || !node || node.maintenance) return undefined
  if (ruleAgainst(state, vm, node) !== undefined) return undefined
  const isBack = isReachable(node) && !node.live.isClosing
  const cannot = isBack && obstacleAt(state, node, wishToStart(state, vm), { vm })
  return cannot ? undefined : node.id
}

const boundTo = (state: ClusterState, vm: Vm): NodeId | undefined =>
  vm.pinnedTo ?? frozenTo(state, vm) ?? (vm.epoch === 0 ? vm.startOn : undefined)

const nobody = () => []

/** May it be tried on another node, full or not? Each may refuse it once, or one for another. */
export function hasUntried(state: ClusterState, vm: Vm, refusedBy = vm.refusedBy ?? []): boolean {
  const only = boundTo(state, vm)
  const places = [...state.nodes.values()].filter(
    (node) =>
      isReachable(node) &&
      !node.maintenance &&
      (only === undefined || node.id === only) &&
      forbids(state, vm, node.id, nobody) === undefined,
  )
  const refusals = refusedBy.filter((id) => places.some((place) => place.id === id))
  return places.length > refusals.length && places.some(({ id }) => !refusals.includes(id))
}

/** Where it may start, if anywhere: what `place` asks, and what `why` shows. */
export const startWhere = (state: ClusterState, vm: Vm): Where => ({
  ...{ vm, only: boundTo(state, vm), but: new Set(vm.refusedBy) },
})

/**
 * Somebody who is down would start there: no VM that runs is moved into its way, and no replica.
 * It has looked, or will in a moment, or when it is sure that nobody runs it.
 */
export const isAwaited = (state: ClusterState, node: Node, nowMs: number): boolean =>
  [...state.waiting].some((id) => {
    const vm = state.vms.get(id)
    if (vm?.phase !== 'recovering' || vm.live.retryAtMs > nowMs || heldBack(state, vm)) return false
    return !obstacleAt(state, node, wishToStart(state, vm), startWhere(state, vm))
  })

/** Why it is not even tried; undefined: it is. */
export function heldBack(state: ClusterState, vm: Vm): Fault | undefined {
  const isByItself = vm.phase === 'recovering'
  if (isByItself && !state.ha.armed)
    return fault('wrong-state', 'high availability is disarmed: `godwit ha arm` restarts it')
  if (isByItself && policyOf(vm).locked)
    return fault('wrong-state', `it is locked: \`godwit ha set ${vm.id} --unlock\` restarts it`)
  const home = vm.restartOn && state.nodes.get(vm.restartOn)
  if (home && !isLost(home) && !isReachable(home))
    return fault('wrong-state', `it is to start again on ${vm.restartOn}, which is silent now`)
  const first = vmsNamed(state, policyOf(vm).after).find((id) => isComing(state, asVmId(id)))
  if (first === undefined) return undefined
  return fault('wrong-state', `it starts after ${first}, which does not run yet`)
}

/** One that will run in a while, if all goes well: it is worth waiting for. */
const isComing = (state: ClusterState, id: VmId): boolean => {
  const vm = state.vms.get(id)
  return vm !== undefined && ['pending', 'starting', 'recovering'].includes(vm.phase)
}

/** It is there already: that nothing new is to come there is not in its way. */
const mayStay = (state: ClusterState, vm: Vm, node: Node): boolean =>
  isReachable(node) && misfitAt(state, node, wishOf(vm.spec), { vm }) === undefined

function place(step: Step, vm: Vm): void {
  const { state } = step
  const standing = standingOn(step, vm)
  if (standing === 'waits') return
  if (standing && mayStay(state, vm, standing)) {
    setDemand(state, vm, undefined)
    goOn(step, vm, standing)
    return
  }
  const held = heldBack(state, vm)
  const choice = held ?? chosenFor(step, vm)
  if (!isNode(choice)) {
    vm.live.lookAgainAtMs = step.nowMs + placementRetryMs
    setVmFault(step, vm, choice)
    return
  }
  // Also where a migration of it still waits in the queue.
  setDemand(state, vm, undefined)
  vm.placedBecause = becauseOf(state, vm, choice)
  becomeStarting(step, vm, choice.id, takeEpoch(step))
  sendStart(step, vm, choice)
}

/** For one that is to run again, the promise was made: it needs not be kept once more. */
export function nodeToStart(
  state: ClusterState,
  vm: Vm,
  refusedBy: readonly NodeId[] = vm.refusedBy ?? [],
): Node | Fault {
  const where = { ...startWhere(state, vm), but: new Set(refusedBy) }
  const wish = wishToStart(state, vm)
  const isNew = vm.phase !== 'recovering'
  return isNew ? chooseKeeping(state, wish, where, [vm]) : chooseNode(state, wish, where)
}

/** Where it was refused is better than nowhere: those that are left may not take it for long. */
function chosenFor(step: Step, vm: Vm): Node | Fault {
  const { state } = step
  const refused = vm.refusedBy ?? []
  const choose = (but: readonly NodeId[]) => nodeToStart(state, vm, but)
  const untried = choose(refused)
  if (isNode(untried) || refused.length === 0) return untried
  const other = choose(refused.slice(-1))
  const choice = isNode(other) ? other : choose([])
  if (isNode(choice)) return choice
  // Room that appears, or is made for it, is as good there as anywhere.
  delete vm.refusedBy
  touch(step, 'vm', vm.id)
  return choice
}

function becauseOf(state: ClusterState, vm: Vm, { id }: Node): string {
  if (boundTo(state, vm) === id) return `it is bound to ${id}`
  if (vm.restartOn === id) return 'it ran there before'
  if (vm.relocateTo === id) return 'an operator wanted it there'
  const anchor = anchorOf(state, vm)
  if (anchor) return `a rule keeps it together with ${anchor.with}`
  const { tolerate } = state.ha
  if (rulesOf(state, vm).length === 0 && tolerate === 0) return 'that node had the least to do'
  const able = nodesFor(state, wishToStart(state, vm), startWhere(state, vm))
  const [best] = able
  if (best && best.id !== id) return `what is free on ${best.id} is for failures`
  if (able.length === 1) return 'no other node could take it'
  const isRanked = able.some((node) => rankOf(state, vm, node.id) > rankOf(state, vm, id))
  return isRanked ? 'its rules prefer that node' : 'that node had the least to do'
}
