// Executed code around a base address, read from the VM's memory as the core has decoded it.
// Offsets are bytes from the base, which begins a page; host addresses are the core's. Not here:
// how far a region reaches (region.ts).

import { pageBytes } from '#proto/units.ts'
import type { CoreInstance } from '../cpu/module.ts'
import { type Instruction, instructionOf } from './decoded-entry.ts'

/** Bytes of decoded entries for a byte of code. */
const slotScale = 4
/** Offset in a page of an instruction whose second half lies in the next. */
const lastHalf = pageBytes - 2
const inPage = pageBytes - 1

interface CodePage {
  /** 0: it is not mapped for fetching, or only if something changed by that. */
  readonly host: number
  /** Its decoded entries; 0: there are none. */
  readonly block: number
}

export class CodeView {
  readonly #core: CoreInstance
  readonly #words: Int32Array
  readonly #base: bigint
  readonly #pages = new Map<number, CodePage>()

  /** `words`: all of the VM's memory. */
  constructor(core: CoreInstance, words: Int32Array, base: bigint) {
    this.#core = core
    this.#words = words
    this.#base = base
  }

  /** undefined where no instruction was executed, or it cannot be had. */
  readonly read = (offset: number): Instruction | undefined => {
    const { block } = this.#page(offset)
    if (block === 0) return undefined
    const slot = (block + (offset & inPage) * slotScale) >>> 2
    const word = this.#words[slot] ?? 0
    if (word !== 0) return instructionOf(offset, word, this.#words[slot + 1] ?? 0)
    return (offset & inPage) === lastHalf ? this.#straddling(offset) : undefined
  }

  /** 0 where there is no code. */
  hostOf(offset: number): number {
    const { host } = this.#page(offset)
    return host === 0 ? 0 : host + (offset & inPage)
  }

  /** The core keeps no entry of an instruction that lies in two pages. */
  #straddling(offset: number): Instruction | undefined {
    const [low, high] = [this.hostOf(offset), this.hostOf(offset + 2)]
    if (low === 0 || high === 0) return undefined
    const raw = this.#half(low) | (this.#half(high) << 16)
    if ((raw & 3) !== 3) return undefined
    const entry = this.#core.call.decodeWord(raw)
    return instructionOf(offset, Number(BigInt.asIntN(32, entry)), Number(entry >> 32n))
  }

  #half(host: number): number {
    const word = this.#words[host >>> 2] ?? 0
    return (host & 2 ? word >>> 16 : word) & 0xffff
  }

  #page(offset: number): CodePage {
    const number = Math.floor(offset / pageBytes)
    const known = this.#pages.get(number)
    if (known) return known
    const va = BigInt.asIntN(64, this.#base + BigInt(number * pageBytes))
    const host = this.#core.call.codeAddress(va) >>> 0
    const page = { host, block: host === 0 ? 0 : this.#core.call.codeBlock(host) >>> 0 }
    this.#pages.set(number, page)
    return page
  }
}
