// A Disk in memory that is as unreliable as a real one may be: at powerLoss() every write that was
// not flushed may be gone, whole or torn at a 512-byte sector, in any combination (the caller's
// Random decides).

import type { Disk, DiskFile, Random } from '../env.ts'

const sectorBytes = 512
const namePattern = /^[a-z0-9.-]{1,120}$/

interface Stored {
  /** What a power loss leaves for sure. */
  durable: Uint8Array
  /** What a reader sees. */
  current: Uint8Array
}

export class MemoryDisk implements Disk {
  #files = new Map<string, Stored>()

  open(name: string, mode: 'read' | 'write' | 'create'): DiskFile {
    if (!namePattern.test(name)) throw new Error(`${name} is no name for a disk file`)
    let stored = this.#files.get(name)
    if (!stored) {
      if (mode !== 'create') throw new Error(`there is no disk file ${name}`)
      stored = { durable: new Uint8Array(0), current: new Uint8Array(0) }
      this.#files.set(name, stored)
    }
    return new MemoryFile(stored, mode !== 'read')
  }

  exists(name: string): boolean {
    return this.#files.has(name)
  }

  remove(name: string): void {
    this.#files.delete(name)
  }

  rename(from: string, to: string): void {
    const stored = this.#files.get(from)
    if (!stored) throw new Error(`there is no disk file ${from}`)
    if (!namePattern.test(to)) throw new Error(`${to} is no name for a disk file`)
    this.#files.delete(from)
    this.#files.set(to, stored)
  }

  list(): string[] {
    return [...this.#files.keys()].sort()
  }

  /** The power goes: of each unflushed sector, old or new content survives, as `random` has it. */
  powerLoss(random: Random): void {
    for (const stored of this.#files.values()) {
      const length = Math.max(stored.durable.length, stored.current.length)
      const after = grown(stored.durable, length)
      for (let at = 0; at < length; at += sectorBytes) {
        if (random.below(2) === 0) continue
        after.set(stored.current.subarray(at, at + sectorBytes), at)
      }
      stored.durable = after
      stored.current = after.slice()
    }
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(Math.max(length, bytes.length))
  larger.set(bytes)
  return larger
}

class MemoryFile implements DiskFile {
  #stored: Stored
  #writable: boolean
  #open = true

  constructor(stored: Stored, writable: boolean) {
    this.#stored = stored
    this.#writable = writable
  }

  get sizeBytes(): number {
    return this.#stored.current.length
  }

  read(offset: number, into: Uint8Array): void {
    this.#mustBeOpen()
    const got = this.#stored.current.subarray(offset, offset + into.length)
    into.set(got)
    into.fill(0, got.length)
  }

  write(offset: number, from: Uint8Array): void {
    this.#mustBeOpen()
    if (!this.#writable) throw new Error('the disk file was opened for reading')
    const end = offset + from.length
    if (end > this.#stored.current.length) this.#stored.current = grown(this.#stored.current, end)
    this.#stored.current.set(from, offset)
  }

  flush(): void {
    this.#mustBeOpen()
    this.#stored.durable = this.#stored.current.slice()
  }

  close(): void {
    this.#open = false
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new Error('the disk file is closed')
  }
}
