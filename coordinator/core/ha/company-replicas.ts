// Replicas of VMs that a strict rule keeps together. All of them are on one node, which had room
// for the whole company when the first of them was placed: where one takes over, the others come
// too, by their replicas or from their disks. For a VM without company nothing here stands against
// a node. Not here: replicas (protection.ts), rules (rules.ts).

import type { Fault } from '#proto/faults.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import { burdenOf, fits, wishOf, wishOfAll } from '../burdens.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import { chooseNode } from '../placement.ts'
import { anchorOf, companyOf } from './rules.ts'

/** Whether all of its company that is anywhere is where it is: else they are about to meet. */
export const isWithCompany = (state: ClusterState, vm: Vm): boolean =>
  companyOf(state, vm).every(({ nodeId }) => nodeId === undefined || nodeId === vm.nodeId)

/** Where its company has replicas, as the first of them by name says. */
function nodeOfReplicas(state: ClusterState, vm: Vm): NodeId | undefined {
  const kept = companyOf(state, vm).filter(({ replica }) => replica && replica.phase !== 'ending')
  return kept.sort((a, b) => (a.id < b.id ? -1 : 1))[0]?.replica?.nodeId
}

/** Whether its replica is where those of its company are. */
export const isReplicaWithCompany = (state: ClusterState, vm: Vm): boolean =>
  vm.replica?.nodeId === nodeOfReplicas(state, vm)

/** The node for its replica: with those of its company, or where all of them would have room. */
export function chooseReplicaNode(state: ClusterState, vm: Vm): Node | Fault {
  const here = companyOf(state, vm).filter(({ nodeId }) => nodeId !== undefined)
  const only = nodeOfReplicas(state, vm)
  const isFirst = here.length > 1 && only === undefined
  return chooseNode(state, isFirst ? wishOfAll(here) : wishOf(vm.spec), {
    ...{ vm, only, along: new Set(here.map(({ id }) => id)) },
    but: new Set(vm.nodeId === undefined ? [] : [vm.nodeId]),
  })
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
