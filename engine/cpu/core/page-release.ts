// Guest RAM that the guest has given up: zero again, and as if it had never been touched, so that
// no migration, clone or snapshot carries it. Runs on the hart's thread, between two instructions.
// Not here: which pages (the balloon, ../../devices/virtio-balloon.ts). Host memory that was made
// for a page stays with this process: WebAssembly cannot give it back.

import { Page } from './layout'
import { breakReservation } from './atomic'
import { hostOfPage, inRam, isAbsent, isTouched, pageOf, untouch } from './pages'
import { pageWritten } from './dirty'
import { dropWriteEntries } from './tlb'

/**
 * Releases the whole pages that lie in these bytes of RAM; what is out of RAM is left alone, as are
 * pages that have not come yet. Returns how many there were to release. endRelease() comes after it
 * and before the hart runs.
 */
export function releasePages(gpa: f64, bytes: f64): u32 {
  const first = (<u64>gpa + Page.mask) >> Page.shift << Page.shift
  const last = <u64>(gpa + bytes) >> Page.shift << Page.shift
  if (last <= first || !inRam(first) || !inRam(last - 1)) return 0
  breakReservation(first, last - first)
  const end = pageOf(first) + <u32>((last - first) >> Page.shift)
  let released: u32 = 0
  for (let page = pageOf(first); page < end; page++) {
    if (!isTouched(page) || isAbsent(page)) continue
    pageWritten(page)
    memory.fill(hostOfPage(page), 0, Page.bytes)
    untouch(page)
    released++
  }
  return released
}

/** The next store to a released page touches it again: no entry of the TLB may hide that. */
export function endRelease(): void {
  dropWriteEntries()
}
