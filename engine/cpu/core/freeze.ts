// Pages that a fork image shares: what the VM's clones were made of. The image reads them where
// they are, until the VM writes to one: then its bytes are handed to the image first, by a hook. A
// frozen page is told from others by a byte of a table; its write entry is guarded, so that the
// first store to it comes by here (dirty.ts). Runs on the hart's thread. Not here: the image
// (../../memory/fork-image.ts).

import { Vm } from './layout'
import { preserve } from './hooks'
import { isTouched } from './pages'
import { guardWriteEntries } from './tlb'

@inline
function frozen(page: u32): usize {
  return load<usize>(Vm.frozenTable) + page
}

@inline
export function isFrozen(page: u32): bool {
  return load<u8>(frozen(page)) != 0
}

/** Between two slices: all of RAM, as it is now. */
export function freeze(): void {
  memory.fill(load<usize>(Vm.frozenTable), 1, load<usize>(Vm.pageCount))
  guardWriteEntries()
}

/** Nobody needs an image of it any more. */
export function thaw(): void {
  memory.fill(load<usize>(Vm.frozenTable), 0, load<usize>(Vm.pageCount))
}

/** Before its first byte changes. */
export function thawPage(page: u32): void {
  preserve(page, isTouched(page) ? 1 : 0)
  store<u8>(frozen(page), 0)
}
