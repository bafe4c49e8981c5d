// Admission control: may any k nodes fail, and every protected VM still finds room, without a
// strict rule being broken? Tried on paper: each set of nodes is taken away and its VMs are placed
// on what is left, the largest first (first fit decreasing, which needs at most 11/9 of the best
// packing: Johnson 1973). What fits on paper fits; what does not might still fit some other way.
// Sizes in MiB.

import type { NodeId, VmId } from '#proto/ids.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import { companyOf, forbids, nodesOf } from './rules.ts'

/** The nodes whose loss would leave these VMs without a place. */
export interface Shortage {
  readonly nodes: readonly NodeId[]
  readonly vms: readonly VmId[]
}

/** VMs where they are not yet: one that moves, or new ones. */
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
  const sets = setsOf([...paper.freeMib.keys()], failures, (id) => paper.reservedMib.get(id) ?? 0)
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
  [...paperOf(state, asItIs).freeMib.values()].reduce((sum, mib) => sum + Math.max(0, mib), 0)

/** A move leaves the promise as true as it is. */
export function keepsPromise(state: ClusterState, vm: Vm, to: NodeId): boolean {
  const { tolerate } = state.ha
  if (tolerate === 0) return true
  const after = shortagesOf(state, tolerate, new Map([[vm.id, { vm, nodeId: to }]]))
  return after.length === 0 || after.length <= shortagesOf(state, tolerate).length
}

const isInService = (node: Node): boolean =>
  (node.phase === 'online' || node.phase === 'suspect') && !node.maintenance

interface Paper {
  readonly freeMib: ReadonlyMap<NodeId, number>
  readonly reservedMib: ReadonlyMap<NodeId, number>
  readonly seats: ReadonlyMap<VmId, readonly NodeId[]>
  readonly vms: readonly Vm[]
}

function paperOf(state: ClusterState, onPaper: OnPaper): Paper {
  const seats = new Map<VmId, readonly NodeId[]>()
  for (const vm of state.vms.values()) seats.set(vm.id, nodesOf(state, vm))
  for (const [id, { nodeId }] of onPaper) seats.set(id, [nodeId])
  const isNew = ({ vm }: { vm: Vm }) => !state.vms.has(vm.id)
  const added = [...onPaper.values()].filter(isNew).map(({ vm }) => vm)
  const vms = [...state.vms.values(), ...added]
  const reservedMib = new Map<NodeId, number>()
  for (const { id, spec } of vms)
    for (const nodeId of seats.get(id) ?? [])
      reservedMib.set(nodeId, (reservedMib.get(nodeId) ?? 0) + spec.memoryMib)
  const freeMib = new Map<NodeId, number>()
  for (const node of state.nodes.values())
    if (isInService(node))
      freeMib.set(node.id, node.capacity.memoryMib - (reservedMib.get(node.id) ?? 0))
  return { freeMib, reservedMib, seats, vms }
}

/** The protected VMs that would find no place when these nodes are lost. */
function strandedBy(state: ClusterState, paper: Paper, lost: ReadonlySet<NodeId>): VmId[] {
  const free = new Map([...paper.freeMib].filter(([id]) => !lost.has(id)))
  const seats = new Map([...paper.seats].map(([id, at]) => [id, at.filter((n) => !lost.has(n))]))
  const homeless = paper.vms
    .filter(({ id, spec }) => spec.ha && paper.seats.get(id)?.length && !seats.get(id)?.length)
    .sort((a, b) => b.spec.memoryMib - a.spec.memoryMib || a.serial - b.serial)
  return homeless.flatMap((vm) => {
    const nodeId = seatFor(state, vm, free, seats)
    if (nodeId === undefined) return [vm.id]
    free.set(nodeId, (free.get(nodeId) ?? 0) - vm.spec.memoryMib)
    seats.set(vm.id, [nodeId])
    return []
  })
}

function seatFor(
  state: ClusterState,
  vm: Vm,
  free: ReadonlyMap<NodeId, number>,
  seats: ReadonlyMap<VmId, readonly NodeId[]>,
): NodeId | undefined {
  const seatsOf = ({ id }: Vm) => seats.get(id) ?? []
  const mate = companyOf(state, vm).find(({ id }) => id !== vm.id && seats.get(id)?.length)
  const together = mate && seatsOf(mate)[0]
  const able = [...free].filter(
    ([id, mib]) =>
      mib >= vm.spec.memoryMib &&
      (together === undefined || together === id) &&
      forbids(state, vm, id, seatsOf) === undefined,
  )
  return able.sort((a, b) => b[1] - a[1])[0]?.[0]
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
