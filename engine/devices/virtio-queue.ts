// A split virtqueue from the device's side: takes descriptor chains the driver offers, gives them
// back used.
// Not here: registers and interrupts (virtio-mmio.ts), what a chain means (virtio-block.ts).
// Source: Virtual I/O Device (VIRTIO) 1.2, section 2.7 "Split Virtqueues". No indirect descriptors,
// no event index.
//
// Everything in the rings is the guest's word and may be a lie. Whatever cannot be true is answered
// with 'broken', never with a throw: the transport then asks the driver to reset the device. Every
// loop here is bounded by the queue's size. Addresses are GPAs in bytes.

import type { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'

/** A device's way to guest RAM (the core's): false when any byte is not RAM. */
export interface GuestDma {
  dmaRead(gpa: number, into: Uint8Array): boolean
  dmaWrite(gpa: number, from: Uint8Array): boolean
}

/** Pieces of guest RAM that stand for one run of bytes. */
export interface Segment {
  readonly gpa: number
  readonly bytes: number
}

export interface DescriptorChain {
  /** Names the chain when it is given back. */
  readonly head: number
  /** For the device to read; they come before the writable ones. */
  readonly readable: readonly Segment[]
  readonly writable: readonly Segment[]
}

const descriptorBytes = 16
const flagNext = 1
const flagWrite = 2
const flagIndirect = 4
const availNoInterrupt = 1

export class VirtQueue {
  readonly sizeMax: number
  size: number
  ready = false
  descriptorsGpa = 0n
  availGpa = 0n
  usedGpa = 0n
  #availSeen = 0
  #usedIndex = 0
  readonly #dma: GuestDma

  constructor(sizeMax: number, dma: GuestDma) {
    this.sizeMax = sizeMax
    this.size = sizeMax
    this.#dma = dma
  }

  reset(): void {
    this.size = this.sizeMax
    this.ready = false
    this.descriptorsGpa = 0n
    this.availGpa = 0n
    this.usedGpa = 0n
    this.#availSeen = 0
    this.#usedIndex = 0
  }

  /** The next chain the driver has made available. */
  pop(): DescriptorChain | 'empty' | 'broken' {
    const index = this.#read16(this.availGpa + 2n)
    if (index === undefined) return 'broken'
    const waiting = (index - this.#availSeen) & 0xffff
    if (waiting === 0) return 'empty'
    if (waiting > this.size) return 'broken'
    const head = this.#read16(this.availGpa + 4n + 2n * BigInt(this.#availSeen % this.size))
    if (head === undefined) return 'broken'
    this.#availSeen = (this.#availSeen + 1) & 0xffff
    return this.#follow(head)
  }

  /**
   * Gives a chain back, with the number of bytes written into it. False: the used ring is not in
   * RAM.
   */
  push(head: number, writtenBytes: number): boolean {
    const element = new DataView(new ArrayBuffer(8))
    element.setUint32(0, head, true)
    element.setUint32(4, writtenBytes, true)
    const slot = this.usedGpa + 4n + 8n * BigInt(this.#usedIndex % this.size)
    if (!this.#write(slot, element)) return false
    this.#usedIndex = (this.#usedIndex + 1) & 0xffff
    const index = new DataView(new ArrayBuffer(2))
    index.setUint16(0, this.#usedIndex, true)
    return this.#write(this.usedGpa + 2n, index)
  }

  /** Whether the driver wants to hear of used chains. */
  get wantsInterrupt(): boolean {
    return ((this.#read16(this.availGpa) ?? 0) & availNoInterrupt) === 0
  }

  captureTo(writer: SectionWriter): void {
    writer.u16(this.size).flag(this.ready)
    writer.u64(this.descriptorsGpa).u64(this.availGpa).u64(this.usedGpa)
    writer.u16(this.#availSeen).u16(this.#usedIndex)
  }

  restoreFrom(reader: SectionReader): void {
    this.size = reader.u16()
    if (!this.mayHaveSize(this.size)) throw reader.refusal(`has a queue of ${this.size}`)
    this.ready = reader.flag()
    this.descriptorsGpa = reader.u64()
    this.availGpa = reader.u64()
    this.usedGpa = reader.u64()
    this.#availSeen = reader.u16()
    this.#usedIndex = reader.u16()
  }

  /** Queue sizes are powers of two (2.7). */
  mayHaveSize(size: number): boolean {
    return size >= 1 && size <= this.sizeMax && (size & (size - 1)) === 0
  }

  #follow(head: number): DescriptorChain | 'broken' {
    const readable: Segment[] = []
    const writable: Segment[] = []
    let next = head
    for (let links = 0; links < this.size; links++) {
      const descriptor = this.#descriptor(next)
      if (descriptor === undefined || descriptor.flags & flagIndirect) return 'broken'
      if (descriptor.flags & flagWrite) writable.push(descriptor)
      else if (writable.length > 0) return 'broken'
      else readable.push(descriptor)
      if (!(descriptor.flags & flagNext)) return { head, readable, writable }
      next = descriptor.next
    }
    return 'broken'
  }

  #descriptor(index: number) {
    if (index >= this.size) return undefined
    const bytes = this.#read(this.descriptorsGpa + BigInt(descriptorBytes * index), descriptorBytes)
    if (bytes === undefined) return undefined
    return {
      gpa: Number(bytes.getBigUint64(0, true)),
      bytes: bytes.getUint32(8, true),
      flags: bytes.getUint16(12, true),
      next: bytes.getUint16(14, true),
    }
  }

  #read16(gpa: bigint): number | undefined {
    return this.#read(gpa, 2)?.getUint16(0, true)
  }

  #read(gpa: bigint, length: number): DataView | undefined {
    const bytes = new Uint8Array(length)
    return dmaRead(this.#dma, Number(gpa), bytes) ? new DataView(bytes.buffer) : undefined
  }

  #write(gpa: bigint, view: DataView): boolean {
    return dmaWrite(this.#dma, Number(gpa), new Uint8Array(view.buffer))
  }
}

/** Bytes of all segments. */
export const segmentsBytes = (segments: readonly Segment[]): number =>
  segments.reduce((sum, segment) => sum + segment.bytes, 0)

/** Reads the run of bytes from `at` on. False when it is too short or not all RAM. */
export function readSegments(
  dma: GuestDma,
  segments: readonly Segment[],
  at: number,
  into: Uint8Array,
): boolean {
  return eachPiece(segments, at, into, (gpa, piece) => dmaRead(dma, gpa, piece))
}

/** Writes the run of bytes from `at` on. False when it is too short or not all RAM. */
export function writeSegments(
  dma: GuestDma,
  segments: readonly Segment[],
  at: number,
  from: Uint8Array,
): boolean {
  return eachPiece(segments, at, from, (gpa, piece) => dmaWrite(dma, gpa, piece))
}

function eachPiece(
  segments: readonly Segment[],
  at: number,
  bytes: Uint8Array,
  move: (gpa: number, piece: Uint8Array) => boolean,
): boolean {
  let skip = at
  let done = 0
  for (const segment of segments) {
    if (done === bytes.length) return true
    const start = Math.min(skip, segment.bytes)
    skip -= start
    const length = Math.min(segment.bytes - start, bytes.length - done)
    if (length === 0) continue
    if (!move(segment.gpa + start, bytes.subarray(done, done + length))) return false
    done += length
  }
  return done === bytes.length
}

/** A GPA beyond 2^53 is no longer exact as a number, and RAM is far below. */
const dmaRead = (dma: GuestDma, gpa: number, into: Uint8Array): boolean =>
  Number.isSafeInteger(gpa) && dma.dmaRead(gpa, into)

const dmaWrite = (dma: GuestDma, gpa: number, from: Uint8Array): boolean =>
  Number.isSafeInteger(gpa) && dma.dmaWrite(gpa, from)
