// The nodes that a tick may have to do something about: those in maintenance, or in standby. A node
// that has changed is put in; whoever finds neither takes it out. Not here: what is done
// (evacuation.ts, power/standby.ts).

import type { ClusterState, Node } from './cluster-state.ts'

const none: readonly Node[] = []

/** In the order in which they came to the cluster. */
export function watchedNodes({ nodes, watchedNodes: ids }: ClusterState): readonly Node[] {
  if (ids.size === 0) return none
  const found: Node[] = []
  for (const node of nodes.values()) {
    if (!ids.has(node.id)) continue
    if (node.maintenance || node.standby) found.push(node)
    else ids.delete(node.id)
  }
  return found
}
