// The layers of a VM's disk change in two places: a clone gives its parent a new top, and so does a
// snapshot. From the order until its end the coordinator knows of a layer that the node may not
// have made yet; and when that failed, until the node's next report. Nothing may be laid on top of
// such a layer: were the order lost, it would be missing below, and the disk could not be opened.
// A swap of merged layers changes only what is below the top, and all of that is there: a snapshot
// need not wait for it (layer-merges.ts).
// Not here: the layers themselves (clones.ts, snapshots.ts).

import { type ClusterState, isActive, type Migration, type Vm } from './cluster-state.ts'
import { isAsked } from './step-context.ts'

/** The next change has to wait. */
export const isDiskChanging = (state: ClusterState, vm: Vm): boolean =>
  vm.disk.layers.length > 0 && (vm.live.isDiskInDoubt || isGettingTop(state, vm))

/** While it is, which layers the VM has is the coordinator's to know. */
export const isBeingChanged = (state: ClusterState, vm: Vm): boolean =>
  isGettingTop(state, vm) || isAsked(state, 'swap-layers', vm.id)

/** Of this life of it: what came before one that began anew, or had its name, is nothing to it. */
export const isCloneOf = ({ purpose, vmId, epoch }: Migration, vm: Vm): boolean =>
  purpose === 'clone' && vmId === vm.id && epoch === vm.epoch

const isGettingTop = (state: ClusterState, vm: Vm): boolean =>
  isBeingCloned(state, vm) || isAsked(state, 'take-snapshot', vm.id)

function isBeingCloned({ openMigrations, migrations }: ClusterState, vm: Vm): boolean {
  for (const id of openMigrations) {
    const migration = migrations.get(id)
    if (migration && isCloneOf(migration, vm) && isActive(migration)) return true
  }
  return false
}
