// Consolidation: VMs of lightly loaded nodes are packed onto others, one node at a time, so that it
// can go to standby. A plan is made on paper first, the largest VM first onto the fullest node that
// takes it (best fit decreasing), and begun only if it empties the node wholly: rules are kept, no
// node gets more than the load that is allowed, and the failures that were promised to be tolerated
// still are. Replicas that are kept there are made anew elsewhere. Not here: standby itself
// (standby.ts). Monotonic ms; how often: limits.ts.

import type { NodeId } from '#proto/ids.ts'
import { burdenOf, byMarks, demandOf, fits, isFlapping, vmsOf, wishOf } from '../burdens.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import { keepsPromise, type OnPaper } from '../ha/admission.ts'
import { mayKeepReplica } from '../ha/company-replicas.ts'
import { endReplica } from '../ha/protection.ts'
import {
  companyOf,
  forbids,
  nodesOf,
  policyOf,
  rankOf,
  type Seats,
  vmsInRules,
} from '../ha/rules.ts'
import { consolidateEveryMs, consolidateRestMs } from '../limits.ts'
import { hotLoad, loadOf, type NodeBurden, translateDemand } from '../load-score.ts'
import { beginQueue } from '../move-commands.ts'
import { nodeOf, type Step } from '../step-context.ts'
import { isAwake, meanLoad, sleep, wakeNeeded, whoseReplica } from './standby.ts'

export const consolidationCause = 'consolidation'

/** Each tick. */
export function consolidate(step: Step): void {
  const { state, nowMs } = step
  if (nowMs < state.consolidateAtMs) return
  state.consolidateAtMs = nowMs + consolidateEveryMs
  wakeNeeded(step)
  noteEmpty(step)
  if (!state.power.save) {
    // Whoever was being emptied is a node like any other again.
    for (const { live } of state.nodes.values()) live.isEmptying = false
    return
  }
  putToSleep(step)
  if (isQuiet(state)) emptyOne(step)
}

function noteEmpty({ state, nowMs }: Step): void {
  for (const { live, standby } of state.nodes.values()) {
    const isEmpty = live.vmIds.size + live.incoming.size + live.replicaOf.size === 0
    if (!isEmpty || standby) live.emptySinceMs = undefined
    else live.emptySinceMs ??= nowMs
  }
}

/** Those that were empty for long enough, as long as the others can bear it all; never the last. */
function putToSleep(step: Step): void {
  const { state, nowMs } = step
  const { sleepAfterMs, loadMax } = state.power
  for (const node of [...state.nodes.values()].filter(isAwake)) {
    const { emptySinceMs } = node.live
    if (emptySinceMs === undefined || nowMs - emptySinceMs < sleepAfterMs) continue
    const others = [...state.nodes.values()].filter((one) => one !== node && isAwake(one))
    if (others.length === 0 || state.waiting.size > 0 || whoseReplica(state, node)) continue
    if (meanLoad(state, others) <= loadMax) sleep(step, node, 'it is empty, and not needed', false)
  }
}

/** Nothing is on its way, nothing is broken: a good moment to tidy up. */
const isQuiet = (state: ClusterState): boolean =>
  state.ha.armed &&
  state.openMigrations.size === 0 &&
  state.waiting.size === 0 &&
  ![...state.nodes.values()].some(({ live }) => live.wakesAtMs !== undefined)

interface Plan {
  readonly node: Node
  readonly moves: readonly { readonly vm: Vm; readonly to: Node }[]
  /** Whose replicas are given up there, and made anew where others run. */
  readonly replicas: readonly Vm[]
}

function emptyOne(step: Step): void {
  const { state, nowMs } = step
  const awake = [...state.nodes.values()].filter(isAwake)
  for (const node of awake) node.live.isEmptying = false
  if (nowMs < state.consolidateRestUntilMs) return
  const lightest = awake
    .filter(({ live }) => live.vmIds.size + live.replicaOf.size > 0)
    .sort((a, b) => burdenOf(state, a).reservedMib - burdenOf(state, b).reservedMib)
  for (const node of lightest) {
    const plan = planFor(state, node, awake)
    if (!plan) continue
    node.live.isEmptying = true
    // What comes of it is seen first; also when it fails.
    state.consolidateRestUntilMs = nowMs + consolidateRestMs
    const why = `${node.id} can go to standby then`
    for (const { vm, to } of plan.moves)
      beginQueue(step, vm, to, { cause: consolidationCause, why, params: undefined })
    for (const vm of plan.replicas) endReplica(step, vm)
    return
  }
}

/** Undefined: it cannot be emptied wholly. */
function planFor(state: ClusterState, node: Node, awake: readonly Node[]): Plan | undefined {
  const vms = vmsOf(state, node.live.vmIds)
  if (!vms.every((vm) => mayMove(state, vm))) return undefined
  const burdens = new Map(awake.map((one) => [one.id, burdenOf(state, one)]))
  burdens.delete(node.id)
  const moves: { vm: Vm; to: Node }[] = []
  const size = ({ spec }: Vm) => spec.memoryMib
  // Those that go before it are there already, as far as rules are concerned.
  const seats = (vm: Vm) => {
    const move = moves.find((one) => one.vm === vm)
    return move ? [move.to.id] : nodesOf(state, vm)
  }
  for (const vm of vms.sort((a, b) => size(b) - size(a) || a.serial - b.serial)) {
    const isAllowed = (to: NodeId) =>
      forbids(state, vm, to, seats) === undefined && keepsPromise(state, onPaper(moves, { vm, to }))
    const isWelcome = (to: NodeId) =>
      areKeptAsWell(state, (one) => (one === vm ? [to] : seats(one)))
    const to = fullestFor(state, vm, node, burdens, { isAllowed, isWelcome })
    if (to === undefined) return undefined
    moves.push({ vm, to: state.nodes.get(to) as Node })
  }
  const plan = { node, moves, replicas: vmsOf(state, node.live.replicaOf) }
  return areKeptAsWell(state, seats) && isKeptElsewhere(state, plan, burdens) ? plan : undefined
}

/** Nobody's preferences are kept less well by it all: who stays would leave for the empty node. */
const areKeptAsWell = (state: ClusterState, seats: Seats): boolean =>
  vmsInRules(state).every((vm) => {
    const [now] = nodesOf(state, vm)
    const [then] = seats(vm)
    return !now || !then || rankOf(state, vm, then, seats) <= rankOf(state, vm, now)
  })

/** Each of its replicas has a place on a node that stays on, and promises are kept. */
function isKeptElsewhere(
  state: ClusterState,
  { node, moves, replicas }: Plan,
  burdens: Map<NodeId, NodeBurden>,
): boolean {
  const paper = new Map(moves.map(({ vm, to }) => [vm.id, { vm, nodeId: to.id }]))
  for (const vm of replicas) {
    const { replica, nodeId } = vm
    const isReady = replica?.phase === 'ready' && vm.phase === 'running'
    if (!isReady || policyOf(vm).locked || companyOf(state, vm).length > 1) return false
    const place = [...burdens].find(([id, burden]) => {
      const to = nodeOf(state, id)
      return (
        burden.vms > 0 &&
        fits(burden, { ...wishOf(vm.spec), demandPercent: 0 }) &&
        mayKeepReplica(state, vm, to, false) &&
        rankOf(state, vm, id) <= rankOf(state, vm, node.id)
      )
    })
    if (!place || nodeId === undefined) return false
    const [id, burden] = place
    burdens.set(id, { ...burden, reservedMib: burden.reservedMib + vm.spec.memoryMib })
    paper.set(vm.id, { vm: { ...vm, replica: { ...replica, nodeId: id } }, nodeId })
  }
  return replicas.length === 0 || keepsPromise(state, paper)
}

/** With those that go before it. */
const onPaper = (moves: Plan['moves'], { vm, to }: { vm: Vm; to: NodeId }): OnPaper =>
  new Map([
    ...moves.map((move) => [move.vm.id, { vm: move.vm, nodeId: move.to.id }] as const),
    [vm.id, { vm, nodeId: to }] as const,
  ])

const mayMove = (state: ClusterState, vm: Vm): boolean =>
  vm.phase === 'running' &&
  vm.pinnedTo === undefined &&
  vm.live.demandPercent !== undefined &&
  !policyOf(vm).locked &&
  companyOf(state, vm).length === 1

/** And it is counted there, for the next one. */
function fullestFor(
  state: ClusterState,
  vm: Vm,
  from: Node,
  burdens: Map<NodeId, NodeBurden>,
  { isAllowed, isWelcome }: Record<'isAllowed' | 'isWelcome', (to: NodeId) => boolean>,
): NodeId | undefined {
  // Rebalancing would take from a node that is hot what was packed there.
  const loadMax = Math.min(state.power.loadMax, hotLoad)
  const able = [...burdens].flatMap(([id, burden]) => {
    const demandPercent = translateDemand(demandOf(vm), from.capacity, burden)
    const after = {
      ...burden,
      demandPercent: burden.demandPercent + demandPercent,
      reservedMib: burden.reservedMib + vm.spec.memoryMib,
      vms: burden.vms + 1,
    }
    const isEmpty = burden.vms === 0
    // Where its own replica is that would have to go, to the node that is emptied perhaps.
    const isOwn = vm.replica?.nodeId === id
    const isFree = !isEmpty && !isOwn && !isFlapping(nodeOf(state, id))
    const mayGo = isFree && fits(burden, { memoryMib: vm.spec.memoryMib, demandPercent })
    if (!mayGo || loadOf(after) > loadMax || !isAllowed(id)) return []
    // Where somebody minds, the plan comes to nothing, unless the next who goes there mends that.
    return [{ id, after, marks: [isWelcome(id) ? 0 : 1, -after.reservedMib] }]
  })
  able.sort(byMarks)
  const [best] = able
  if (best) burdens.set(best.id, best.after)
  return best?.id
}
