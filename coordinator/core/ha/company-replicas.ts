// Replicas of VMs that a strict rule keeps together. All of them are on one node, which had room
// for the whole company when the first of them was placed: where one takes over, the others come
// too, by their replicas or from their disks. For a VM without company nothing here stands against
// a node. Not here: replicas (protection.ts), rules (rules.ts).

import type { Fault } from '#proto/faults.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import { burdenOf, fits, wishOf, wishOfAll } from '../burdens.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import { chooseNode, isNode, obstacleAt } from '../placement.ts'
import { anchorOf, companyOf } from './rules.ts'

/** Whether all of its company that is anywhere is where it is: else they are about to meet. */
export const isWithCompany = (state: ClusterState, vm: Vm): boolean =>
  companyOf(state, vm).every(({ nodeId }) => nodeId === undefined || nodeId === vm.nodeId)

/** Where these have replicas, as the first of them by name says. */
function nodeOfReplicas(company: readonly Vm[]): NodeId | undefined {
  const kept = company.filter(({ replica }) => replica && replica.phase !== 'ending')
  return kept.sort((a, b) => (a.id < b.id ? -1 : 1))[0]?.replica?.nodeId
}

/** Whether its replica is where those of its company are. */
export const isReplicaWithCompany = (state: ClusterState, vm: Vm): boolean =>
  vm.replica?.nodeId === nodeOfReplicas(companyOf(state, vm))

/** The node for its replica: with those of its company, or where all of them would have room. */
export function chooseReplicaNode(state: ClusterState, vm: Vm): Node | Fault {
  const { wish, where } = replicaWish(state, vm)
  if (!state.power.save) return chooseNode(state, wish, where)
  // Where nobody runs it would be what keeps the node on.
  const idle = [...state.nodes.values()].filter(isIdle).map(({ id }) => id)
  const busy = chooseNode(state, wish, { ...where, but: new Set([...where.but, ...idle]) })
  return isNode(busy) ? busy : chooseNode(state, wish, where)
}

/** No VM runs there, or is on its way there. */
export const isIdle = ({ live }: Node): boolean => live.vmIds.size + live.incoming.size === 0

/** Its replica could be there. @param asAwake also on one that sleeps */
export const mayKeepReplica = (state: ClusterState, vm: Vm, node: Node, asAwake: boolean) => {
  const { wish, where } = replicaWish(state, vm)
  return obstacleAt(state, node, wish, { ...where, asAwake }) === undefined
}

/** What must be free for it, and where. */
function replicaWish(state: ClusterState, vm: Vm) {
  const company = companyOf(state, vm)
  const here = company.filter(({ nodeId }) => nodeId !== undefined)
  const only = nodeOfReplicas(company.filter((mate) => mate !== vm))
  const isFirst = here.length > 1 && only === undefined
  const along = new Set(here.map(({ id }) => id))
  const but: ReadonlySet<NodeId> = new Set(vm.nodeId === undefined ? [] : [vm.nodeId])
  return {
    wish: isFirst ? wishOfAll(here) : wishOf(vm.spec),
    where: { vm, only, along, but },
  }
}

/**
 * Whether its company can be where its replica is.
 * @param along those that leave its node with it: where they are now binds nobody.
 */
export function companyMayFollow(
  state: ClusterState,
  vm: Vm,
  node: Node,
  along: ReadonlySet<VmId>,
): boolean {
  const anchor = anchorOf(state, vm, along)
  if (anchor !== undefined && anchor.nodeId !== node.id) return false
  const fromDisk = companyOf(state, vm).filter((mate) => {
    const comes = along.has(mate.id) || mate.phase === 'recovering' || mate.phase === 'pending'
    return mate.id !== vm.id && comes && mate.nodeId !== node.id && !isReadyAt(mate, node.id)
  })
  return fromDisk.length === 0 || fits(burdenOf(state, node), wishOfAll(fromDisk))
}

/** It has a replica there, and that counts. */
export const isReadyAt = ({ replica }: Vm, nodeId: NodeId): boolean =>
  replica?.phase === 'ready' && replica.nodeId === nodeId
