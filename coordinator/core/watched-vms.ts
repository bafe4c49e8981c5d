// The VMs that a tick may have to do something about, so that a tick costs what there is to do and
// not what there is. `lost`: may have a fence or an absence to wait for. `guarded`: may have, or
// want, a replica, or a lease that its node does not give it yet. `layered`: may have layers to
// merge. `away`: may belong on another node. `due`: waits to be kept. Whatever may make one of them
// so puts it in; the tick that finds nothing takes it out. Not here: what is done (recovery.ts,
// reports.ts, ha/protection.ts, layer-merges.ts, ha/keeper.ts, snapshots.ts).

import type { ClusterState, Vm } from './cluster-state.ts'

const none: readonly Vm[] = []

/** In the order in which they came to the cluster; those that are gone are forgotten. */
export function watchedVms(
  { watched, vms }: ClusterState,
  why: keyof ClusterState['watched'],
): readonly Vm[] {
  const ids = watched[why]
  if (ids.size === 0) return none
  const found: Vm[] = []
  for (const id of ids) {
    const vm = vms.get(id)
    if (vm) found.push(vm)
    else ids.delete(id)
  }
  return found.sort((a, b) => a.serial - b.serial)
}
