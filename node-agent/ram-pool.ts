// Memory of VMs that are gone, kept for those that come: a VM that arrives is then filled several
// times as fast. Little of it, and not for long. What one guest has written no other ever sees: it
// is made zero first (engine/memory/used-memory.ts), a little at a time, so that nobody waits for
// that. Times in ms, sizes in bytes.

import type { UsedMemory } from '#engine/memory/used-memory.ts'
import type { Clock } from '#env/env.ts'
import { breathe } from './migration/breath.ts'

export interface RamPoolLimits {
  readonly bytesMax: number
  readonly keptMs: number
}
export const ramPoolLimits: RamPoolLimits = { bytesMax: 1 << 30, keptMs: 20_000 }

/** 1 MiB: a tenth of a millisecond. */
const pagesAtOnce = 256

export class RamPool {
  readonly #clock: Clock
  readonly #limits: RamPoolLimits
  readonly #kept = new Set<UsedMemory>()

  constructor(clock: Clock, limits: RamPoolLimits = ramPoolLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  get bytes(): number {
    return [...this.#kept].reduce((sum, { ramBytes }) => sum + ramBytes, 0)
  }

  /** Memory of this size that is zero as fresh memory is; undefined: there is none. */
  take(ramBytes: number): WebAssembly.Memory | undefined {
    for (const used of this.#kept) {
      if (used.ramBytes !== ramBytes || !used.isClean) continue
      this.#kept.delete(used)
      return used.memory
    }
    return undefined
  }

  /** Resolves when it is clean, or was not kept. */
  async give(used: UsedMemory): Promise<void> {
    if (this.bytes + used.ramBytes > this.#limits.bytesMax) return
    this.#kept.add(used)
    const { keptMs } = this.#limits
    this.#clock.wakeAt(this.#clock.nowMs() + keptMs, () => this.#kept.delete(used))
    while (this.#kept.has(used) && !used.isClean) {
      used.scrub(pagesAtOnce)
      await breathe()
    }
  }
}
