// The layers of a VM's disk as the page shows them, and whether they can be made one: the same
// conditions as the coordinator's, so that nothing is offered that would be refused. Pure.
// Not here: how it looks (parts/layers.tsx), merging (coordinator/core/layer-merges.ts).

import type { VmView } from '#proto/api.ts'
import { mayAct } from '#proto/state.ts'

export interface Layer {
  readonly name: string
  /** What the guest writes to; all below are sealed. */
  readonly isTop: boolean
  /** VMs whose disks read it too. */
  readonly sharedWith: readonly string[]
}

/** The oldest first. @param vms as far as whoever looks sees them */
export function layersOf({ id, disk }: VmView, vms: readonly VmView[]): Layer[] {
  const others = vms.filter((vm) => vm.id !== id)
  return disk.layers.map((name, at) => ({
    name,
    isTop: at === disk.layers.length - 1,
    sharedWith: others.flatMap((vm) => (vm.disk.layers.includes(name) ? vm.id : [])),
  }))
}

/** Two below the top, or more. */
const hasSome = ({ disk }: VmView): boolean => disk.layers.length > 2

export const mayMerge = (vm: VmView): boolean =>
  mayAct('merge', vm.phase) && hasSome(vm) && !vm.merging

/** What is to be known of it besides; undefined: nothing. */
export function mergeText({ id, merging, replica, disk }: VmView): string | undefined {
  if (merging)
    return merging.phase === 'writing'
      ? `${merging.layers} layers become one: a node writes it, and ${id} goes on.`
      : `${merging.layers} layers have become one, which takes their place in a moment.`
  if (replica && disk.layers.length > 2)
    return `Its replica on ${replica.nodeId} names these layers: for a merge ${id} gives it up, and gets another.`
  return undefined
}
