// A small virtio driver for tests: sets a device up as section 3.1 of the specification says, and
// makes requests. Rings lie at fixed places in RAM, those of queue n 256 n bytes behind those of
// queue 0; a test may write lies into them by hand.

import { ramGpa } from '#engine/devices/memory-map.ts'
import type { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import type { Ram } from '../ram.ts'

export const queueSize = 8
export const descriptorsAt = 0x1000
export const availAt = 0x2000
export const usedAt = 0x3000
const dataAt = 0x8000
const nextQueueBytes = 0x100

export interface Piece {
  /** Offset in RAM. */
  readonly at: number
  readonly bytes: number
  readonly write: boolean
}

export class VirtioDriver {
  readonly #device: VirtioMmio
  readonly #ram: Ram
  readonly #queue: number
  readonly #at: { readonly descriptors: number; readonly avail: number; readonly used: number }
  #made = 0

  constructor(device: VirtioMmio, ram: Ram, queue = 0) {
    this.#device = device
    this.#ram = ram
    this.#queue = queue
    const behind = queue * nextQueueBytes
    this.#at = {
      descriptors: descriptorsAt + behind,
      avail: availAt + behind,
      used: usedAt + behind,
    }
  }

  /** The driver of another queue of the same device. */
  queue(queue: number): VirtioDriver {
    return new VirtioDriver(this.#device, this.#ram, queue)
  }

  get(register: number): number {
    return this.#device.read(register, 4) ?? -1
  }

  set(register: number, value: number): void {
    this.#device.write(register, 4, value)
  }

  /** Accepts VERSION_1, if not told otherwise, and whatever of the low 32 features is asked for. */
  start(features = 1 << 9, queues = 1, highFeatures = 1): void {
    this.#made = 0
    this.set(0x70, 0)
    this.set(0x70, 1 | 2)
    this.set(0x24, 0)
    this.set(0x20, features)
    this.set(0x24, 1)
    this.set(0x20, highFeatures)
    this.set(0x70, 1 | 2 | 8)
    for (let queue = 0; queue < queues; queue++) this.queue(queue).#prepare()
    this.set(0x70, 1 | 2 | 8 | 4)
  }

  /** Rings are zero before the device is told of them. */
  #prepare(): void {
    this.#ram.bytes.fill(0, this.#at.avail, this.#at.avail + nextQueueBytes)
    this.#ram.bytes.fill(0, this.#at.used, this.#at.used + nextQueueBytes)
    this.set(0x30, this.#queue)
    this.set(0x38, queueSize)
    this.set(0x80, ramGpa + this.#at.descriptors)
    this.set(0x90, ramGpa + this.#at.avail)
    this.set(0xa0, ramGpa + this.#at.used)
    this.set(0x44, 1)
  }

  /** Writes descriptor `index`. */
  describe(index: number, gpa: number, bytes: number, flags: number, next = 0): void {
    const at = this.#at.descriptors + 16 * index
    this.#ram.view.setBigUint64(at, BigInt(gpa), true)
    this.#ram.view.setUint32(at + 8, bytes, true)
    this.#ram.view.setUint16(at + 12, flags, true)
    this.#ram.view.setUint16(at + 14, next, true)
  }

  /** Offers the chain that begins at `head`, and notifies. */
  offer(head: number, notify = true): void {
    this.#ram.view.setUint16(this.#at.avail + 4 + 2 * (this.#made % queueSize), head, true)
    this.#made += 1
    this.#ram.view.setUint16(this.#at.avail + 2, this.#made & 0xffff, true)
    if (notify) this.set(0x50, this.#queue)
  }

  /** A chain of pieces, from descriptor 0 on. */
  chain(pieces: readonly Piece[]): void {
    for (const [index, piece] of pieces.entries()) {
      const next = index + 1 < pieces.length ? 1 : 0
      this.describe(index, ramGpa + piece.at, piece.bytes, next | (piece.write ? 2 : 0), index + 1)
    }
  }

  /**
   * A block request; returns its status and what was read, or undefined when it was not given back.
   */
  request(type: number, sector: number, data: Uint8Array | number, cuts = 1) {
    const header = dataAt
    const body = dataAt + 0x100
    const length = typeof data === 'number' ? data : data.length
    this.#ram.view.setUint32(header, type, true)
    this.#ram.view.setBigUint64(header + 8, BigInt(sector), true)
    if (typeof data !== 'number') this.#ram.bytes.set(data, body)
    const reads = typeof data === 'number'
    const status = body + length
    this.#ram.bytes[status] = 0xff
    const part = Math.ceil(length / cuts)
    const pieces = Array.from({ length: length === 0 ? 0 : cuts }, (_, n) => ({
      at: body + n * part,
      bytes: Math.min(part, length - n * part),
      write: reads,
    }))
    this.chain([
      { at: header, bytes: 16, write: false },
      ...pieces,
      { at: status, bytes: 1, write: true },
    ])
    const before = this.used
    this.offer(0)
    if (this.used === before) return undefined
    return { status: this.#ram.bytes[status], data: this.#ram.bytes.slice(body, body + length) }
  }

  get used(): number {
    return this.#ram.view.getUint16(this.#at.used + 2, true)
  }

  /** Bytes the device said it wrote for the n-th chain. */
  written(n: number): number {
    return this.#ram.view.getUint32(this.#at.used + 4 + 8 * (n % queueSize) + 4, true)
  }
}
