// The contract of GuestMemory: a VM's RAM as the agent's thread sees it, while a pCPU may be
// running the guest. Page hashes are 64 bits. A set hash is the sum (mod 2^64) of mix(page index,
// hash of its bytes) over all pages, so that one page's part can be replaced without touching the
// others; zero pages count as 0.

import type { UsedMemory } from './used-memory.ts'

export interface CollectedPages {
  /** Page indices with content, in order. Their bytes lie one after the other in `bytes`. */
  readonly pages: Uint32Array
  readonly bytes: Uint8Array
  /** Page indices in the same range that were all zero. */
  readonly zeroPages: Uint32Array
  /** Where the next call goes on; pageCount when all of the bitmap has been seen. */
  readonly nextPage: number
}

/**
 * What is known of each page, as it is at this moment and goes on changing: one byte a page, 0 or
 * 1, to be read and not kept.
 */
export interface PageTables {
  readonly touched: Uint8Array
  readonly absent: Uint8Array
  /** Clones of this VM still read it here. */
  readonly shared: Uint8Array
  /** Written since any dirty log of the VM was taken last. */
  readonly marked: Uint8Array
  /** Of an open dirty log: a bit a page; without what is only marked yet. */
  readonly log: Uint8Array | undefined
}

export interface GuestMemory {
  readonly memory: WebAssembly.Memory
  readonly ramBytes: number
  readonly pageCount: number
  /**
   * Copies up to `pagesMax` pages named by the bitmap, from `fromPage` on, out of RAM. The returned
   * arrays are private copies: what the guest writes later does not change them. Records each
   * page's hash as sent. `allocate` makes the room for the bytes of so many pages, for a caller
   * that has a place for them: one copy less.
   */
  collect(
    bitmap: Uint8Array,
    fromPage: number,
    pagesMax: number,
    allocate?: (pages: number) => Uint8Array,
  ): CollectedPages
  /**
   * Most of RAM, and of the decoded instructions behind it, will soon be written: the host may give
   * it in large pages.
   */
  expectWhole(): void
  /**
   * Writes pages into the RAM of a VM that does not run, and records their hashes. Marks them dirty
   * in open logs of that VM.
   */
  store(pages: Uint32Array, bytes: Uint8Array): void
  storeZero(pages: Uint32Array): void
  /**
   * Makes the pages of this bitmap absent: whoever touches one waits until it is brought. Of a VM
   * that is to be restored and has not run yet.
   */
  makeAbsent(bitmap: Uint8Array): void
  /** Those that the other one has, or has absent too. Of a VM that has not run yet. */
  makeAbsentAs(other: GuestMemory): void
  isAbsent(page: number): boolean
  /** It was ever written, or brought: one that was not is all zero. */
  isTouched(page: number): boolean
  /** The bytes of a page as they are now; the VM may be writing to it. */
  readPage(page: number, into: Uint8Array): void
  /** For who looks, and changes nothing. @param log a dirty log that is open */
  tables(log?: number): PageTables
  /** How many pages are absent still. */
  readonly absentPages: number
  /**
   * Fills pages while the VM may be running, and makes them present, bytes first. A page that is
   * present already stays as it is: the guest may have written to it. None becomes dirty.
   */
  bring(pages: Uint32Array, bytes: Uint8Array): void
  /** The same for pages that are all zero. */
  bringZero(pages: Uint32Array): void
  /** Records hashes as if these bytes had been collected for these pages: what an image has. */
  noteCopies(pages: Uint32Array, bytes: Uint8Array): void
  /** Up to so many that the hart has used last, as far as its TLB remembers; in no order. */
  recentPages(pagesMax: number): Uint32Array
  /**
   * 32 bits over the recorded hashes of these pages, in this order: equal at both ends if the pages
   * are.
   */
  contentSum(pages: Uint32Array): number
  /** Set hash over what was collected or stored last for each page: 16 hex digits. */
  trackedHash(): string
  /**
   * As if these pages had never been collected or stored; without any, all: whoever gets them has
   * not got those.
   */
  forgetTracked(pages?: Uint32Array): void
  /**
   * Set hash over the RAM as it is now, every byte read: 16 hex digits. Only meaningful while
   * paused.
   */
  fullHash(): string
  /** 64-bit hash of other bytes (state sections), same function, 16 hex digits. */
  hashBytes(bytes: Uint8Array): string
  /** Bytes of pages that are not all zero or were written. */
  touchedBytes(): number
  /** Nobody runs it any more, and this object is of no use from now on. */
  surrender(): UsedMemory
  /** Copies all RAM and tracked hashes of another VM of the same size. Both paused. */
  copyFrom(other: GuestMemory): void
}
