// Which pages a hart has used last, as its software TLB has them: each entry is a page that was
// translated for it since the TLB was dropped. Read while the hart runs: it is a hint, and a torn
// entry names a page in vain. Not here: the TLB (../cpu/core/tlb.ts), who wants to know.
// Page indices.

import { pageBytes } from '#proto/units.ts'
import type { CorePlaces } from '../cpu/module.ts'

const banks = 4
/** Of a bank: for reading, for writing, for fetching (layout.ts, Tlb). */
const tables = 3

export function recentPages(
  memory: Uint8Array,
  at: Pick<CorePlaces, 'tlbAddress' | 'tlbEntries' | 'tlbEntryBytes' | 'tlbPayload' | 'ramAddress'>,
  pageCount: number,
  pagesMax: number,
): Uint32Array {
  const { tlbAddress, tlbEntries, tlbEntryBytes, tlbPayload, ramAddress } = at
  const view = new DataView(memory.buffer, tlbAddress, banks * tables * tlbEntries * tlbEntryBytes)
  const found = new Set<number>()
  for (let entry = 0; entry < view.byteLength && found.size < pagesMax; entry += tlbEntryBytes) {
    // An entry that is none has all bits set. What is added to an address leads to the page.
    const low = view.getUint32(entry, true)
    if (low === 0xffff_ffff && view.getUint32(entry + 4, true) === 0xffff_ffff) continue
    const host = ((low & ~(pageBytes - 1)) + view.getUint32(entry + tlbPayload, true)) >>> 0
    const page = Math.floor((host - ramAddress) / pageBytes)
    if (page >= 0 && page < pageCount) found.add(page)
  }
  return Uint32Array.from(found)
}
