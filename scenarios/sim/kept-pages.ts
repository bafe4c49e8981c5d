// At rest, what is kept must be there: every snapshot and template that is said to be ready is read
// as a restore would read it, over its parents, and each of its pages held against its digest.
// Not here: the layers of its disk (accounts.ts), what a guest says (guest-words.ts).

import { digestAt } from '#engine/snapshots/page-list.ts'
import type { SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import type { SnapshotRecord } from '#proto/snapshots.ts'
import { pageBytes } from '#proto/units.ts'
import type { SimWorld } from './sim-world.ts'

/** What cannot be read whole, a sentence each. */
export function unreadable(world: SimWorld): string[] {
  const { snapshots, templates } = world.coordinator.coordinator.state
  const store = world.openStore()
  store.pages.refresh()
  const wrong = [...snapshots.values(), ...templates.values()].flatMap(({ id, phase, record }) => {
    const why = phase === 'ready' && record ? whyNot(store, record) : undefined
    return why === undefined ? [] : [`${id} is ready, and cannot be read: ${why}`]
  })
  store.pages.close()
  return wrong
}

function whyNot(store: SnapshotStore, { vmId, name }: SnapshotRecord): string | undefined {
  const snapshot = store.read(vmId, name)
  if ('fault' in snapshot) return snapshot.fault.message
  const list = store.resolve(snapshot)
  if ('fault' in list) return list.fault.message
  const page = new Uint8Array(pageBytes)
  for (const at of list.pages.keys()) {
    const lost = store.pages.read(digestAt(list, at), page)
    if (lost) return lost.message
  }
  return undefined
}
