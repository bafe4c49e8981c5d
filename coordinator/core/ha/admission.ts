// Admission control: may any k nodes fail, and every protected VM still finds room, without a
// strict rule being broken? Tried on paper: each set of nodes is taken away, and its VMs are placed
// on what is left, in the order and by the choices of placement.ts. So the promise is what would
// happen, as far as the demand of VMs that start is what their specs expect. Sizes in MiB.

import type { Fault } from '#proto/faults.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import {
  burdenOf,
  byMarks,
  fits,
  isFlapping,
  marksOfBurden,
  type Wish,
  wishOf,
  wishOfAll,
} from '../burdens.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import type { NodeBurden } from '../load-score.ts'
import { isDoubtful } from '../node-doors.ts'
import { chooseNode, isNode, nodesLikeBest, type Where, whoseTurn } from '../placement.ts'
import { nodeOf } from '../step-context.ts'
import { companyOf, forbids, nodesOf, rankOf } from './rules.ts'

/** The nodes whose loss would leave these VMs without a place. */
export interface Shortage {
  readonly nodes: readonly NodeId[]
  readonly vms: readonly VmId[]
}

/** VMs, or their replicas, where they are not yet: those that move, or new ones. */
export type OnPaper = ReadonlyMap<VmId, { readonly vm: Vm; readonly nodeId: NodeId }>
const asItIs: OnPaper = new Map()

/** More sets than this are not tried: the nodes with most on them stand for the others. */
const setsMax = 300

/** @param failures so many at once. Empty: any so many may fail. */
export function shortagesOf(
  state: ClusterState,
  failures: number,
  onPaper: OnPaper = asItIs,
): Shortage[] {
  const paper = paperOf(state, onPaper)
  if (failures === 0) return []
  const weight = (id: NodeId) => paper.burdens.get(id)?.reservedMib ?? 0
  const sets = setsOf([...paper.burdens.keys()], failures, weight)
  return sets.flatMap((nodes) => {
    const vms = strandedBy(state, paper, new Set(nodes))
    return vms.length > 0 ? [{ nodes, vms }] : []
  })
}

/** Any so many nodes may fail now. */
export function toleratedOf(state: ClusterState): number {
  const inService = [...state.nodes.values()].filter(isInService).length
  let failures = 0
  while (failures + 1 < inService && shortagesOf(state, failures + 1).length === 0) failures += 1
  return failures
}

export const spareMibOf = (state: ClusterState): number =>
  [...paperOf(state, asItIs).burdens.values()].reduce(
    (sum, { memoryMib, reservedMib }) => sum + Math.max(0, memoryMib - reservedMib),
    0,
  )

/** Moves that are made together leave the promise as true as it is. */
export function keepsPromise(state: ClusterState, moves: OnPaper): boolean {
  const { tolerate } = state.ha
  if (tolerate === 0) return true
  const after = shortagesOf(state, tolerate, moves)
  return after.length === 0 || after.length <= shortagesOf(state, tolerate).length
}

/** More are not looked at: each costs as much as the whole promise. */
const triedMax = 8

/**
 * Where these would go: of the nodes that only their load tells from the best one, the first on
 * which they leave the promise as true as it is; where there is none, the best.
 */
export function chooseKeeping(
  state: ClusterState,
  wish: Wish,
  where: Where,
  coming: readonly Vm[],
): Node | Fault {
  const best = chooseNode(state, wish, where)
  const keeps = ({ id: nodeId }: Node) =>
    keepsPromise(state, new Map(coming.map((vm) => [vm.id, { vm, nodeId }])))
  if (!isNode(best) || keeps(best)) return best
  const [, ...others] = nodesLikeBest(state, wish, where).slice(0, triedMax)
  return others.find(keeps) ?? best
}

const isInService = (node: Node): boolean =>
  (node.phase === 'online' || isDoubtful(node)) && !node.maintenance

interface Paper {
  /** Nodes in service, with what they bear. */
  readonly burdens: ReadonlyMap<NodeId, NodeBurden>
  readonly seats: ReadonlyMap<VmId, readonly NodeId[]>
  readonly vms: readonly Vm[]
}

function paperOf(state: ClusterState, onPaper: OnPaper): Paper {
  const seats = new Map<VmId, readonly NodeId[]>()
  for (const vm of state.vms.values()) seats.set(vm.id, nodesOf(state, vm))
  const burdens = new Map<NodeId, NodeBurden>()
  for (const node of state.nodes.values())
    if (isInService(node)) burdens.set(node.id, burdenOf(state, node))
  for (const [id, { vm, nodeId }] of onPaper) {
    for (const at of seats.get(id) ?? []) bear(burdens, at, vm, -1)
    bear(burdens, nodeId, vm, 1)
    seats.set(id, [nodeId])
    reserve(burdens, state.vms.get(id)?.replica?.nodeId, -vm.spec.memoryMib)
    reserve(burdens, vm.replica?.nodeId, vm.spec.memoryMib)
  }
  const isNew = ({ vm }: { vm: Vm }) => !state.vms.has(vm.id)
  const added = [...onPaper.values()].filter(isNew).map(({ vm }) => vm)
  const there = [...state.vms.values()].map((vm) => onPaper.get(vm.id)?.vm ?? vm)
  return { burdens, seats, vms: [...there, ...added] }
}

/** One more of it there, or one less. */
function bear(burdens: Map<NodeId, NodeBurden>, nodeId: NodeId, vm: Vm, count: 1 | -1): void {
  const burden = burdens.get(nodeId)
  if (!burden) return
  burdens.set(nodeId, {
    ...burden,
    demandPercent: burden.demandPercent + count * wishOf(vm.spec).demandPercent,
    expectedPercent: burden.expectedPercent + count * wishOf(vm.spec).demandPercent,
    reservedMib: burden.reservedMib + count * vm.spec.memoryMib,
    vms: burden.vms + count,
  })
}

/** The protected VMs that would find no place when these nodes are lost. */
function strandedBy(state: ClusterState, paper: Paper, lost: ReadonlySet<NodeId>): VmId[] {
  const burdens = new Map([...paper.burdens].filter(([id]) => !lost.has(id)))
  const seats = new Map([...paper.seats].map(([id, at]) => [id, at.filter((n) => !lost.has(n))]))
  // One that is bound waits for its node: it takes no room elsewhere, and lacks none.
  const isFree = ({ spec, pinnedTo }: Vm) => spec.ha && pinnedTo === undefined
  const homeless = paper.vms
    .filter((vm) => isFree(vm) && paper.seats.get(vm.id)?.length && !seats.get(vm.id)?.length)
    .sort(
      (a, b) => Number(isReadyOn(burdens, b)) - Number(isReadyOn(burdens, a)) || whoseTurn(a, b),
    )
  // It becomes the VM, where it takes over, or is none any more: its room is free either way.
  for (const { replica, spec } of homeless) reserve(burdens, replica?.nodeId, -spec.memoryMib)
  return homeless.flatMap((vm) => {
    const nodeId = seatFor(state, vm, burdens, seats, homeless)
    if (nodeId === undefined) return [vm.id]
    bear(burdens, nodeId, vm, 1)
    seats.set(vm.id, [nodeId])
    return []
  })
}

type Burdens = ReadonlyMap<NodeId, NodeBurden>

/** Its replica takes over at once, before anybody is placed. */
const isReadyOn = (burdens: Burdens, { replica }: Vm): boolean =>
  replica?.phase === 'ready' && burdens.has(replica.nodeId)

/** So much more, or less, of its memory. */
function reserve(burdens: Map<NodeId, NodeBurden>, at: NodeId | undefined, mib: number): void {
  const burden = at && burdens.get(at)
  if (burden) burdens.set(at, { ...burden, reservedMib: burden.reservedMib + mib })
}

/** As placement would choose. */
function seatFor(
  state: ClusterState,
  vm: Vm,
  burdens: Burdens,
  seats: ReadonlyMap<VmId, readonly NodeId[]>,
  homeless: readonly Vm[],
): NodeId | undefined {
  const seatsOf = ({ id }: Vm) => seats.get(id) ?? []
  const { replica } = vm
  const mayTakeOver = replica && forbids(state, vm, replica.nodeId, seatsOf) === undefined
  if (mayTakeOver && isReadyOn(burdens, vm)) return replica.nodeId
  const mate = companyOf(state, vm).find(({ id }) => id !== vm.id && seats.get(id)?.length)
  const together = mate && seatsOf(mate)[0]
  const wish = together ? wishOf(vm.spec) : wishWithMates(state, vm, homeless)
  const marked = [...burdens].flatMap(([id, burden]) => {
    const mayBe = together === undefined || together === id
    if (!mayBe || !fits(burden, wish) || forbids(state, vm, id, seatsOf) !== undefined) return []
    const flaps = isFlapping(nodeOf(state, id))
    const marks = [rankOf(state, vm, id, seatsOf), ...marksOfBurden(burden, flaps, wish)]
    return [{ id, marks }]
  })
  return marked.sort(byMarks)[0]?.id
}

/** The first of a company goes where there is room for all who come. */
function wishWithMates(state: ClusterState, vm: Vm, homeless: readonly Vm[]): Wish {
  const ids = new Set(companyOf(state, vm).map(({ id }) => id))
  const coming = homeless.filter(({ id }) => ids.has(id))
  return coming.length > 1 ? wishOfAll(coming) : wishOf(vm.spec)
}

/** All sets of so many, or, when they are too many, the one of those that weigh most. */
function setsOf(ids: readonly NodeId[], size: number, weight: (id: NodeId) => number): NodeId[][] {
  const heaviest = [...ids].sort((a, b) => weight(b) - weight(a))
  let sets: NodeId[][] = [[]]
  for (let n = 0; n < size; n++) {
    sets = sets.flatMap((set) => {
      const after = heaviest.slice(heaviest.indexOf(set.at(-1) as NodeId) + 1)
      return after.map((id) => [...set, id])
    })
    if (sets.length > setsMax) return [heaviest.slice(0, size)]
  }
  return sets
}
