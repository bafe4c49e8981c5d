// What the agent's thread does with pages while the guest may run: copies out, copies in, hashes.
// Touches no word of the hart. Pages are asked for by index in Stage.asked; their copies lie in
// Stage.copies, one after the other. Everything is judged by the staged copy: RAM may change
// between two looks at it.

import { Page, Stage, Vm, ram } from './layout'
import { hostOfPage, isAbsent, isTouched, markDirty, setAbsent, touch } from './pages'
import { combine, hashPage, isZeroPage, partOf } from './page-hash'

export const stagePagesMax: u32 = Stage.pagesMax
export const ramAddress: u32 = <u32>ram
export const copiesAddress: u32 = Stage.copies
export const askedAddress: u32 = Stage.asked
export const filledAddress: u32 = Stage.filled
export const zeroAddress: u32 = Stage.zero

@inline
function asked(i: u32): u32 {
  return load<u32>(Stage.asked + (<usize>i << 2))
}

@inline
function copyAddress(i: u32): usize {
  return Stage.copies + (<usize>i << Page.shift)
}

/**
 * What a page's tracked part is: of the content it was collected or stored with last; 0 for zero.
 */
@inline
function track(page: u32, part: u64): void {
  store<u64>(load<usize>(Vm.trackedTable) + (<usize>page << 3), part)
}

/**
 * Copies the pages asked for, and sorts them: Stage.filled and their copies, or Stage.zero. Returns
 * how many are filled. A page that nobody has touched is zero and is not even read.
 */
export function collectPages(count: u32): u32 {
  let filled: u32 = 0
  let zeros: usize = Stage.zero
  for (let i: u32 = 0; i < count; i++) {
    const page = asked(i)
    const copy = copyAddress(filled)
    const touched = isTouched(page)
    if (touched) memory.copy(copy, hostOfPage(page), Page.bytes)
    if (!touched || isZeroPage(copy)) {
      track(page, 0)
      store<u32>(zeros, page)
      zeros += 4
    } else {
      track(page, partOf(page, hashPage(copy)))
      store<u32>(Stage.filled + (<usize>filled << 2), page)
      filled++
    }
  }
  return filled
}

/** As if the staged copies had been collected of the pages asked for; RAM is not looked at. */
export function noteCopies(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const page = asked(i)
    const copy = copyAddress(i)
    track(page, isZeroPage(copy) ? 0 : partOf(page, hashPage(copy)))
  }
}

/**
 * Takes note of the pages asked for, which were just overwritten from outside this module. They are
 * judged where they are: a page is stored into RAM only while no guest runs on it.
 */
export function noteStored(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const page = asked(i)
    const host = hostOfPage(page)
    touch(page)
    track(page, isZeroPage(host) ? 0 : partOf(page, hashPage(host)))
    markDirty(page)
  }
}

/**
 * The pages asked for that were absent were just filled from outside this module, or are to be
 * zero: they are present from here on, while the guest may be running. Not dirty: their bytes are
 * those that the VM has had all along, elsewhere. Returns how many were absent.
 */
export function noteBrought(count: u32, zero: bool): u32 {
  let brought: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const page = asked(i)
    if (!isAbsent(page)) continue
    const host = hostOfPage(page)
    if (zero) {
      if (isTouched(page)) memory.fill(host, 0, Page.bytes)
    } else touch(page)
    track(page, zero || isZeroPage(host) ? 0 : partOf(page, hashPage(host)))
    setAbsent(page, false)
    brought++
  }
  return brought
}

/**
 * Makes the pages asked for zero. Those never touched are so already; their memory is not even
 * made.
 */
export function zeroPages(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const page = asked(i)
    if (isTouched(page)) memory.fill(hostOfPage(page), 0, Page.bytes)
    track(page, 0)
    markDirty(page)
  }
}

/** The sum of all tracked parts. */
export function trackedHash(): u64 {
  const table = load<usize>(Vm.trackedTable)
  const end = table + (load<usize>(Vm.pageCount) << 3)
  let sum: u64 = 0
  for (let at = table; at < end; at += 8) sum += load<u64>(at)
  return sum
}

/** The same sum over RAM as it is: every byte is read, whatever is believed of it. */
export function fullHash(): u64 {
  const pages = load<u32>(Vm.pageCount)
  let sum: u64 = 0
  for (let page: u32 = 0; page < pages; page++) {
    const host = hostOfPage(page)
    if (!isZeroPage(host)) sum += partOf(page, hashPage(host))
  }
  return sum
}

/**
 * Goes on with a hash over `length` more staged bytes; what is behind them in their last page
 * counts as zero.
 */
export function hashStaged(hash: u64, length: u32): u64 {
  const pages = (length + Page.mask) >> Page.shift
  memory.fill(Stage.copies + length, 0, (pages << Page.shift) - length)
  for (let i: u32 = 0; i < pages; i++) hash = combine(hash, hashPage(copyAddress(i)))
  return hash
}

/** Pages that were ever written. */
export function touchedPages(): u32 {
  return atomic.load<u32>(Vm.touchedPages)
}

/** Before pages are overwritten from outside this module. */
export function claimPages(first: u32, count: u32): void {
  for (let page = first; page < first + count; page++) {
    touch(page)
    markDirty(page)
  }
}

/** One u64 a page: what trackedHash() adds up. */
export function trackedTable(): u32 {
  return load<u32>(Vm.trackedTable)
}
/** Where the tables end that begin all zero. */
export function blockPool(): u32 {
  return load<u32>(Vm.blockPool)
}
/** One byte a page: 1 when it was ever written. */
export function touchedTable(): u32 {
  return load<u32>(Vm.touchedTable)
}
/** One byte a page: 1 when it was written since all logs were swept last. */
export function dirtyTable(): u32 {
  return load<u32>(Vm.dirtyTable)
}
/** One byte a page: 1 when an image of this VM still reads it here. */
export function frozenTable(): u32 {
  return load<u32>(Vm.frozenTable)
}
/** A bitmap each; what is marked dirty is not in them yet. */
export function logTable(): u32 {
  return load<u32>(Vm.logTable)
}
/** One byte a page: 1 when it is absent. */
export function absentTable(): u32 {
  return load<u32>(Vm.absentTable)
}
