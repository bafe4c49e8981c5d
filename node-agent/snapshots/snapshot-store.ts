// The snapshots of the cluster, in a folder that all nodes share: written whole or not at all,
// read with whatever is wrong named, removed with what only they held. Not here: the pages (page-
// store.ts), how a VM is taken (taking.ts) and restored (restoring.ts), the order of files (store-
// files.ts).
//
// A differential snapshot names its parent by name and id. When a parent is removed, its children
// are written anew over its own parent, so that no snapshot is ever needed by another.

import { digestBytes } from '#engine/snapshots/digest.ts'
import {
  digestAt,
  laidOver,
  type PageList,
  pageListKind,
  pageListSection,
  readPageList,
} from '#engine/snapshots/page-list.ts'
import { SnapshotError } from '#engine/snapshots/section-bytes.ts'
import { decodeSnapshot, encodeSnapshot } from '#engine/snapshots/snapshot-file.ts'
import type { Section } from '#engine/vm-config.ts'
import type { Cancel } from '#env/env.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import type { StateSection } from '#proto/messages.ts'
import { SnapshotRecord, type SnapshotTaken } from '#proto/snapshots.ts'
import { mebibyte, pageBytes } from '#proto/units.ts'
import { breathe } from '../migration/breath.ts'
import { PageStore, type PageStorePorts } from './page-store.ts'
import {
  freshId,
  isSnapshotName,
  type Mark,
  markClearing,
  markUsing,
  readWhole,
  removeLeftovers,
  snapshotName,
  writeWhole,
} from './store-files.ts'

/** A snapshot as its file has it. */
export interface Snapshot {
  readonly record: SnapshotRecord
  readonly list: PageList
  /** CPU, devices and console, as a migration sends them. */
  readonly sections: readonly StateSection[]
}

export type Failed = { readonly fault: Fault }

/** A longer chain is written as a full list: it is read file by file when it is restored. */
export const depthMax = 16

/** So often an idle node looks whether others have removed what it holds open. */
const lookMs = 20_000

const recordKind = 'record'
const recordVersion = 1
/** The VM's own sections are told from the file's by this. */
const statePrefix = 'vm.'

export class SnapshotStore {
  readonly pages: PageStore
  readonly ports: PageStorePorts
  /** Of whoever uses it now. */
  readonly #marks = new Set<Mark>()
  #look: Cancel | undefined

  constructor(ports: PageStorePorts) {
    this.ports = ports
    this.pages = new PageStore(ports)
  }

  /** What is in it stays there until the mark is taken away. Throws FaultErrors. */
  async use(): Promise<Mark> {
    const mark = await markUsing(this.ports)
    if (typeof mark !== 'function') throw new FaultError(mark.fault)
    return this.#attended(mark)
  }

  #attended(mark: Mark): Mark {
    this.#marks.add(mark)
    this.#look?.()
    const end = () => {
      this.#marks.delete(mark)
      if (this.#marks.size === 0) this.#lookLater()
      mark()
    }
    return Object.assign(end, { isHeld: () => mark.isHeld() })
  }

  /** Others took us for dead while we hung: what we rely on may be gone, or be relied on. */
  #mustHold(): void {
    if ([...this.#marks].every((mark) => mark.isHeld())) return
    const why = 'this node stood still for so long that others have used the snapshot store'
    throw new FaultError(fault('timed-out', `${why}: try again`))
  }

  /** Open files hold the room of what is removed: nobody is to wait for the next use with that. */
  #lookLater(): void {
    const { clock } = this.ports
    this.#look = clock.wakeAt(clock.nowMs() + lookMs, () => {
      try {
        if (this.pages.isOutdated) this.pages.close()
      } catch {
        // A store that is away for the moment: nothing else looks at it either.
      }
      if (this.pages.packs().length > 0) this.#lookLater()
    })
  }

  /** Returns the size of its file in bytes. Throws a FaultError when its pages may be gone. */
  write({ record, list, sections }: Snapshot): number {
    const bytes = encodeSnapshot(
      [
        recordSection(record),
        pageListSection(list),
        ...sections.map((section) => ({ ...section, kind: statePrefix + section.kind })),
      ],
      this.ports.digest,
    )
    writeWhole(this.ports, snapshotName(record.vmId, record.name), bytes)
    this.#mustHold()
    return bytes.length
  }

  /** The same pages under another name: it needs no parent, and no VM. Throws FaultErrors. */
  keepAs(
    from: { readonly vmId: VmId; readonly name: string },
    kept: { readonly vmId: VmId; readonly name: string },
  ): SnapshotTaken {
    const snapshot = this.read(from.vmId, from.name)
    if ('fault' in snapshot) throw new FaultError(snapshot.fault)
    const list = this.resolve(snapshot)
    if ('fault' in list) throw new FaultError(list.fault)
    const { parent: _, ...rest } = snapshot.record
    const record = { ...rest, ...kept, id: freshId(this.ports.random), depth: 0 }
    const storedBytes = this.write({ record, list, sections: snapshot.sections })
    const pages = list.pages.length
    return { record, measured: { downtimeMs: 0, totalMs: 0, pages, storedBytes } }
  }

  has(vmId: string, name: string): boolean {
    return this.ports.disk.exists(snapshotName(vmId, name))
  }

  read(vmId: string, name: string): Snapshot | Failed {
    const bytes = readWhole(this.ports, snapshotName(vmId, name))
    if (bytes === undefined) return unknownSnapshot(vmId, name)
    const snapshot = parse(bytes, this.ports.digest)
    if (snapshot instanceof Error) return bad(vmId, name, snapshot.message)
    if (snapshot.record.vmId === vmId && snapshot.record.name === name) return snapshot
    return bad(vmId, name, `Its file holds ${snapshot.record.vmId}/${snapshot.record.name}.`)
  }

  /** All that RAM holds: the snapshot's list over those of its parents. */
  resolve({ record, list }: Snapshot): PageList | Failed {
    if (!record.parent) return list
    const { vmId, parent } = record
    const below = this.read(vmId, parent.name)
    if ('fault' in below) return below
    if (below.record.id !== parent.id || below.record.depth >= record.depth)
      return bad(vmId, record.name, `Its parent ${parent.name} is not the one it was taken over.`)
    const resolved = this.resolve(below)
    return 'fault' in resolved ? resolved : laidOver(resolved, list, true)
  }

  /** Why a resolved list cannot be had whole, if it cannot. */
  missing(list: PageList): Fault | undefined {
    const lost = list.pages.filter((_, at) => !this.pages.holds(digestAt(list, at))).length
    if (lost === 0) return undefined
    const why = this.pages.damages.join(' ') || 'Their packs are gone.'
    return fault('bad-snapshot', `${lost} of its pages are lost. ${why}`)
  }

  /** Of all VMs, or of one; what cannot be read comes as the fault it is. */
  list(vmId?: string): (SnapshotRecord | Failed)[] {
    return this.#names()
      .filter((name) => vmId === undefined || name.startsWith(snapshotName(vmId, '')))
      .map((file) => this.#readFile(file))
      .map((snapshot) => ('fault' in snapshot ? snapshot : snapshot.record))
  }

  /** Removes a snapshot, and every page that only it held. */
  remove(vmId: string, name: string): Promise<Fault | undefined> {
    return this.#alone(async () => {
      if (!this.has(vmId, name)) return unknownSnapshot(vmId, name).fault
      return (await this.#adopt(vmId, name)) ?? (await this.#forget(vmId, name))
    })
  }

  /** Removes what no snapshot names: of packs that are mostly so, and of writers that died. */
  clear(): Promise<Fault | undefined> {
    return this.#alone(() => this.#clear())
  }

  /** Nobody else uses the store meanwhile. */
  async #alone(work: () => Promise<Fault | undefined>): Promise<Fault | undefined> {
    const mark = await markClearing(this.ports)
    if (typeof mark !== 'function') return mark.fault
    const end = this.#attended(mark)
    try {
      return await work()
    } finally {
      end()
    }
  }

  #readFile(file: string): Snapshot | Failed {
    const [, vmId = '', name = ''] = file.split('.')
    return this.read(vmId, name)
  }

  #names(): string[] {
    return this.ports.disk.list().filter(isSnapshotName)
  }

  /** The children of the snapshot are written anew, over its own parent. */
  async #adopt(vmId: string, name: string): Promise<Fault | undefined> {
    const leaving = this.read(vmId, name)
    // One that cannot be read has nothing to leave; children of it are lost already.
    if ('fault' in leaving) return undefined
    for (const child of this.list(vmId)) {
      if ('fault' in child || child.parent?.id !== leaving.record.id) continue
      await breathe()
      const snapshot = this.read(vmId, child.name)
      if ('fault' in snapshot) return snapshot.fault
      const { parent, depth } = leaving.record
      const { parent: _, ...rest } = snapshot.record
      this.#mustHold()
      this.write({
        record: { ...rest, depth, ...(parent ? { parent } : {}) },
        list: laidOver(leaving.list, snapshot.list, parent === undefined),
        sections: snapshot.sections,
      })
    }
    return undefined
  }

  #forget(vmId: string, name: string): Promise<Fault | undefined> {
    this.#mustHold()
    this.ports.disk.remove(snapshotName(vmId, name))
    return this.#clear()
  }

  /** Nothing goes while any snapshot cannot be read: nobody knows which pages it names. */
  async #clear(): Promise<Fault | undefined> {
    this.pages.refresh()
    const packs = [...this.pages.packs()]
    const named = await this.#namedPages()
    if ('fault' in named) return named.fault
    removeLeftovers(this.ports)
    const keptOf = (digests: Uint8Array) =>
      eachDigest(digests).filter((digest) => named.has(keyOf(digest)))
    const needed = packs.map((pack) => ({ ...pack, count: keptOf(pack.digests).length }))
    // On a full disk what frees the most makes the room that the others need.
    for (const { name, digests, count } of needed.sort((a, b) => a.count - b.count)) {
      if (2 * count > digests.length / digestBytes) continue
      await breathe()
      const failed = this.#rewrite(keptOf(digests))
      if (failed) return failed
      this.#mustHold()
      this.ports.disk.remove(name)
    }
    this.pages.refresh()
    return undefined
  }

  async #namedPages(): Promise<Set<string> | Failed> {
    const named = new Set<string>()
    for (const file of this.#names()) {
      await breathe()
      const snapshot = this.#readFile(file)
      if ('fault' in snapshot) return snapshot
      for (const digest of eachDigest(snapshot.list.digests)) named.add(keyOf(digest))
    }
    return named
  }

  /** Into a pack of their own, past what the store has: it is about to lose them. */
  #rewrite(digests: readonly Uint8Array[]): Fault | undefined {
    if (digests.length === 0) return undefined
    const fresh = new PageStore(this.ports)
    const pack = fresh.write()
    const page = new Uint8Array(pageBytes)
    try {
      for (const digest of digests) {
        const failed = this.pages.read(digest, page)
        if (failed) return failed
        pack.add(page)
      }
      pack.finish()
      return undefined
    } finally {
      // Of one that is finished this takes nothing away.
      pack.abandon()
      fresh.close()
    }
  }
}

const recordSection = (record: SnapshotRecord): StateSection => ({
  kind: recordKind,
  version: recordVersion,
  bytes: new TextEncoder().encode(JSON.stringify(record)),
})

function parse(bytes: Uint8Array, digest: PageStorePorts['digest']): Snapshot | Error {
  const sections = decodeSnapshot(bytes, digest)
  if (sections instanceof SnapshotError) return sections
  try {
    return read(sections)
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  }
}

/** Throws an Error for a person when a section is missing, unknown or senseless. */
function read(sections: readonly Section[]): Snapshot {
  const [first, second, ...others] = sections
  if (first?.kind !== recordKind || first.version !== recordVersion)
    throw new SnapshotError('It has no record that this release reads: use the one that wrote it.')
  if (second?.kind !== pageListKind) throw new SnapshotError('It has no list of pages.')
  const record = SnapshotRecord.parse(JSON.parse(new TextDecoder().decode(first.bytes)))
  const list = readPageList(second, (record.spec.memoryMib * mebibyte) / pageBytes)
  const foreign = others.find(({ kind }) => !kind.startsWith(statePrefix))
  if (foreign) throw new SnapshotError(`Its section ${foreign.kind} is unknown to this release.`)
  const own = others.map((section) => ({
    ...section,
    kind: section.kind.slice(statePrefix.length),
    bytes: new Uint8Array(section.bytes),
  }))
  return { record, list, sections: own }
}

function eachDigest(digests: Uint8Array): Uint8Array[] {
  const each: Uint8Array[] = []
  for (let at = 0; at < digests.length; at += digestBytes)
    each.push(digests.subarray(at, at + digestBytes))
  return each
}

/** As a key of a set: 16 of its bytes are enough, nobody finds two with the same. */
const keyOf = (digest: Uint8Array): string => String.fromCharCode(...digest.subarray(0, 16))

const unknownSnapshot = (vmId: string, name: string): Failed => ({
  fault: fault('unknown-snapshot', `VM ${vmId} has no snapshot ${name}; list those it has`),
})

const bad = (vmId: string, name: string, why: string): Failed => ({
  fault: fault('bad-snapshot', `Snapshot ${name} of VM ${vmId} cannot be used. ${why}`),
})
