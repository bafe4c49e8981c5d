// Puts a snapshot into a machine that has not run: CPU, devices and console at once, its pages when
// they are touched or when there is time. Not here: that it runs (../agent.ts), the store
// (snapshot-store.ts), the order in which pages come (engine/memory/pager.ts).
//
// Guest time goes on where it stood; the guest's real-time clock shows today.

import { setPage } from '#engine/memory/page-bitmap.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { StateSection } from '#proto/messages.ts'
import { pagesPerMebibyte } from '#proto/units.ts'
import { consoleSectionKind, type GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import type { Vmm } from '../vmm.ts'
import type { Snapshot, SnapshotStore } from './snapshot-store.ts'
import { StoreSource } from './store-source.ts'
import type { Base } from './taking.ts'

export interface RestoringPorts {
  readonly store: SnapshotStore
  readonly vmm: Vmm
  readonly console: GuestConsole
}

/** Its own snapshot, or a template. */
export interface SnapshotName {
  readonly vmId: string
  readonly name: string
}

export interface Restored {
  /** The VM is at this snapshot, and its dirty log begins here. */
  readonly base: Base
  /** Resolves when no page is absent any more, rejects when one is lost. */
  readonly whole: Promise<void>
}

/** Builds the machine of a VM as the snapshot has it, paused. Throws FaultErrors. */
export async function restoreSnapshot(
  vm: HeldVm,
  from: SnapshotName,
  ports: RestoringPorts,
): Promise<Restored> {
  const mark = await ports.store.use()
  let whole: Promise<void> | undefined
  try {
    const { snapshot, source, pages } = prepare(vm, from, ports)
    const memory = await ports.vmm.openCopy(vm)
    memory.makeAbsent(bitmapOf(pages, memory.pageCount))
    await putState(vm, snapshot, ports)
    const log = await ports.vmm.openLog(vm)
    whole = ports.vmm.bringPages(vm, source).finally(mark)
    return { base: { record: snapshot.record, log }, whole }
  } finally {
    if (!whole) mark()
  }
}

/** Everything that can be known to be wrong is, before the machine is made. */
function prepare(vm: HeldVm, { vmId, name }: SnapshotName, { store }: RestoringPorts) {
  const snapshot = store.read(vmId, name)
  if ('fault' in snapshot) throw new FaultError(snapshot.fault)
  if (snapshot.record.spec.memoryMib !== vm.spec.memoryMib)
    throw new FaultError(
      fault(
        'incompatible',
        `snapshot ${name} is of a VM with ${snapshot.record.spec.memoryMib} MiB, ` +
          `${vm.vmId} has ${vm.spec.memoryMib}: start it with the same spec`,
      ),
    )
  const list = store.resolve(snapshot)
  if ('fault' in list) throw new FaultError(list.fault)
  store.pages.refresh()
  const lost = store.missing(list)
  if (lost) throw new FaultError(lost)
  const pageCount = vm.spec.memoryMib * pagesPerMebibyte
  return { snapshot, source: new StoreSource(list, pageCount, store.pages), pages: list.pages }
}

async function putState(vm: HeldVm, snapshot: Snapshot, { vmm, console }: RestoringPorts) {
  const isRing = ({ kind }: StateSection) => kind === consoleSectionKind
  const ring = snapshot.sections.find(isRing)
  if (!ring) throw new FaultError(fault('bad-snapshot', `it has no section ${consoleSectionKind}`))
  const state = snapshot.sections.filter((section) => !isRing(section))
  await vmm.restore(vm, state)
  console.restore(ring)
}

function bitmapOf(pages: Uint32Array, pageCount: number): Uint8Array {
  const bitmap = new Uint8Array(pageCount / 8)
  for (const page of pages) setPage(bitmap, page)
  return bitmap
}
