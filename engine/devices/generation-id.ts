// The generation id of a VM, as systems know it that are not ours: 16 bytes that are others when
// the VM has become another one (a clone), and an interrupt that says so. Linux stirs its random
// numbers anew then, before anybody gets any. Source: Microsoft, "Virtual Machine Generation ID"
// (2012); the devicetree binding rng/microsoft,vmgenid.yaml, which Linux has known since 6.10. The
// interrupt is an edge: nothing acknowledges it here.
//
// It shows the instance id of the identity device, and has no state of its own. Read-only, in 1, 2,
// 4 or 8 bytes, as a copy of memory would; beyond the 16 bytes are zeros.

import { generationRegion } from './memory-map.ts'
import type { InterruptLine, MmioDevice } from './mmio.ts'

export class GenerationId implements MmioDevice {
  readonly region = generationRegion
  readonly #id: () => Uint8Array
  readonly #interrupt: InterruptLine

  /** @param id the 16 bytes as they are now. */
  constructor(id: () => Uint8Array, interrupt: InterruptLine) {
    this.#id = id
    this.#interrupt = interrupt
  }

  /** The VM is another one now. */
  announce(): void {
    this.#interrupt(true)
    this.#interrupt(false)
  }

  read(offset: number, size: number): number {
    return Number(this.#bits(offset, size))
  }

  readWide(offset: number): bigint {
    return this.#bits(offset, 8)
  }

  write(): boolean {
    return false
  }

  #bits(offset: number, size: number): bigint {
    const id = this.#id()
    let bits = 0n
    for (let at = size - 1; at >= 0; at--) bits = (bits << 8n) | BigInt(id[offset + at] ?? 0)
    return bits
  }
}
