// Rebalancing: which migrations would make the cluster's score better. Greedy: the best single
// move, then the next on what would be after it, at most one a node. Hysteresis: nothing below a
// threshold, each move must gain something, a moved VM stays for a while. Pure: returns moves with
// their reasons; carryOut() makes migrations of them. Laws (tested): a plan never worsens the
// score, and repeated plans come to an end.

import type { RebalanceView } from '#proto/api.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import { burdenOf, demandOf, fits, isFlapping } from './burdens.ts'
import type { ClusterState, Vm } from './cluster-state.ts'
import { keepsPromise } from './ha/admission.ts'
import { companyOf, forbids, policyOf, rankOf } from './ha/rules.ts'
import { moveCooldownMs } from './limits.ts'
import { hotLoad, loadOf, type NodeBurden, scoreOf, translateDemand } from './load-score.ts'
import { isAwaited } from './placement.ts'
import { isAwake } from './power/standby.ts'
import { nodeOf } from './step-context.ts'

/** Below this score no timer moves anything: loads that differ by a few percent are noise. */
export const scoreWorthMoving = 0.15
/** A move must gain this much: it costs a copy of the VM's memory. */
export const gainMin = 0.02

/** A VM that may be moved, as numbers. */
export interface Movable {
  readonly id: VmId
  readonly nodeId: NodeId
  readonly demandPercent: number
  readonly memoryMib: number
}

export interface Move {
  readonly vmId: VmId
  readonly from: NodeId
  readonly to: NodeId
  readonly why: string
}

/**
 * @param isAsked a person asked: no threshold and no cool-down, but still no move without a gain.
 */
export function rebalance(
  state: ClusterState,
  nowMs: number,
  { isAsked }: { readonly isAsked: boolean },
): RebalanceView {
  const nodes = [...state.nodes.values()].filter((node) => isAwake(node) && !node.live.isEmptying)
  const burdens = nodes.map((node) => burdenOf(state, node))
  const scoreBefore = scoreOf(burdens)
  const isQuiet = !isAsked && scoreBefore < scoreWorthMoving
  if (isQuiet || isRecovering(state)) return { scoreBefore, scoreAfter: scoreBefore, moves: [] }
  const busy = busyNodes(state)
  const movables = [...state.vms.values()].flatMap((vm) =>
    mayMove(state, vm, nowMs, isAsked) && vm.nodeId !== undefined ? [movableOf(vm, vm.nodeId)] : [],
  )
  // Where power is saved VMs are packed on purpose: only what is too hot is relieved.
  const isPacked = state.power.save && !isAsked
  const hot = new Set(burdens.filter((burden) => loadOf(burden) > hotLoad).map(({ id }) => id))
  const mayLeave = ({ nodeId }: Movable) => !isPacked || hot.has(nodeId)
  // To one that flaps nothing goes by itself.
  const mayCome = (to: NodeId) =>
    isAsked || !(isFlapping(nodeOf(state, to)) || isAwaited(state, nodeOf(state, to), nowMs))
  const leaving = movables.filter(mayLeave)
  return planMoves(
    burdens,
    leaving,
    busy,
    (move, before) => mayCome(move.to) && mayGo(state, move, before),
  )
}

/** No rule is broken, or kept less well, and what admission control promises stays true. */
function mayGo(state: ClusterState, move: Way, before: readonly Way[]): boolean {
  const { vmId, to } = move
  const vm = state.vms.get(vmId)
  if (!vm || vm.nodeId === undefined || forbids(state, vm, to) !== undefined) return false
  if (rankOf(state, vm, to) > rankOf(state, vm, vm.nodeId)) return false
  const together = [...before, move].flatMap(({ vmId: id, to: nodeId }) => {
    const one = state.vms.get(id)
    return one ? [[id, { vm: one, nodeId }] as const] : []
  })
  return keepsPromise(state, new Map(together))
}

const isRecovering = (state: ClusterState): boolean =>
  [...state.vms.values()].some((vm) => vm.isRecovery || (vm.phase === 'recovering' && !isHeld(vm)))

/** It was looked at, and starts on no node that is there: for a rule, a lock or want of room. */
const isHeld = ({ nodeId, fault }: Vm): boolean => nodeId === undefined && fault !== undefined

function mayMove(state: ClusterState, vm: Vm, nowMs: number, isAsked: boolean): boolean {
  if (vm.phase !== 'running' || vm.migrationId !== undefined || vm.pinnedTo !== undefined)
    return false
  if (vm.live.demandPercent === undefined || policyOf(vm).locked) return false
  if (companyOf(state, vm).length > 1) return false
  return isAsked || nowMs - vm.live.lastMovedAtMs >= moveCooldownMs
}

const movableOf = (vm: Vm, nodeId: NodeId): Movable => ({
  ...{ id: vm.id, nodeId },
  demandPercent: demandOf(vm),
  memoryMib: vm.spec.memoryMib,
})

/** Nodes that a migration is under way from or to: they get no second one. */
function busyNodes(state: ClusterState): Set<string> {
  const busy = new Set<string>()
  for (const id of state.openMigrations) {
    const migration = state.migrations.get(id)
    if (migration) busy.add(migration.from).add(migration.to)
  }
  return busy
}

/** Which VM, and where to. */
type Way = Pick<Move, 'vmId' | 'to'>
/** What else must be so of a move. @param before those that are made with it */
type MayGo = (way: Way, before: readonly Way[]) => boolean

/** The planner itself, on numbers alone. @param busy nodes that take no part. */
export function planMoves(
  burdens: readonly NodeBurden[],
  movables: readonly Movable[],
  busy: ReadonlySet<string>,
  mayGo: MayGo = () => true,
): { scoreBefore: number; scoreAfter: number; moves: Move[] } {
  const taken = new Set(busy)
  const moves: Move[] = []
  const scoreBefore = scoreOf(burdens)
  let now = [...burdens]
  let score = scoreBefore
  for (;;) {
    const may = { taken, mayGo: (way: Way) => mayGo(way, moves) }
    const best = bestMove(now, movables, may, score)
    if (!best) return { scoreBefore, scoreAfter: score, moves }
    moves.push({ ...best.move, why: reasonOf(best, score) })
    taken.add(best.move.from).add(best.move.to)
    now = best.after
    score = best.score
  }
}

interface Candidate {
  readonly move: Omit<Move, 'why'>
  readonly before: readonly NodeBurden[]
  readonly after: NodeBurden[]
  readonly score: number
}

function bestMove(
  burdens: readonly NodeBurden[],
  movables: readonly Movable[],
  { taken, mayGo }: { readonly taken: ReadonlySet<string>; mayGo(way: Way): boolean },
  score: number,
): Candidate | undefined {
  let best: Candidate | undefined
  for (const vm of movables) {
    if (taken.has(vm.nodeId)) continue
    for (const to of burdens) {
      if (to.id === vm.nodeId || taken.has(to.id)) continue
      const candidate = candidateFor(burdens, vm, to)
      if (!candidate || score - candidate.score < gainMin) continue
      const isBetter = !best || candidate.score < best.score - 1e-12
      if (isBetter && mayGo({ vmId: vm.id, to: to.id as NodeId })) best = candidate
    }
  }
  return best
}

function candidateFor(
  before: readonly NodeBurden[],
  vm: Movable,
  to: NodeBurden,
): Candidate | undefined {
  const from = before.find((burden) => burden.id === vm.nodeId)
  if (!from) return undefined
  const demandPercent = translateDemand(vm.demandPercent, from, to)
  if (!fits(to, { memoryMib: vm.memoryMib, demandPercent })) return undefined
  const after = before.map((burden) => {
    if (burden === from) return shifted(burden, -vm.demandPercent, -vm.memoryMib)
    return burden === to ? shifted(burden, demandPercent, vm.memoryMib) : burden
  })
  const move = { vmId: vm.id, from: vm.nodeId, to: to.id as NodeId }
  return { move, before, after, score: scoreOf(after) }
}

const shifted = (burden: NodeBurden, demandPercent: number, memoryMib: number): NodeBurden => ({
  ...burden,
  demandPercent: Math.max(0, burden.demandPercent + demandPercent),
  reservedMib: burden.reservedMib + memoryMib,
  vms: burden.vms + Math.sign(memoryMib),
})

function reasonOf({ move, before, after, score }: Candidate, scoreBefore: number): string {
  const percentAt = (burdens: readonly NodeBurden[], id: string) => {
    const burden = burdens.find((candidate) => candidate.id === id)
    return burden ? Math.round(loadOf(burden) * 100) : 0
  }
  const changeAt = (id: string) => `${percentAt(before, id)} → ${percentAt(after, id)} %`
  const heat = percentAt(before, move.from) > hotLoad * 100 ? 'overloaded' : 'busier'
  return (
    `${move.from} is ${heat}: ${changeAt(move.from)}, ${move.to} ${changeAt(move.to)} ` +
    `(score ${scoreBefore.toFixed(2)} → ${score.toFixed(2)})`
  )
}
