// Replicas make room: one is kept in case, a VM that has lost its node is down now. Where such a VM
// would fit but for replicas of others, as few of them as it takes are given up; the VMs that they
// are of run on, and get others where there is room. Only for who is to run again: a new VM takes
// nobody's protection away. Not here: replicas themselves (protection.ts), starts (placement.ts).

import { burdenWithout, fits, type Wish } from '../burdens.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import { tell } from '../events.ts'
import { heldBack, nodesFor, obstacleAt, startWhere, whoseTurn, wishToStart } from '../placement.ts'
import { isReachable, type Step } from '../step-context.ts'
import { endReplica } from './protection.ts'
import { policyOf, rankOf } from './rules.ts'

/** Each tick: for one VM at a time, for what comes of it is seen first. */
export function makeRoom(step: Step): void {
  const { state, nowMs } = step
  const keeping = state.waiting.size === 0 ? [] : [...state.nodes.values()].filter(keepsAny)
  if (keeping.length === 0 || keeping.some((node) => isBeingLeft(state, node))) return
  const down = [...state.waiting].flatMap((id) => state.vms.get(id) ?? [])
  for (const vm of down.sort(whoseTurn)) {
    // Only one that was looked at, and found no place.
    const isDown = vm.phase === 'recovering' && vm.fault && vm.live.retryAtMs <= nowMs
    if (isDown && !heldBack(state, vm) && makeRoomFor(step, vm, keeping)) return
  }
}

const keepsAny = ({ live }: Node): boolean => live.replicaOf.size > 0

const keptAt = (state: ClusterState, node: Node): Vm[] =>
  [...node.live.replicaOf].flatMap((id) => state.vms.get(id) ?? [])

const isBeingLeft = (state: ClusterState, node: Node): boolean =>
  keptAt(state, node).some(({ replica }) => replica?.phase === 'ending')

function makeRoomFor(step: Step, vm: Vm, keeping: readonly Node[]): boolean {
  const { state } = step
  const where = startWhere(state, vm)
  const wish = wishToStart(state, vm)
  // One that sleeps is woken for it.
  if (nodesFor(state, wish, { ...where, asAwake: true }).length > 0) return false
  const ways = keeping.flatMap((node) => {
    if (obstacleAt(state, node, wish, where)?.kind !== 'full') return []
    const spared = sparedAt(state, node, vm, wish)
    return spared ? [{ node, spared }] : []
  })
  const rank = ({ node }: { node: Node }) => rankOf(state, vm, node.id)
  ways.sort((a, b) => rank(a) - rank(b) || a.spared.length - b.spared.length)
  const [way] = ways
  for (const other of way?.spared ?? []) {
    const nodeId = way?.node.id
    const text = `${other.id} gives up its replica on ${nodeId}: ${vm.id} is down, and fits there`
    tell(step, 'vm-unprotected', text, { vmId: other.id, nodeId })
    endReplica(step, other)
  }
  return way !== undefined
}

/** Whose replicas are spared for it, the least important first; undefined: it is not enough. */
function sparedAt(state: ClusterState, node: Node, vm: Vm, wish: Wish): Vm[] | undefined {
  const priority = (one: Vm) => policyOf(one).priority
  const size = ({ spec }: Vm) => spec.memoryMib
  const spare = keptAt(state, node)
    .filter((one) => one !== vm && isRedundant(state, one))
    .sort((a, b) => priority(a) - priority(b) || size(b) - size(a) || b.serial - a.serial)
  const burden = burdenWithout(state, node, [vm])
  const spared: Vm[] = []
  let { reservedMib } = burden
  for (const one of spare) {
    if (fits({ ...burden, reservedMib }, wish)) break
    reservedMib -= size(one)
    spared.push(one)
  }
  return fits({ ...burden, reservedMib }, wish) ? spared : undefined
}

/** The VM runs where it can be told to go on alone. */
const isRedundant = (state: ClusterState, { phase, nodeId }: Vm): boolean =>
  phase === 'running' && nodeId !== undefined && isReachable(state.nodes.get(nodeId))
