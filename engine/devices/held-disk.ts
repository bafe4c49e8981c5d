// A disk whose writes are held in memory, in the guest's order, until somebody says that they may
// be seen: of a protected VM nothing must reach the shared store that its replica does not know
// yet. (Cully et al., "Remus: High Availability via Asynchronous Virtual Machine Replication",
// NSDI 2008, section 3.5.) The guest reads what it wrote; the disk below sees nothing of it.
// Not here: when a batch is taken and when it is written (the agent says), a batch as bytes
// (held-batch.ts).
// Offsets and lengths in bytes. Memory: what was written, and a copy of each block of 4 KiB that
// was written in part. The caller bounds it by what it allows heldBytes to become.

import { invariant } from '#proto/invariant.ts'
import type { BlockBackend } from './block-backend.ts'
import { encodeBatch, type HeldRecord, type HeldWrite, writeRecords } from './held-batch.ts'

const blockBytes = 4096

/** A block as the guest sees it. */
interface HeldBlock {
  /** The batch that wrote it last. */
  readonly batch: number
  /** Part of what a write brought, and never changed; or a copy of the block's own. */
  readonly bytes: Uint8Array
  readonly isCopy: boolean
}

export class HeldDisk implements BlockBackend {
  readonly sizeBytes: number
  readonly #below: BlockBackend
  readonly #blocks = new Map<number, HeldBlock>()
  /** Taken and not written yet, the oldest first. */
  #taken: HeldRecord[][] = []
  #open: HeldRecord[] = []
  /** The number of the open batch. */
  #batch = 0
  #heldBytes = 0

  constructor(below: BlockBackend) {
    this.#below = below
    this.sizeBytes = below.sizeBytes
  }

  /** What the writes that are not taken yet hold in memory. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Nothing is held, taken or not. */
  get isEmpty(): boolean {
    return this.#open.length === 0 && this.#taken.length === 0
  }

  read(offset: number, into: Uint8Array): void {
    this.#mustBeInside(offset, into.length)
    for (let at = 0; at < into.length; ) {
      const run = this.#runAt(offset + at, into.length - at)
      const part = into.subarray(at, at + run.lengthBytes)
      if (run.bytes) part.set(run.bytes)
      else this.#below.read(offset + at, part)
      at += run.lengthBytes
    }
  }

  /** Throws, and holds nothing, when a block that it writes in part cannot be read. */
  write(offset: number, from: Uint8Array): void {
    this.#mustBeInside(offset, from.length)
    if (from.length === 0) return
    const written = { offset, bytes: from.slice() }
    const first = Math.floor(offset / blockBytes)
    const last = Math.floor((offset + from.length - 1) / blockBytes)
    // Only these two can be written in part: the rest of them comes from what was there.
    for (const block of new Set([first, last])) if (!this.#covers(written, block)) this.#copy(block)
    for (let block = first; block <= last; block++) this.#put(written, block)
    this.#open.push(written)
    this.#heldBytes += from.length
  }

  /** One of what was flushed already says nothing: a batch ends with a flush when it is written. */
  flush(): void {
    const last = this.#open.at(-1)
    if (last !== undefined && last !== 'flush') this.#open.push('flush')
  }

  /** Closes the batch, and returns it as bytes: see held-batch.ts. */
  take(): Uint8Array {
    const records = this.#open
    this.#close()
    return encodeBatch(records)
  }

  /**
   * Writes what was taken to the disk below, durably. Throws when that fails: then what was not
   * written is held still, and may be written again.
   */
  writeTaken(): void {
    for (let batch = this.#taken[0]; batch; batch = this.#taken[0]) {
      writeRecords(this.#below, batch)
      this.#taken.shift()
    }
    for (const [block, { batch }] of this.#blocks)
      if (batch < this.#batch) this.#blocks.delete(block)
  }

  /** Writes all that is held, taken or not. */
  writeAll(): void {
    this.#close()
    this.writeTaken()
  }

  /** What is held is gone, and was never written. */
  close(): void {
    this.#below.close()
  }

  /** Closes the open batch; the next begins. */
  #close(): void {
    if (this.#open.length > 0) this.#taken.push(this.#open)
    this.#open = []
    this.#batch += 1
    this.#heldBytes = 0
  }

  /** Whether all of a block is written. */
  #covers({ offset, bytes }: HeldWrite, block: number): boolean {
    const start = block * blockBytes
    const end = Math.min(start + blockBytes, this.sizeBytes)
    return offset <= start && offset + bytes.length >= end
  }

  /** Makes the block one that can be written in part, with what is in it now. */
  #copy(block: number): void {
    const held = this.#blocks.get(block)
    if (held?.isCopy && held.batch === this.#batch) return
    const start = block * blockBytes
    let bytes = held?.bytes
    if (bytes === undefined) {
      bytes = new Uint8Array(Math.min(blockBytes, this.sizeBytes - start))
      this.#below.read(start, bytes)
    } else if (!held?.isCopy) bytes = bytes.slice()
    this.#blocks.set(block, { batch: this.#batch, bytes, isCopy: true })
    this.#heldBytes += bytes.length
  }

  /** A block that is not written whole is a copy by now. */
  #put(written: HeldWrite, block: number): void {
    const at = block * blockBytes - written.offset
    const bytes = written.bytes.subarray(Math.max(0, at), at + blockBytes)
    if (this.#covers(written, block))
      this.#blocks.set(block, { batch: this.#batch, bytes, isCopy: false })
    else this.#blocks.get(block)?.bytes.set(bytes, Math.max(0, -at))
  }

  /** What is held of the byte at `offset` and those behind it, or for how many nothing is. */
  #runAt(offset: number, lengthBytesMax: number): { bytes?: Uint8Array; lengthBytes: number } {
    const first = Math.floor(offset / blockBytes)
    const held = this.#blocks.get(first)
    if (held) {
      const at = offset - first * blockBytes
      const bytes = held.bytes.subarray(at, at + lengthBytesMax)
      return { bytes, lengthBytes: bytes.length }
    }
    let end = (first + 1) * blockBytes
    while (end < offset + lengthBytesMax && !this.#blocks.has(end / blockBytes)) end += blockBytes
    return { lengthBytes: Math.min(end - offset, lengthBytesMax) }
  }

  #mustBeInside(offset: number, lengthBytes: number): void {
    invariant(
      offset >= 0 && offset + lengthBytes <= this.sizeBytes,
      `${lengthBytes} bytes at ${offset} are not on a disk of ${this.sizeBytes} bytes`,
    )
  }
}
