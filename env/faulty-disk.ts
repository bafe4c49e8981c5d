// A Disk that fails when it is told to, over one that does not: for the simulated world, and for
// the agents of a laboratory. Reads and writes fail each by itself, as on a worn disk or a store
// that is cut off; a full one takes what replaces bytes, and nothing that makes a file longer or
// makes one. Files that are open fail too. What was written before stays. Pure.

import type { Disk, DiskFile } from './env.ts'

/** What fails now; nothing does when all are false. */
export interface DiskFaults {
  readonly reads: boolean
  /** Flushes, new names and new files too. */
  readonly writes: boolean
  readonly isFull: boolean
}

export const noDiskFaults: DiskFaults = { reads: false, writes: false, isFull: false }

/** The same for all threads of a process: what one says, all others see at once. */
export class SharedDiskFaults {
  readonly buffer: SharedArrayBuffer
  readonly #bits: Int32Array

  constructor(buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer
    this.#bits = new Int32Array(buffer)
  }

  get now(): DiskFaults {
    const bits = Atomics.load(this.#bits, 0)
    return { reads: (bits & 1) > 0, writes: (bits & 2) > 0, isFull: (bits & 4) > 0 }
  }

  change({ reads, writes, isFull }: DiskFaults): void {
    Atomics.store(this.#bits, 0, (reads ? 1 : 0) | (writes ? 2 : 0) | (isFull ? 4 : 0))
  }
}

/** Named as the system names its errors. */
export class DiskFaultError extends Error {
  override readonly name = 'DiskFaultError'
  readonly code: 'EIO' | 'ENOSPC'
  /** As who knows faults reads it (proto/faults.ts). */
  readonly fault: { readonly code: 'disk-failed'; readonly message: string }

  constructor(code: 'EIO' | 'ENOSPC', doing: string, name: string) {
    const why = code === 'EIO' ? 'input/output error' : 'no space left on the disk'
    super(`${code}: ${why}, ${doing} ${name}`)
    this.code = code
    this.fault = { code: 'disk-failed', message: this.message }
  }
}

/** `faults` is asked before each call, `onFault` told of each that is refused. */
export function faultyDisk(
  disk: Disk,
  faults: () => DiskFaults,
  onFault: (error: DiskFaultError) => void = () => undefined,
): Disk {
  const guard = new Guard(faults, onFault)
  return {
    open(name, mode) {
      const isNew = mode === 'create' && !disk.exists(name)
      if (isNew) guard.mayMake(name)
      else guard.mayRead(name)
      return new FaultyFile(name, disk.open(name, mode), guard)
    },
    exists: (name) => disk.exists(name),
    rename(from, to) {
      guard.mayWrite(from)
      disk.rename(from, to)
    },
    remove(name) {
      guard.mayWrite(name)
      disk.remove(name)
    },
    list: () => disk.list(),
  }
}

/** Throws where something may not be done now. */
class Guard {
  readonly #faults: () => DiskFaults
  readonly #onFault: (error: DiskFaultError) => void

  constructor(faults: () => DiskFaults, onFault: (error: DiskFaultError) => void) {
    this.#faults = faults
    this.#onFault = onFault
  }

  mayRead(name: string): void {
    if (this.#faults().reads) this.#refuse('EIO', 'reading', name)
  }

  mayWrite(name: string, doing = 'writing'): void {
    if (this.#faults().writes) this.#refuse('EIO', doing, name)
  }

  mayGrow(name: string): void {
    if (this.#faults().isFull) this.#refuse('ENOSPC', 'writing', name)
  }

  mayMake(name: string): void {
    this.mayWrite(name, 'making')
    if (this.#faults().isFull) this.#refuse('ENOSPC', 'making', name)
  }

  #refuse(...how: ConstructorParameters<typeof DiskFaultError>): never {
    const error = new DiskFaultError(...how)
    this.#onFault(error)
    throw error
  }
}

class FaultyFile implements DiskFile {
  readonly #name: string
  readonly #file: DiskFile
  readonly #guard: Guard

  constructor(name: string, file: DiskFile, guard: Guard) {
    this.#name = name
    this.#file = file
    this.#guard = guard
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes
  }

  read(offset: number, into: Uint8Array): void {
    this.#guard.mayRead(this.#name)
    this.#file.read(offset, into)
  }

  write(offset: number, from: Uint8Array): void {
    this.#guard.mayWrite(this.#name)
    if (offset + from.length > this.#file.sizeBytes) this.#guard.mayGrow(this.#name)
    this.#file.write(offset, from)
  }

  flush(): void {
    this.#guard.mayWrite(this.#name, 'flushing')
    this.#file.flush()
  }

  close(): void {
    this.#file.close()
  }
}
