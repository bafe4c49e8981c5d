// Guest RAM for device tests: bytes at 0x80000000, reached as a device's DMA reaches it.
// Not here: dirty bits and absent pages; the real core has those, and the tests of the engine's
// machine use it.

import { ramGpa } from '#engine/devices/memory-map.ts'
import type { GuestDma } from '#engine/devices/virtio-queue.ts'

export class Ram implements GuestDma {
  readonly bytes: Uint8Array
  readonly view: DataView

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes)
    this.view = new DataView(this.bytes.buffer)
  }

  dmaRead(gpa: number, into: Uint8Array): boolean {
    if (!this.#holds(gpa, into.length)) return false
    into.set(this.bytes.subarray(gpa - ramGpa, gpa - ramGpa + into.length))
    return true
  }

  dmaWrite(gpa: number, from: Uint8Array): boolean {
    if (!this.#holds(gpa, from.length)) return false
    this.bytes.set(from, gpa - ramGpa)
    return true
  }

  #holds(gpa: number, length: number): boolean {
    return gpa >= ramGpa && gpa + length <= ramGpa + this.bytes.length
  }
}
