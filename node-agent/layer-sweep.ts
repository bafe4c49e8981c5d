// Deletes layers of disks that the cluster does not name any more. What a VM of this node uses
// stays, whatever the coordinator says; so does what is not named like a layer, or was made later.
// Not here: who names what (coordinator/core/disk-sweep.ts). The store's folder is all nodes'.

import type { Disk, Log } from '#env/env.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { SweepLayers } from '#proto/messages.ts'
import type { HeldVm, HeldVms } from './held-vms.ts'

const layerName = /^[a-z0-9-]+\.(\d+)\.disk$/

/** @returns the names of what was deleted, and how many a VM of this node still uses. */
export function sweepLayers(
  disk: Disk,
  { keep, belowSerial }: Pick<SweepLayers, 'keep' | 'belowSerial'>,
  held: readonly HeldVm[],
): { readonly gone: readonly string[]; readonly inUse: number } {
  const kept = new Set(keep)
  const used = new Set(held.flatMap(({ disk: { layers } }) => layers))
  const isGarbage = (name: string): boolean => {
    const [, serial] = layerName.exec(name) ?? []
    return serial !== undefined && !kept.has(name) && Number(serial) < belowSerial
  }
  const garbage = disk.list().filter(isGarbage)
  const gone = garbage.filter((name) => !used.has(name))
  for (const name of gone) disk.remove(name)
  return { gone, inUse: garbage.length - gone.length }
}

/** The same, asked by the coordinator: throws a FaultError when some have to stay for now. */
export async function carryOutSweep(
  order: SweepLayers,
  vms: HeldVms,
  { store, log }: { readonly store: Disk; readonly log: Log },
): Promise<void> {
  const { gone, inUse } = sweepLayers(store, order, vms.all())
  if (gone.length > 0) log.info('layers of disks deleted', { layers: gone.length })
  if (inUse > 0) throw new FaultError(fault('wrong-state', `${inUse} layers are in use here still`))
}
