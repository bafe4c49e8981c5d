// The cache of decoded instructions: a block for each page of RAM that code ran from, one 8-byte
// entry for each halfword of it, filled as instructions are first executed. Keyed by physical page,
// so that no change of translation touches it. A bounded pool: when it is full, all blocks go.
// Stores are noticed lazily: the first store to a decoded page since the last fence.i lists it as
// stale, and fence.i drops what is listed. Until then the old instructions may run, as the
// specification allows (Zifencei).

import { Vm, staleMax } from './layout'
import { dropExecuteEntries, dropWriteEntries } from './tlb'

export const slotBytes: usize = 8
/** Entries of one page; two more stay undecoded, for running off its end by 2 or by 4 bytes. */
export const pageSlotBytes: usize = 2048 * slotBytes
export const blockBytes: usize = pageSlotBytes + 2 * slotBytes
/** 300 code pages of 4 KiB: a small guest's all, and enough of a kernel's. 4.7 MiB. */
const blocksMax: usize = 300
export const blockPoolBytes: u64 = blocksMax * blockBytes

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
  store<u32>(blockEntry(page), <u32>block)
  dropWriteEntries()
  return block
}

function allocate(): usize {
  const free: usize = load<u32>(Vm.freeBlock)
  if (free) {
    store<u32>(Vm.freeBlock, load<u32>(free))
    return free
  }
  const poolEnd = load<usize>(Vm.blockPool) + <usize>blockPoolBytes
  if (load<usize>(Vm.nextBlock) + blockBytes > poolEnd) dropBlocks()
  const block = load<usize>(Vm.nextBlock)
  store<usize>(Vm.nextBlock, block + blockBytes)
  return block
}

/** Empties the cache. */
export function dropBlocks(): void {
  memory.fill(load<usize>(Vm.blockTable), 0, load<usize>(Vm.pageCount) << 2)
  store<u32>(Vm.freeBlock, 0)
  store<u32>(Vm.nextBlock, load<u32>(Vm.blockPool))
  store<u32>(Vm.staleCount, 0)
  dropExecuteEntries()
}

/**
 * A page is about to be written. Lists it when it has been decoded; a longer list is only counted.
 */
export function noteCodeWritten(page: u32): void {
  if (load<u32>(blockEntry(page)) == 0) return
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
  const block = load<u32>(blockEntry(page))
  if (block == 0) return
  store<u32>(blockEntry(page), 0)
  store<u32>(block, load<u32>(Vm.freeBlock))
  store<u32>(Vm.freeBlock, block)
}
