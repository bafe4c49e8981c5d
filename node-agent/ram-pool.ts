// Memory of VMs that are gone, kept for those that come: a VM that arrives is then filled several
// times as fast. Little of it, and not for long. What one guest has written no other ever sees: it
// is made zero first (engine/memory/used-memory.ts), a little at a time, so that nobody waits for
// that. What is not kept, or not any more, the host has back at once: the garbage collectors of the
// threads that had the VM may take hours. Times in ms, sizes in bytes.

import type { UsedMemory } from '#engine/memory/used-memory.ts'
import type { Clock } from '#env/env.ts'
import { pageBytes } from '#proto/units.ts'
import { breathe } from './migration/breath.ts'

export interface RamPoolLimits {
  readonly bytesMax: number
  readonly keptMs: number
}

/** Of a node whose VMs may have so much: all of that and what is kept must fit into the process. */
export const ramPoolLimits = (nodeBytes: number): RamPoolLimits => ({
  bytesMax: Math.min(nodeBytes / 2, 1 << 30),
  keptMs: 20_000,
})

/** 1 MiB: a tenth of a millisecond. */
const pagesAtOnce = 256
const bytesAtOnce = pagesAtOnce * pageBytes

/** Of a memory that nobody uses any more. */
export type GiveBack = (memory: WebAssembly.Memory, address: number, bytes: number) => void

export class RamPool {
  readonly #clock: Clock
  readonly #limits: RamPoolLimits
  readonly #giveBack: GiveBack | undefined
  readonly #kept = new Set<UsedMemory>()

  /** @param giveBack undefined: this host takes nothing back before it is collected. */
  constructor(clock: Clock, limits: RamPoolLimits, giveBack?: GiveBack) {
    this.#clock = clock
    this.#giveBack = giveBack
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

  /** Resolves when it is clean, or the host has it. */
  async give(used: UsedMemory): Promise<void> {
    if (this.bytes + used.ramBytes > this.#limits.bytesMax) return this.#drop(used)
    this.#kept.add(used)
    const { keptMs } = this.#limits
    this.#clock.wakeAt(this.#clock.nowMs() + keptMs, () => {
      // Unless another VM has it by now.
      if (this.#kept.delete(used)) void this.#drop(used)
    })
    while (this.#kept.has(used) && !used.isClean) {
      used.scrub(pagesAtOnce)
      await breathe()
    }
  }

  async #drop({ memory }: UsedMemory): Promise<void> {
    const { byteLength } = memory.buffer
    for (let at = 0; this.#giveBack && at < byteLength; at += bytesAtOnce) {
      this.#giveBack(memory, at, Math.min(bytesAtOnce, byteLength - at))
      await breathe()
    }
  }
}
