// The memory of a VM that is gone, on its way to the next one: what a guest has written becomes
// zero, and its tables as if they were fresh. Fresh memory costs more than old: the operating
// system hands it over page by page, and takes it back just so. Not here: how much is kept, and for
// how long (node-agent/ram-pool.ts). Bytes, pages of 4,096.

import { pageBytes } from '#proto/units.ts'
import { type CoreInstance, instantiateCore, noHooks } from '../cpu/module.ts'

export class UsedMemory {
  readonly memory: WebAssembly.Memory
  readonly ramBytes: number
  readonly #core: CoreInstance
  readonly #bytes: Uint8Array
  #nextPage = 0

  /** @param memory nobody uses it any more. */
  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, ramBytes: number) {
    this.memory = memory
    this.ramBytes = ramBytes
    this.#core = instantiateCore(module, memory, noHooks)
    this.#bytes = new Uint8Array(memory.buffer)
  }

  get isClean(): boolean {
    return this.#nextPage > this.#pageCount
  }

  /** A part of the work: at most so many pages, and at the end what lies around them. */
  scrub(pagesMax: number): void {
    const touched = this.#core.call.touchedTable()
    const end = Math.min(this.#nextPage + pagesMax, this.#pageCount)
    for (; this.#nextPage < end; this.#nextPage++)
      if (this.#bytes[touched + this.#nextPage] === 1) this.#zero(this.#address, pageBytes)
    if (this.#nextPage < this.#pageCount) return
    this.#zeroAround()
    this.#nextPage = this.#pageCount + 1
  }

  get #pageCount(): number {
    return this.ramBytes / pageBytes
  }

  get #address(): number {
    return this.#core.at.ramAddress + this.#nextPage * pageBytes
  }

  #zero(address: number, bytes: number): void {
    this.#bytes.fill(0, address, address + bytes)
  }

  /** The hart, its TLB and jump cache before RAM; behind it the tables that begin all zero. */
  #zeroAround(): void {
    const { ramAddress } = this.#core.at
    const tables = this.#core.call.trackedTable()
    this.#zero(tables, this.#core.call.blockPool() - tables)
    this.#zero(0, ramAddress)
  }
}
