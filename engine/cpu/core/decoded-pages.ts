// The cache of decoded instructions: a block for each page of RAM that code ran from, one 8-byte
// entry for each halfword of it, filled as instructions are first executed. Keyed by physical page,
// so that no change of translation touches it. A bounded pool: when it is full, the oldest go.
// Stores are noticed lazily: the first store to a decoded page since the last fence.i lists it as
// stale, and fence.i drops what is listed. Until then the old instructions may run, as the
// specification allows (Zifencei).

import { Page, Regions, Vm, ram, staleMax } from './layout'
import { dropExecuteEntries, dropWriteEntries } from './tlb'
import { allCodeChanged, codeChanged } from './hooks'

export const slotBytes: usize = 8
/** Entries of one page; two more stay undecoded, for running off its end by 2 or by 4 bytes. */
export const pageSlotBytes: usize = 2048 * slotBytes
export const blockBytes: usize = pageSlotBytes + 2 * slotBytes
/** 288 code pages of 4 KiB: a small guest's all, and enough of a kernel's. 4.5 MiB. */
const blocksMax: usize = 640
/** Dropping the TLB's execute entries with them costs as much as decoding a page or two. */
const evictedAtOnce: u32 = 32
/** Behind them one more, in which nothing is ever decoded: see fetch.ts. */
export const blockPoolBytes: u64 = (blocksMax + 1) * blockBytes
/** For each slot, how often a jump has led there (u16), while there was no region for it. */
export const counterPoolBytes: u64 = blockPoolBytes / 4
/** In a decoded entry: a region can be entered there. */
export const regionFlag: u32 = 0x4000
/** And: a region has it, as the beginning of a block. */
export const blockFlag: u32 = 0x8000

@inline
function blockEntry(page: u32): usize {
  return load<usize>(Vm.blockTable) + (<usize>page << 2)
}

/**
 * The block of a page, made when there is none. Write entries go, so that the next store is
 * noticed.
 */
export function blockOf(page: u32): usize {
  const known: usize = load<u32>(blockEntry(page))
  if (known) return known
  const block = allocate()
  memory.fill(block, 0, blockBytes)
  store<u32>(ownerOf(block), page)
  memory.fill(counterOf(block), 0, blockBytes / 4)
  store<u32>(blockEntry(page), <u32>block)
  dropWriteEntries()
  return block
}

function allocate(): usize {
  if (load<u32>(Vm.freeBlock) == 0 && load<usize>(Vm.nextBlock) == poolEnd()) evictOldest()
  const free: usize = load<u32>(Vm.freeBlock)
  if (free) {
    store<u32>(Vm.freeBlock, load<u32>(free))
    return free
  }
  const block = load<usize>(Vm.nextBlock)
  store<usize>(Vm.nextBlock, block + blockBytes)
  return block
}

@inline
function poolEnd(): usize {
  return load<usize>(Vm.blockPool) + blocksMax * blockBytes
}

/** The block of pages of which nothing is kept. */
export function blankBlock(): usize {
  return poolEnd()
}

/** Where a block's page is noted: in its last slot, of which nobody reads the second half. */
@inline
function ownerOf(block: usize): usize {
  return block + pageSlotBytes + slotBytes + 4
}

/** Some in a row of the pool, the next ones the next time. What is stale of them stays listed. */
function evictOldest(): void {
  let block: usize = load<u32>(Vm.oldestBlock)
  for (let count: u32 = 0; count < evictedAtOnce; count++) {
    if (block == poolEnd()) block = load<usize>(Vm.blockPool)
    freeBlock(block)
    block += blockBytes
  }
  store<u32>(Vm.oldestBlock, <u32>block)
  dropExecuteEntries()
}

function freeBlock(block: usize): void {
  store<u32>(blockEntry(load<u32>(ownerOf(block))), 0)
  store<u32>(block, load<u32>(Vm.freeBlock))
  store<u32>(Vm.freeBlock, <u32>block)
}

/** Since they were cleared last. */
export function hasHadRegions(): bool {
  return load<u32>(Vm.nextRegion) > <u32>Regions.regions
}

function hasHadBlocks(): bool {
  return load<u32>(Vm.nextBlock) > load<u32>(Vm.blockPool)
}

/**
 * Memory is other than it was: what was decoded and what was translated of it go. Tables that are
 * empty are not touched: see clearJumps.
 */
export function dropBlocks(): void {
  if (hasHadBlocks()) {
    memory.fill(load<usize>(Vm.blockTable), 0, load<usize>(Vm.pageCount) << 2)
  }
  store<u32>(Vm.freeBlock, 0)
  store<u32>(Vm.nextBlock, load<u32>(Vm.blockPool))
  store<u32>(Vm.oldestBlock, load<u32>(Vm.blockPool))
  store<u32>(Vm.staleCount, 0)
  dropExecuteEntries()
  allCodeChanged()
  if (hasHadRegions()) {
    memory.fill(load<usize>(Vm.translatedTable), 0, load<usize>(Vm.pageCount))
  }
}

/** Where jumps to a slot are counted. */
@inline
export function counterOf(slot: usize): usize {
  const pool = load<usize>(Vm.blockPool)
  return pool + <usize>blockPoolBytes + ((slot - pool) >> 2)
}

@inline
export function isTranslated(page: u32): bool {
  return load<u8>(load<usize>(Vm.translatedTable) + page) != 0
}

/** The block of the page at a host address; 0: it has none. */
export function codeBlock(host: usize): usize {
  return load<u32>(blockEntry(<u32>((host - ram) >> Page.shift)))
}

/** A region can be entered at the instruction that lies at `host`, if that is decoded. */
export function setRegionFlag(host: usize): void {
  setFlag(host, regionFlag)
}

/** A region has a block there. */
export function noteBlock(host: usize): void {
  setFlag(host, blockFlag)
}

function setFlag(host: usize, flag: u32): void {
  const block = codeBlock(host)
  if (block == 0) return
  const slot = block + ((host & Page.mask) << 2)
  if (load<u64>(slot) != 0) store<u32>(slot, load<u32>(slot) | flag)
}

/**
 * A page is about to be written. Lists it when it has been decoded; a longer list is only counted.
 */
export function noteCodeWritten(page: u32): void {
  if (load<u32>(blockEntry(page)) == 0 && !isTranslated(page)) return
  const count = load<u32>(Vm.staleCount)
  if (count < staleMax) store<u32>(Vm.stale + (<usize>count << 2), page)
  store<u32>(Vm.staleCount, count + 1)
}

/** fence.i: what runs from here on is what memory holds. Costs nothing when no code was written. */
export function dropStaleBlocks(): void {
  const count = load<u32>(Vm.staleCount)
  if (count == 0) return
  if (count > staleMax) {
    dropBlocks()
    return
  }
  for (let i: u32 = 0; i < count; i++) release(load<u32>(Vm.stale + (<usize>i << 2)))
  store<u32>(Vm.staleCount, 0)
  dropExecuteEntries()
}

function release(page: u32): void {
  if (isTranslated(page)) {
    store<u8>(load<usize>(Vm.translatedTable) + page, 0)
    codeChanged(page)
  }
  const block = load<u32>(blockEntry(page))
  if (block == 0) return
  freeBlock(block)
}
