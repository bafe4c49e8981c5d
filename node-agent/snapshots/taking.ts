// Takes a snapshot of a VM that runs: its pages are copied into the store while it goes on, as a
// migration copies them to another node; it stands still for the last dirty ones, its CPU and its
// devices, and goes on before those are written. Not here: the store (snapshot-store.ts), who may
// take one (../desk.ts). Ms, pages of 4,096 bytes.
//
// The dirty log stays open behind it: the next snapshot of this VM here names the pages that it
// then holds, and this one as its parent.

import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import { unionOf } from '#engine/memory/page-bitmap.ts'
import { zeroPageDigest } from '#engine/snapshots/digest.ts'
import { laidOver, type PageList, PageListBuilder } from '#engine/snapshots/page-list.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { StateSection } from '#proto/messages.ts'
import type { SnapshotRecord, SnapshotTaken } from '#proto/snapshots.ts'
import { pageBytes } from '#proto/units.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import type { GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import { breathe } from '../migration/breath.ts'
import type { Vmm } from '../vmm.ts'
import type { PackWriter } from './page-store.ts'
import { depthMax, type SnapshotStore } from './snapshot-store.ts'
import { freshId } from './store-files.ts'

export interface TakingPorts {
  readonly store: SnapshotStore
  readonly vmm: Vmm
  readonly console: GuestConsole
  /** The VM goes on, on this disk. */
  goOn(vm: HeldVm, disk: DiskRef): Promise<void>
}

export interface SnapshotOrder {
  readonly name: string
  /** What the VM goes on with: its layers, sealed now, and a new one on top. */
  readonly disk: DiskRef
}

/** The snapshot that this VM was at when its dirty log was last taken. */
export interface Base {
  readonly record: SnapshotRecord
  readonly log: number
}

/** As many pages as are read and hashed in a millisecond or two. */
const pagesPerBreath = 256
/** So few are copied while the VM stands still: 1 MiB, which takes less than a disk's answer. */
const lastPagesMax = 256
/** A VM that dirties faster than it is copied will not be any slower later. */
const roundsMax = 5

export class Taking {
  readonly #vm: HeldVm
  readonly #order: SnapshotOrder
  readonly #ports: TakingPorts
  readonly #pack: PackWriter
  readonly #list = new PageListBuilder()
  readonly #memory: GuestMemory
  readonly #room = new Uint8Array(pagesPerBreath * pageBytes)
  #log: number | undefined
  #parent: SnapshotRecord | undefined
  #downtimeMs = 0

  /** `base`: where its dirty log began, if one is open. Its log is this object's from now on. */
  constructor(vm: HeldVm, order: SnapshotOrder, base: Base | undefined, ports: TakingPorts) {
    const memory = ports.vmm.memoryOf(vm)
    if (!memory) throw new FaultError(fault('unknown-vm', `VM ${vm.vmId} was stopped meanwhile`))
    this.#vm = vm
    this.#order = order
    this.#ports = ports
    this.#memory = memory
    this.#log = base?.log
    this.#parent = base && this.#usable(base.record)
    ports.store.pages.refresh()
    this.#pack = ports.store.pages.write()
  }

  /** Throws FaultErrors; then there is no snapshot, and the VM goes on. */
  async take(): Promise<{ readonly taken: SnapshotTaken; readonly base: Base }> {
    const { clock } = this.#ports.store.ports
    const startMs = clock.nowMs()
    try {
      const left = await this.#preCopy()
      const sections = await this.#stopAndCopy(left)
      const { record, storedBytes, pages } = this.#write(sections)
      const [downtimeMs, totalMs] = [this.#downtimeMs, clock.nowMs() - startMs]
      const measured = { downtimeMs, totalMs, pages, storedBytes }
      return { taken: { record, measured }, base: { record, log: await this.#openLog() } }
    } catch (thrown) {
      this.#abandonPack()
      await this.#closeLog()
      throw thrown
    }
  }

  /** Why it ended is to be told, and not what else a failing store refuses. */
  #abandonPack(): void {
    try {
      this.#pack.abandon()
    } catch {
      // Nobody finds a pack without a name but who clears the store.
    }
  }

  /** A parent that was removed meanwhile is none: everything is listed then. */
  #usable(record: SnapshotRecord): SnapshotRecord | undefined {
    const found = this.#ports.store.read(record.vmId, record.name)
    return 'fault' in found || found.record.id !== record.id ? undefined : found.record
  }

  /** Copies while the VM runs; what it has written at last is left for the stop. */
  async #preCopy(): Promise<Uint8Array> {
    const { vmm } = this.#ports
    let left = await this.#firstPages()
    let dirtyPages = Infinity
    for (let round = 0; round < roundsMax; round++) {
      await this.#keepAll(left)
      const taken = await vmm.takeLog(this.#vm, await this.#openLog(), false)
      left = taken.bitmap
      if (taken.pages <= lastPagesMax || taken.pages >= dirtyPages) break
      dirtyPages = taken.pages
    }
    return left
  }

  async #firstPages(): Promise<Uint8Array> {
    const { vmm } = this.#ports
    const all = new Uint8Array(this.#memory.pageCount / 8).fill(0xff)
    if (this.#parent !== undefined)
      return (await vmm.takeLog(this.#vm, await this.#openLog(), false)).bitmap
    await vmm.whole(this.#vm)
    await this.#openLog()
    return all
  }

  async #stopAndCopy(left: Uint8Array): Promise<StateSection[]> {
    const { vmm, console, store } = this.#ports
    const wasPaused = this.#vm.state === 'paused'
    const log = await this.#openLog()
    const stoppedMs = store.ports.clock.nowMs()
    // Input that came from here on would be taken by the machine and be missing in the snapshot.
    console.freeze()
    let last: Copies | undefined
    let sections: StateSection[] = []
    try {
      const [taken, captured] = await Promise.all([
        vmm.takeLog(this.#vm, log, true),
        vmm.capture(this.#vm),
      ])
      // All that the guest wrote to its console came before the answer to the capture.
      sections = [...captured, console.capture()]
      last = this.#copyAll(unionOf(left, taken.bitmap))
    } finally {
      if (wasPaused) await this.#sealOnly()
      else await this.#ports.goOn(this.#vm, this.#order.disk)
      this.#downtimeMs = wasPaused ? 0 : store.ports.clock.nowMs() - stoppedMs
    }
    await this.#keepCopies(last)
    return sections
  }

  /** An operator has paused it: it goes on, on its new layer, when the operator says so. */
  async #sealOnly(): Promise<void> {
    // What comes next is laid on top of it, perhaps when this node is gone.
    await this.#ports.vmm.changeDisk(this.#vm, this.#order.disk, this.#vm.epoch, true)
    this.#vm.disk = this.#order.disk
  }

  #write(sections: StateSection[]) {
    const { store } = this.#ports
    const { list, parent } = this.#finishList()
    const disk = this.#sealed
    const { vmId, spec, identity } = this.#vm
    const record: SnapshotRecord = {
      ...{ vmId, name: this.#order.name, id: freshId(store.ports.random) },
      ...(parent ? { parent: { name: parent.name, id: parent.id } } : {}),
      depth: parent ? parent.depth + 1 : 0,
      takenWallMs: store.ports.clock.wallMs(),
      ...{ spec, identity, disk },
    }
    const packBytes = this.#pack.count * pageBytes
    this.#pack.finish()
    const storedBytes = packBytes + store.write({ record, list, sections })
    return { record, storedBytes, pages: list.pages.length }
  }

  /** Over a chain that has become long, everything is listed again. */
  #finishList(): { readonly list: PageList; readonly parent?: SnapshotRecord } {
    const parent = this.#parent
    if (parent === undefined) return { list: this.#list.finish(true) }
    const changed = this.#list.finish(false)
    if (parent.depth < depthMax) return { list: changed, parent }
    const below = this.#ports.store.read(parent.vmId, parent.name)
    const resolved = 'fault' in below ? below : this.#ports.store.resolve(below)
    if ('fault' in resolved) throw new FaultError(resolved.fault)
    return { list: laidOver(resolved, changed, true) }
  }

  /** The layers that it had when it stood still: all but the new one. */
  get #sealed(): DiskRef {
    const { sizeBytes, layers } = this.#order.disk
    return { sizeBytes, layers: layers.slice(0, -1) }
  }

  async #keepAll(bitmap: Uint8Array): Promise<void> {
    const room = (pages: number) => this.#room.subarray(0, pages * pageBytes)
    for (let from = 0; from < this.#memory.pageCount; ) {
      const got = this.#memory.collect(bitmap, from, pagesPerBreath, room)
      from = got.nextPage
      this.#keep(got)
      if (from < this.#memory.pageCount) await breathe()
    }
  }

  #copyAll(bitmap: Uint8Array): Copies {
    const copies: Collected[] = []
    for (let from = 0; from < this.#memory.pageCount; ) {
      const got = this.#memory.collect(bitmap, from, pagesPerBreath)
      from = got.nextPage
      copies.push(got)
    }
    return copies
  }

  async #keepCopies(copies: Copies = []): Promise<void> {
    for (const copy of copies) {
      this.#keep(copy)
      await breathe()
    }
  }

  #keep({ pages, bytes, zeroPages }: Collected): void {
    for (const [at, page] of pages.entries())
      this.#list.set(page, this.#pack.add(bytes.subarray(at * pageBytes, (at + 1) * pageBytes)))
    for (const page of zeroPages) this.#list.set(page, zeroPageDigest)
  }

  async #openLog(): Promise<number> {
    this.#log ??= await this.#ports.vmm.openLog(this.#vm)
    return this.#log
  }

  async #closeLog(): Promise<void> {
    if (this.#log !== undefined) await this.#ports.vmm.closeLog(this.#vm, this.#log).catch(gone)
  }
}

type Collected = ReturnType<GuestMemory['collect']>
type Copies = readonly Collected[]

/** A log closes with its VM anyway. */
const gone = (): void => undefined
