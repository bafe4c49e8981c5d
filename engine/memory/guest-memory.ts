// A VM's RAM as the agent's thread has it: core.wasm on the VM's memory, for pages alone. The guest
// may run on another thread meanwhile, so whatever leaves here was copied first and judged by its
// copy. Not here: who takes dirty logs (the pCPU, ../cpu/core.ts), how pages travel. Sizes in
// bytes.

import { invariant } from '#proto/invariant.ts'
import { pageBytes } from '#proto/units.ts'
import { type CoreInstance, createVmMemory, instantiateCore, noHooks } from '../cpu/module.ts'
import type { CollectedPages, GuestMemory, PageTables } from './guest-memory-port.ts'
import { LargeBlocks, type LargePages } from './large-blocks.ts'
import { recentPages } from './recent-pages.ts'
import { UsedMemory } from './used-memory.ts'

/** RAM comes in whole WebAssembly pages. */
const ramGranuleBytes = 65536
/** Of a page, in the table of tracked parts. */
const trackedPartBytes = 8
/** Odd and irregular (2^32 over the golden ratio), so that every bit of a hash reaches the sum. */
const contentSumFactor = 0x9e3779b1

export class WasmGuestMemory implements GuestMemory {
  readonly memory: WebAssembly.Memory
  readonly ramBytes: number
  readonly pageCount: number
  readonly #module: WebAssembly.Module
  #core: CoreInstance
  #bytes: Uint8Array<SharedArrayBuffer | ArrayBuffer>
  readonly #absentTable: number
  readonly #touchedTable: number
  readonly #blocks: LargeBlocks
  /** Kept here: pages become absent and present on this thread alone. */
  #absentPages = 0

  /** Fresh RAM, all zero. Throws RangeError when the process gets no more memory. */
  static create(module: WebAssembly.Module, ramBytes: number, host?: LargePages): WasmGuestMemory {
    const fits = ramBytes > 0 && ramBytes % ramGranuleBytes === 0
    invariant(fits, `RAM of ${ramBytes} bytes is not a multiple of ${ramGranuleBytes}`)
    return new WasmGuestMemory(module, createVmMemory(module, ramBytes), ramBytes, host)
  }

  /** On memory that UsedMemory has cleaned. */
  static on(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    ramBytes: number,
    host?: LargePages,
  ): WasmGuestMemory {
    return new WasmGuestMemory(module, memory, ramBytes, host)
  }

  private constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    ramBytes: number,
    host: LargePages | undefined,
  ) {
    this.#module = module
    this.memory = memory
    this.ramBytes = ramBytes
    this.pageCount = ramBytes / pageBytes
    this.#bytes = new Uint8Array(memory.buffer)
    this.#core = instantiateCore(module, memory, noHooks)
    this.#core.call.format(ramBytes)
    this.#absentTable = this.#core.call.absentTable()
    this.#touchedTable = this.#core.call.touchedTable()
    this.#blocks = new LargeBlocks(memory, host, this.#core.at.ramAddress + ramBytes)
  }

  expectWhole(): void {
    const from = this.#core.at.ramAddress
    this.#blocks.wishAll(from, this.#bytes.length - from)
  }

  /**
   * At most `pagesMax` pages, zero ones counted, and never more than a frame holds: fewer than
   * asked for is no sign of the end, `nextPage` is.
   */
  collect(
    bitmap: Uint8Array,
    fromPage: number,
    pagesMax: number,
    allocate = (pages: number) => new Uint8Array(pages * pageBytes),
  ): CollectedPages {
    invariant(bitmap.length * 8 >= this.pageCount, 'The bitmap is shorter than RAM')
    const { at, call } = this.#core
    const max = Math.min(pagesMax, at.stagePagesMax)
    const { count, nextPage } = this.#askFromBitmap(bitmap, fromPage, max)
    const filled = call.collectPages(count)
    return {
      pages: this.#copyWords(at.filledAddress, filled),
      bytes: this.#copyBytes(at.copiesAddress, allocate(filled)),
      zeroPages: this.#copyWords(at.zeroAddress, count - filled),
      nextPage,
    }
  }

  store(pages: Uint32Array, bytes: Uint8Array): void {
    invariant(bytes.length === pages.length * pageBytes, 'Pages and their bytes differ in number')
    this.#inBatches(pages, (count, first) => {
      const end = first + count
      for (let from = first; from < end; ) {
        const to = this.#expectRun(pages, from, end)
        const at = this.#core.at.ramAddress + (pages[from] ?? 0) * pageBytes
        this.#bytes.set(bytes.subarray(from * pageBytes, to * pageBytes), at)
        from = to
      }
      this.#core.call.noteStored(count)
    })
  }

  storeZero(pages: Uint32Array): void {
    this.#inBatches(pages, (count) => this.#core.call.zeroPages(count))
  }

  makeAbsent(bitmap: Uint8Array): void {
    for (let page = 0; page < this.pageCount; page++) {
      if (((bitmap[page >> 3] ?? 0) >> (page & 7)) % 2 === 0 || this.isAbsent(page)) continue
      this.#bytes[this.#absentTable + page] = 1
      this.#absentPages++
    }
  }

  makeAbsentAs(other: GuestMemory): void {
    invariant(other instanceof WasmGuestMemory, 'Both memories must be of this engine')
    invariant(other.ramBytes === this.ramBytes, 'Both memories must have the same size')
    const table = other.#touched()
    for (let page = 0; other.#absentPages > 0 && page < this.pageCount; page++)
      if (other.isAbsent(page)) table[page] = 1
    this.#bytes.set(table, this.#absentTable)
    // Four pages at a time: a sum of bytes that are 0 or 1.
    for (const four of new Uint32Array(table.buffer))
      this.#absentPages += Math.imul(four, 0x01010101) >>> 24
  }

  isTouched(page: number): boolean {
    return this.#bytes[this.#touchedTable + page] === 1
  }

  readPage(page: number, into: Uint8Array): void {
    const from = this.#core.at.ramAddress + page * pageBytes
    into.set(this.#bytes.subarray(from, from + pageBytes))
  }

  isAbsent(page: number): boolean {
    return this.#bytes[this.#absentTable + page] === 1
  }

  tables(log?: number): PageTables {
    const { call } = this.#core
    const logBytes = this.pageCount / 8
    const view = (at: number, bytes = this.pageCount) => this.#bytes.subarray(at, at + bytes)
    return {
      touched: view(this.#touchedTable),
      absent: view(this.#absentTable),
      shared: view(call.frozenTable()),
      marked: view(call.dirtyTable()),
      log: log === undefined ? undefined : view(call.logTable() + log * logBytes, logBytes),
    }
  }

  get absentPages(): number {
    return this.#absentPages
  }

  /** The bytes of a page lie there before it is present: a running guest sees none or all. */
  bring(pages: Uint32Array, bytes: Uint8Array): void {
    invariant(bytes.length === pages.length * pageBytes, 'Pages and their bytes differ in number')
    this.#inBatches(pages, (count, first) => {
      const end = first + count
      for (let from = first, runEnd = first; from < end; from++) {
        const page = pages[from] ?? 0
        if (from === runEnd) runEnd = this.#expectRun(pages, from, end)
        if (!this.isAbsent(page)) continue
        const at = this.#core.at.ramAddress + page * pageBytes
        this.#bytes.set(bytes.subarray(from * pageBytes, (from + 1) * pageBytes), at)
      }
      this.#absentPages -= this.#core.call.noteBrought(count, 0)
    })
  }

  /** Where the run that begins there ends. */
  #expectRun(pages: Uint32Array, from: number, end: number): number {
    const to = endOfRun(pages, from, end)
    const at = this.#core.at.ramAddress + (pages[from] ?? 0) * pageBytes
    this.#blocks.expect(at, (to - from) * pageBytes)
    return to
  }

  bringZero(pages: Uint32Array): void {
    this.#inBatches(pages, (count) => {
      this.#absentPages -= this.#core.call.noteBrought(count, 1)
    })
  }

  noteCopies(pages: Uint32Array, bytes: Uint8Array): void {
    invariant(bytes.length === pages.length * pageBytes, 'Pages and their bytes differ in number')
    const { at, call } = this.#core
    this.#inBatches(pages, (count, first) => {
      const copies = bytes.subarray(first * pageBytes, (first + count) * pageBytes)
      this.#bytes.set(copies, at.copiesAddress)
      call.noteCopies(count)
    })
  }

  recentPages(pagesMax: number): Uint32Array {
    return recentPages(this.#bytes, this.#core.at, this.pageCount, pagesMax)
  }

  contentSum(pages: Uint32Array): number {
    const hashes = this.#words(this.#core.call.trackedTable(), this.pageCount * 2)
    let sum = 0
    for (const page of pages) {
      sum = Math.imul(sum ^ (hashes[2 * page] ?? 0), contentSumFactor)
      sum = Math.imul(sum ^ (hashes[2 * page + 1] ?? 0) ^ (sum >>> 15), contentSumFactor)
    }
    return sum >>> 0
  }

  trackedHash(): string {
    return hexOf(this.#core.call.trackedHash())
  }

  forgetTracked(pages?: Uint32Array): void {
    const table = this.#core.call.trackedTable()
    const forget = (from: number, to: number) =>
      this.#bytes.fill(0, table + from * trackedPartBytes, table + to * trackedPartBytes)
    if (pages) for (const page of pages) forget(page, page + 1)
    else forget(0, this.pageCount)
  }

  fullHash(): string {
    return hexOf(this.#core.call.fullHash())
  }

  hashBytes(bytes: Uint8Array): string {
    const { at, call } = this.#core
    const stageBytes = at.stagePagesMax * pageBytes
    let hash = BigInt(bytes.length)
    for (let from = 0; from < bytes.length; from += stageBytes) {
      const part = bytes.subarray(from, from + stageBytes)
      this.#bytes.set(part, at.copiesAddress)
      hash = call.hashStaged(hash, part.length)
    }
    return hexOf(hash)
  }

  touchedBytes(): number {
    return this.#core.call.touchedPages() * pageBytes
  }

  surrender(): UsedMemory {
    this.#core = gone
    this.#bytes = new Uint8Array(0)
    return new UsedMemory(this.#module, this.memory, this.ramBytes)
  }

  /** Copies only what was ever written there, and clears what was written here alone. */
  copyFrom(other: GuestMemory): void {
    invariant(other instanceof WasmGuestMemory, 'Both memories must be of this engine')
    invariant(other.ramBytes === this.ramBytes, 'Both memories must have the same size')
    const [there, here] = [other.#touched(), this.#touched()]
    let page = 0
    while (page < this.pageCount) {
      const first = page
      const isThere = there[page] === 1
      const isHere = here[page] === 1
      while (
        page < this.pageCount &&
        (there[page] === 1) === isThere &&
        (here[page] === 1) === isHere
      ) {
        page++
      }
      if (isThere) this.#copyRun(other, first, page - first)
      else if (isHere) this.#clearRun(first, page - first)
    }
    this.#copyTable(other, (call) => call.trackedTable(), this.pageCount * 8)
    this.#copyTable(other, (call) => call.absentTable(), this.pageCount)
    this.#absentPages = other.#absentPages
  }

  #copyRun(other: WasmGuestMemory, first: number, count: number): void {
    this.#core.call.claimPages(first, count)
    const from = this.#core.at.ramAddress + first * pageBytes
    this.#blocks.expect(from, count * pageBytes)
    this.#bytes.set(other.#bytes.subarray(from, from + count * pageBytes), from)
  }

  #clearRun(first: number, count: number): void {
    this.#core.call.claimPages(first, count)
    const from = this.#core.at.ramAddress + first * pageBytes
    this.#bytes.fill(0, from, from + count * pageBytes)
  }

  #copyTable(
    other: WasmGuestMemory,
    table: (call: CoreInstance['call']) => number,
    bytes: number,
  ): void {
    const from = table(other.#core.call)
    this.#bytes.set(other.#bytes.subarray(from, from + bytes), table(this.#core.call))
  }

  /** A byte a page, as it is now: 1 when the page was ever written. */
  #touched(): Uint8Array {
    return this.#copyBytes(this.#core.call.touchedTable(), new Uint8Array(this.pageCount))
  }

  /** Writes the indices of up to `max` pages of the bitmap where the core looks for them. */
  #askFromBitmap(bitmap: Uint8Array, fromPage: number, max: number) {
    const asked = this.#words(this.#core.at.askedAddress, max)
    let count = 0
    let page = fromPage
    while (page < this.pageCount && count < max) {
      const bits = bitmap[page >> 3] ?? 0
      if (bits === 0) {
        page = (page | 7) + 1
        continue
      }
      if ((bits >> (page & 7)) & 1) {
        invariant(this.#absentPages === 0 || !this.isAbsent(page), 'An absent page was collected')
        asked[count++] = page
      }
      page++
    }
    return { count, nextPage: Math.min(page, this.pageCount) }
  }

  /** Hands page indices to the core, as many at once as it takes. */
  #inBatches(pages: Uint32Array, work: (count: number, first: number) => void): void {
    invariant(
      pages.every((page) => page < this.pageCount),
      'A page lies outside RAM',
    )
    const { askedAddress, stagePagesMax } = this.#core.at
    for (let first = 0; first < pages.length; first += stagePagesMax) {
      const batch = pages.subarray(first, first + stagePagesMax)
      this.#words(askedAddress, batch.length).set(batch)
      work(batch.length, first)
    }
  }

  #words(address: number, count: number): Uint32Array {
    return new Uint32Array(this.#bytes.buffer, address, count)
  }

  #copyWords(address: number, count: number): Uint32Array {
    const copy = new Uint32Array(count)
    copy.set(this.#words(address, count))
    return copy
  }

  /** Into memory of its own: `slice` of shared memory is not shared, but says so nowhere. */
  #copyBytes(address: number, copy: Uint8Array): Uint8Array {
    copy.set(this.#bytes.subarray(address, address + copy.length))
    return copy
  }
}

/** Of memory that was given up: whoever still works with it fails, and harms nobody. */
const gone: CoreInstance = new Proxy({} as CoreInstance, {
  get: () => {
    throw new Error('The memory of this VM was given up: the VM is gone')
  },
})

/** Where the run of consecutive pages that begins at `from` ends in the list. */
function endOfRun(pages: Uint32Array, from: number, end: number): number {
  let to = from + 1
  while (to < end && pages[to] === (pages[to - 1] ?? 0) + 1) to++
  return to
}

function hexOf(hash: bigint): string {
  return BigInt.asUintN(64, hash).toString(16).padStart(16, '0')
}
