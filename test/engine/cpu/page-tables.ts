// Sv39 page tables in a hart's RAM, made from outside: what a kernel would have set up.
// Source: privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System".

import { pageBytes, ramOrigin, type TestHart } from './test-hart.ts'

export const pte = {
  valid: 1n,
  read: 2n,
  write: 4n,
  execute: 8n,
  user: 16n,
  global: 32n,
  accessed: 64n,
  dirty: 128n,
} as const
const { valid, read, write, execute } = pte
export const readWrite = valid | read | write
export const readOnly = valid | read
export const executeOnly = valid | execute
export const everything = valid | read | write | execute

const levelBits = 9n
const pageBits = 12n

/** Builds in the RAM of `hart` from `base` on, one page a table. */
export class PageTables {
  readonly #hart: TestHart
  readonly #root: number
  #next: number

  constructor(hart: TestHart, base: number) {
    this.#hart = hart
    this.#root = base
    this.#next = base + pageBytes
  }

  /** satp for these tables: Sv39, no ASID. */
  get satp(): bigint {
    return (8n << 60n) | BigInt(this.#root >>> 12)
  }

  /** Maps one page of level 0 (4 KiB), 1 (2 MiB) or 2 (1 GiB). */
  map(va: bigint, gpa: bigint, flags: bigint, level = 0): this {
    this.setEntry(va, ((gpa >> pageBits) << 10n) | flags, level)
    return this
  }

  setEntry(va: bigint, entry: bigint, level = 0): void {
    this.#hart.setDword(this.entryAt(va, level), entry)
  }

  entry(va: bigint, level = 0): bigint {
    return this.#hart.dword(this.entryAt(va, level))
  }

  /** Where the entry of `va` is in RAM; makes the tables that lead to it. */
  entryAt(va: bigint, level = 0): number {
    let table = this.#root
    for (let above = 2; above > level; above--)
      table = this.#tableBehind(table + this.#slot(va, above))
    return table + this.#slot(va, level)
  }

  #slot(va: bigint, level: number): number {
    const index = (va >> (pageBits + levelBits * BigInt(level))) & 511n
    return Number(index) * 8
  }

  #tableBehind(at: number): number {
    const entry = this.#hart.dword(at)
    if (entry !== 0n) return Number((entry >> 10n) << pageBits)
    const table = this.#next
    this.#next += pageBytes
    this.#hart.setDword(at, ((BigInt(table) >> pageBits) << 10n) | valid)
    return table
  }
}

/**
 * The first GiB of RAM addresses, as they are, for S-mode: what keeps a program running under
 * translation.
 */
export function identity(tables: PageTables): PageTables {
  return tables.map(ramOrigin, ramOrigin, everything | pte.accessed | pte.dirty, 2)
}
