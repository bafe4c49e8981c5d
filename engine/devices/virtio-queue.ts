// A split virtqueue from the device's side: looks at the descriptor chains that the driver offers,
// takes them, gives them back used.
// Not here: registers and interrupts (virtio-mmio.ts), what a chain means (virtio-block.ts).
// Source: Virtual I/O Device (VIRTIO) 1.2, sections 2.7 "Split Virtqueues", 2.7.5.3 (indirect
// descriptors), 2.7.7 and 2.7.10 (event index).
//
// Everything in the rings is the guest's word and may be a lie. Whatever cannot be true is answered
// with 'broken', never with a throw: the transport then asks the driver to reset the device. Every
// loop here is bounded by the queue's greatest size. Addresses are GPAs in bytes.

import type { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'

/** A device's way to guest RAM (the core's): false when any byte is not RAM. */
export interface GuestDma {
  dmaRead(gpa: number, into: Uint8Array): boolean
  dmaWrite(gpa: number, from: Uint8Array): boolean
  /**
   * Whether a page of these bytes is absent. The VM then stands still until that page is here, and
   * the device is to look again. Without it no page ever is absent.
   */
  awaits?(gpa: number, bytes: number): boolean
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
  /** How many of the queue's own descriptors it takes: an indirect table is one. */
  readonly lent: number
}

/** Indirect descriptors may be used (2.7.5.3). */
export const featureIndirect = 1n << 28n
/** Either side says at which index it wants to be notified (2.7.7, 2.7.10). */
export const featureEventIndex = 1n << 29n

const descriptorBytes = 16
const usedElementBytes = 8
/** Flags and index, before the entries of either ring. */
const ringHeaderBytes = 4
const flagNext = 1
const flagWrite = 2
const flagIndirect = 4
const availNoInterrupt = 1
/**
 * More than any device of ours serves in one chain (a block request has 8 MiB): a guest that lies
 * about its lengths does not have all of its RAM looked through.
 */
const awaitedBytesMax = 16 << 20

export class VirtQueue {
  readonly sizeMax: number
  size: number
  ready = false
  descriptorsGpa = 0n
  availGpa = 0n
  usedGpa = 0n
  #availSeen = 0
  #usedIndex = 0
  #indirect = false
  #eventIndex = false
  readonly #dma: GuestDma
  /** What is moved between the rings and here, one at a time. */
  readonly #descriptorBytes = new Uint8Array(descriptorBytes)
  readonly #descriptor = new DataView(this.#descriptorBytes.buffer)
  readonly #elementBytes = new Uint8Array(usedElementBytes)
  readonly #element = new DataView(this.#elementBytes.buffer)
  readonly #indexBytes = new Uint8Array(2)
  readonly #index = new DataView(this.#indexBytes.buffer)

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
    this.accepted(0n)
  }

  /** What driver and device have agreed on. */
  accepted(features: bigint): void {
    this.#indirect = (features & featureIndirect) !== 0n
    this.#eventIndex = (features & featureEventIndex) !== 0n
  }

  /** Whether a page of the rings is absent: nothing can be said of the queue before it is here. */
  awaitsRings(): boolean {
    const { size } = this
    return (
      this.#awaits(Number(this.availGpa), ringHeaderBytes + 2 * size + 2) ||
      this.#awaits(Number(this.descriptorsGpa), descriptorBytes * size) ||
      this.#awaits(Number(this.usedGpa), ringHeaderBytes + usedElementBytes * size + 2)
    )
  }

  /**
   * The next chain the driver has made available; it stays so until take(). `absent`: a page that
   * serving it would touch is not here. Else all of it is: it is served once, and to its end.
   */
  peek(): DescriptorChain | 'empty' | 'broken' | 'absent' {
    const avail = Number(this.availGpa)
    const index = this.#read16(avail + 2)
    if (index === undefined) return 'broken'
    const waiting = (index - this.#availSeen) & 0xffff
    if (waiting === 0) return 'empty'
    if (waiting > this.size) return 'broken'
    const head = this.#read16(avail + ringHeaderBytes + 2 * (this.#availSeen % this.size))
    const chain = head === undefined ? 'broken' : this.#follow(head)
    return typeof chain === 'object' && this.#awaitsChain(chain) ? 'absent' : chain
  }

  /** The chain that peek() showed is the device's now. */
  take(): void {
    this.#availSeen = (this.#availSeen + 1) & 0xffff
  }

  /**
   * Gives a chain back, with the number of bytes written into it. False: the used ring is not in
   * RAM.
   */
  push(head: number, writtenBytes: number): boolean {
    const used = Number(this.usedGpa)
    this.#element.setUint32(0, head, true)
    this.#element.setUint32(4, writtenBytes, true)
    const slot = used + ringHeaderBytes + usedElementBytes * (this.#usedIndex % this.size)
    if (!dmaWrite(this.#dma, slot, this.#elementBytes)) return false
    this.#usedIndex = (this.#usedIndex + 1) & 0xffff
    return this.#write16(used + 2, this.#usedIndex)
  }

  /** Chains given back so far, modulo 2^16. */
  get usedIndex(): number {
    return this.#usedIndex
  }

  /** Whether the driver wants to hear of what was given back since the used index was `before`. */
  wantsInterrupt(before: number): boolean {
    const given = (this.#usedIndex - before) & 0xffff
    if (given === 0) return false
    const avail = Number(this.availGpa)
    if (!this.#eventIndex) return ((this.#read16(avail) ?? 0) & availNoInterrupt) === 0
    const event = this.#read16(avail + ringHeaderBytes + 2 * this.size) ?? 0
    return ((this.#usedIndex - event - 1) & 0xffff) < given
  }

  /** Asks to be notified of the next chain. False: the used ring is not in RAM. */
  askNotification(): boolean {
    if (!this.#eventIndex) return true
    const events = Number(this.usedGpa) + ringHeaderBytes + usedElementBytes * this.size
    return this.#write16(events, this.#availSeen)
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

  /** The queue's own descriptors, and those of an indirect table, which ends the chain. */
  #follow(head: number): DescriptorChain | 'broken' | 'absent' {
    const chain: OpenChain = { head, readable: [], writable: [], lent: 0 }
    let next = head
    for (; chain.lent < this.size; ) {
      if (next >= this.size || !this.#load(Number(this.descriptorsGpa), next)) return 'broken'
      chain.lent++
      const flags = this.#flags
      if (flags & flagIndirect) return flags & flagNext ? 'broken' : this.#followTable(chain)
      if (!this.#append(chain)) return 'broken'
      if (!(flags & flagNext)) return chain
      next = this.#next
    }
    return 'broken'
  }

  /** The descriptor at hand names a table of descriptors: never empty, never a table in a table. */
  #followTable(chain: OpenChain): DescriptorChain | 'broken' | 'absent' {
    const table = this.#descriptorGpa
    const bytes = this.#descriptor.getUint32(8, true)
    const entries = bytes / descriptorBytes
    if (!this.#indirect || entries === 0 || !Number.isInteger(entries)) return 'broken'
    if (this.#awaits(table, Math.min(bytes, descriptorBytes * this.sizeMax))) return 'absent'
    let next = 0
    while (chain.readable.length + chain.writable.length < this.sizeMax) {
      if (next >= entries || !this.#load(table, next)) return 'broken'
      if (this.#flags & flagIndirect || !this.#append(chain)) return 'broken'
      if (!(this.#flags & flagNext)) return chain
      next = this.#next
    }
    return 'broken'
  }

  /** Adds the descriptor at hand. False: it is readable, and stands behind a writable one. */
  #append(chain: OpenChain): boolean {
    const segment = { gpa: this.#descriptorGpa, bytes: this.#descriptor.getUint32(8, true) }
    if (this.#flags & flagWrite) chain.writable.push(segment)
    else if (chain.writable.length > 0) return false
    else chain.readable.push(segment)
    return true
  }

  #awaitsChain({ readable, writable }: DescriptorChain): boolean {
    let left = awaitedBytesMax
    for (const { gpa, bytes } of [...readable, ...writable]) {
      if (this.#awaits(gpa, Math.min(bytes, left))) return true
      left -= Math.min(bytes, left)
    }
    return false
  }

  #awaits(gpa: number, bytes: number): boolean {
    if (this.#dma.awaits === undefined || !Number.isSafeInteger(gpa)) return false
    return this.#dma.awaits(gpa, bytes)
  }

  #load(tableGpa: number, index: number): boolean {
    return dmaRead(this.#dma, tableGpa + descriptorBytes * index, this.#descriptorBytes)
  }

  get #descriptorGpa(): number {
    return Number(this.#descriptor.getBigUint64(0, true))
  }

  get #flags(): number {
    return this.#descriptor.getUint16(12, true)
  }

  get #next(): number {
    return this.#descriptor.getUint16(14, true)
  }

  #read16(gpa: number): number | undefined {
    return dmaRead(this.#dma, gpa, this.#indexBytes) ? this.#index.getUint16(0, true) : undefined
  }

  #write16(gpa: number, value: number): boolean {
    this.#index.setUint16(0, value, true)
    return dmaWrite(this.#dma, gpa, this.#indexBytes)
  }
}

/** A chain that is being followed. */
interface OpenChain extends DescriptorChain {
  readonly readable: Segment[]
  readonly writable: Segment[]
  lent: number
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
