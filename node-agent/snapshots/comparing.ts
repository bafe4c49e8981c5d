// What differs between two snapshots of a VM: pages by their digests, state by its sections, disks
// by their layers. No page is read. Not here: the store (snapshot-store.ts), who asks (../desk.ts).

import { equalBytes } from '#engine/snapshots/digest.ts'
import { digestAt, type PageList } from '#engine/snapshots/page-list.ts'
import { FaultError } from '#proto/faults.ts'
import type { SnapshotComparison } from '#proto/snapshots.ts'
import { pageBytes } from '#proto/units.ts'
import type { Snapshot, SnapshotStore } from './snapshot-store.ts'

/** Throws FaultErrors: one is not there, or damaged. */
export function compareSnapshots(
  store: SnapshotStore,
  vmId: string,
  from: string,
  to: string,
): SnapshotComparison {
  const [older, newer] = [open(store, vmId, from), open(store, vmId, to)]
  const pages = comparePages(older.list, newer.list)
  const layersOf = ({ snapshot }: Opened) => snapshot.record.disk.layers
  const only = (one: Opened, other: Opened) =>
    layersOf(one).filter((layer) => !layersOf(other).includes(layer))
  return {
    ...pages,
    bytes: (pages.changed + pages.appeared) * pageBytes,
    sections: changedSections(older.snapshot, newer.snapshot),
    layersGone: only(older, newer),
    layersNew: only(newer, older),
  }
}

interface Opened {
  readonly snapshot: Snapshot
  /** All pages that are not zero. */
  readonly list: PageList
}

function open(store: SnapshotStore, vmId: string, name: string): Opened {
  const snapshot = store.read(vmId, name)
  if ('fault' in snapshot) throw new FaultError(snapshot.fault)
  const list = store.resolve(snapshot)
  if ('fault' in list) throw new FaultError(list.fault)
  return { snapshot, list }
}

/** Both lists are in order: one walk over both. */
function comparePages(older: PageList, newer: PageList) {
  let [changed, appeared, vanished, equal] = [0, 0, 0, 0]
  let [a, b] = [0, 0]
  while (a < older.pages.length || b < newer.pages.length) {
    const [left, right] = [older.pages[a] ?? Infinity, newer.pages[b] ?? Infinity]
    if (left < right) vanished++
    else if (right < left) appeared++
    else if (equalBytes(digestAt(older, a), digestAt(newer, b))) equal++
    else changed++
    if (left <= right) a++
    if (right <= left) b++
  }
  return { changed, appeared, vanished, equal }
}

/** By kind: what is not the same in both, or in one alone. */
function changedSections(older: Snapshot, newer: Snapshot): string[] {
  const before = new Map(older.sections.map((section) => [section.kind, section]))
  const kinds = new Set([...older.sections, ...newer.sections].map(({ kind }) => kind))
  const after = new Map(newer.sections.map((section) => [section.kind, section]))
  return [...kinds].filter((kind) => {
    const [one, other] = [before.get(kind), after.get(kind)]
    return !one || !other || one.version !== other.version || !equalBytes(one.bytes, other.bytes)
  })
}
