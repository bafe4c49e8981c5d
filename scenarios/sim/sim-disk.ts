// The shared store as one process writes to it: what it has written and not flushed when its power
// goes may be lost, sector by sector, as the caller's Random has it. What others have written over
// it since stays: only they could lose that. Not here: the store itself (env/memory/disk.ts).
// Offsets and sizes in bytes.

import type { Disk, DiskFile, Random } from '#env/env.ts'

const sectorBytes = 512

/** A sector that was written and not flushed: what was there before, and what is since. */
interface Unflushed {
  readonly before: Uint8Array
  after: Uint8Array
}

export class SimDisk implements Disk {
  readonly #store: Disk
  /** By name of the file: by number of the sector. */
  readonly #unflushed = new Map<string, Map<number, Unflushed>>()

  constructor(store: Disk) {
    this.#store = store
  }

  open(name: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const file = this.#store.open(name, mode)
    return mode === 'read' ? file : new WrittenFile(file, this.#journalOf(name))
  }

  exists(name: string): boolean {
    return this.#store.exists(name)
  }

  remove(name: string): void {
    this.#unflushed.delete(name)
    this.#store.remove(name)
  }

  rename(from: string, to: string): void {
    const journal = this.#unflushed.get(from)
    this.#unflushed.delete(from)
    this.#unflushed.delete(to)
    // What was not flushed under its old name is no safer under the new one.
    if (journal) this.#unflushed.set(to, journal)
    this.#store.rename(from, to)
  }

  list(): string[] {
    return this.#store.list()
  }

  /** @returns how many sectors were lost */
  powerLoss(random: Random): number {
    let lost = 0
    for (const [name, journal] of this.#unflushed) {
      if (!this.#store.exists(name)) continue
      const file = this.#store.open(name, 'write')
      for (const [sector, { before, after }] of journal) {
        const now = new Uint8Array(sectorBytes)
        file.read(sector * sectorBytes, now)
        if (random.below(2) === 0 || !isSame(now, after)) continue
        file.write(sector * sectorBytes, before)
        lost += 1
      }
      file.close()
    }
    this.#unflushed.clear()
    return lost
  }

  #journalOf(name: string): Map<number, Unflushed> {
    const journal = this.#unflushed.get(name) ?? new Map<number, Unflushed>()
    this.#unflushed.set(name, journal)
    return journal
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.every((byte, at) => byte === other[at])

export class WrittenFile implements DiskFile {
  readonly #file: DiskFile
  readonly #journal: Map<number, Unflushed>

  constructor(file: DiskFile, journal: Map<number, Unflushed>) {
    this.#file = file
    this.#journal = journal
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes
  }

  read(offset: number, into: Uint8Array): void {
    this.#file.read(offset, into)
  }

  write(offset: number, from: Uint8Array): void {
    const [first, end] = [Math.floor(offset / sectorBytes), offset + from.length]
    const sectors: number[] = []
    for (let sector = first; sector * sectorBytes < end; sector++) sectors.push(sector)
    const old = sectors.map((sector) => this.#sector(sector))
    this.#file.write(offset, from)
    for (const [n, sector] of sectors.entries()) {
      const after = this.#sector(sector)
      const known = this.#journal.get(sector)
      if (known) known.after = after
      else this.#journal.set(sector, { before: old[n] ?? after, after })
    }
  }

  flush(): void {
    this.#file.flush()
    this.#journal.clear()
  }

  close(): void {
    this.#file.close()
  }

  #sector(sector: number): Uint8Array {
    const bytes = new Uint8Array(sectorBytes)
    this.#file.read(sector * sectorBytes, bytes)
    return bytes
  }
}
