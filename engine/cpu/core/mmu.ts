// Address translation: bare and Sv39 (privileged specification, "Sv39: Page-Based 39-bit
// Virtual-Memory System"), as a walk of the page tables. The hart sets A and D itself, as Svadu's
// hardware updating does; there is no Svnapot and no Svpbmt. A walk is made of S-mode's accesses,
// and PMP (pmp.ts) is asked for each. It leaves no trace unless it ends well: an absent page is
// reported before a bit is set.

import { Hart, Page, Vm } from './layout'
import { Mode, Status, satpPageNumber } from './privileged'
import { Outcome } from './outcome'
import { Access, absentPage, accessFault, pageFault } from './fault'
import { hostOf, hostOfPage, inRam, isAbsent, pageOf } from './pages'
import { dataMode, noteSuperpage, pageAddress } from './tlb'
import { pageWritten } from './dirty'
import { isCut, protectionAllows } from './pmp'

const enum Pte {
  valid = 0x01,
  read = 0x02,
  write = 0x04,
  execute = 0x08,
  user = 0x10,
  accessed = 0x40,
  dirty = 0x80,
  /** In an entry that points to a table these have no meaning yet. */
  leafOnly = 0xd0,
  pageNumberShift = 10,
}
/** Svnapot, Svpbmt and what nobody uses. */
const pteReserved: u64 = 0xffc0000000000000

/** Leads from `va` to Vm.gpa, which lies in a present page of RAM or outside RAM. */
export function translate(va: u64, access: Access): Outcome {
  const mode = access == Access.fetch ? <u32>load<u64>(Hart.mode) : dataMode()
  if (mode == Mode.machine || load<u64>(Hart.satp) == 0) return arrive(va, va, access, mode)
  if (<u64>((<i64>va << 25) >> 25) != va) return pageFault(access, va)
  return walk(va, access, mode)
}

function walk(va: u64, access: Access, mode: u32): Outcome {
  let table = (load<u64>(Hart.satp) & satpPageNumber) << Page.shift
  for (let level = 2; level >= 0; level--) {
    const at = table + (((va >> (Page.shift + 9 * level)) & 511) << 3)
    if (!mayWalk(at, Access.load)) return accessFault(access, va)
    if (isAbsent(pageOf(at))) return absentPage(pageAddress(at))
    const pte = load<u64>(hostOf(at))
    if ((pte & Pte.valid) == 0 || (pte & pteReserved) != 0) break
    if ((pte & (Pte.read | Pte.write | Pte.execute)) != 0) return leaf(va, access, mode, level, at)
    if ((pte & Pte.leafOnly) != 0) break
    table = targetOf(pte)
  }
  return pageFault(access, va)
}

@inline
function targetOf(pte: u64): u64 {
  return ((pte >> Pte.pageNumberShift) & satpPageNumber) << Page.shift
}

/**
 * `at` is the GPA of the leaf entry; at level 1 and 2 it maps a superpage, which must be aligned.
 */
function leaf(va: u64, access: Access, mode: u32, level: i32, at: u64): Outcome {
  const pte = load<u64>(hostOf(at))
  const span = <u64>1 << (Page.shift + 9 * level)
  const target = targetOf(pte)
  if ((target & (span - 1)) != 0 || !allows(pte, access, mode)) return pageFault(access, va)
  const outcome = arrive(target | (va & (span - 1)), va, access, mode)
  if (outcome != Outcome.done) return outcome
  const used: u64 = access == Access.store ? Pte.accessed | Pte.dirty : Pte.accessed
  if ((pte & used) != used) {
    if (!mayWalk(at, Access.store)) return accessFault(access, va)
    pageWritten(pageOf(at))
    store<u64>(hostOf(at), pte | used)
  }
  if (level > 0) noteSuperpage(va, span)
  return Outcome.done
}

function allows(pte: u64, access: Access, mode: u32): bool {
  const status = load<u64>(Hart.mstatus)
  if ((pte & Pte.write) != 0 && (pte & Pte.read) == 0) return false
  if (mode == Mode.user) {
    if ((pte & Pte.user) == 0) return false
  } else if ((pte & Pte.user) != 0) {
    if (access == Access.fetch || (status & Status.sum) == 0) return false
  }
  if (access == Access.fetch) return (pte & Pte.execute) != 0
  if (access == Access.store) return (pte & Pte.write) != 0
  return (pte & Pte.read) != 0 || ((pte & Pte.execute) != 0 && (status & Status.mxr) != 0)
}

/** An entry of a page table is read or written, in S-mode. */
function mayWalk(at: u64, access: Access): bool {
  return inRam(at) && protectionAllows(at, access, Mode.supervisor)
}

function arrive(gpa: u64, va: u64, access: Access, mode: u32): Outcome {
  if (!protectionAllows(gpa, access, mode)) return accessFault(access, va)
  if (inRam(gpa) && isAbsent(pageOf(gpa))) return absentPage(pageAddress(gpa))
  store<u64>(Vm.gpa, gpa)
  return Outcome.done
}

/**
 * Where a fetch from `va` would find its page, as a host address, when it would leave no trace: the
 * page is there, and marked accessed. 0 otherwise.
 */
export function fetchedFrom(va: u64): usize {
  const mode = <u32>load<u64>(Hart.mode)
  if (mode == Mode.machine || load<u64>(Hart.satp) == 0) return presentPage(va, mode)
  if (<u64>((<i64>va << 25) >> 25) != va) return 0
  let table = (load<u64>(Hart.satp) & satpPageNumber) << Page.shift
  for (let level = 2; level >= 0; level--) {
    const at = table + (((va >> (Page.shift + 9 * level)) & 511) << 3)
    if (!mayWalk(at, Access.load) || isAbsent(pageOf(at))) return 0
    const pte = load<u64>(hostOf(at))
    if ((pte & Pte.valid) == 0 || (pte & pteReserved) != 0) return 0
    if ((pte & (Pte.read | Pte.write | Pte.execute)) != 0) return leafPage(va, pte, mode, level)
    if ((pte & Pte.leafOnly) != 0) return 0
    table = targetOf(pte)
  }
  return 0
}

function leafPage(va: u64, pte: u64, mode: u32, level: i32): usize {
  const span = <u64>1 << (Page.shift + 9 * level)
  const target = targetOf(pte)
  if ((target & (span - 1)) != 0 || !allows(pte, Access.fetch, mode)) return 0
  return (pte & Pte.accessed) == 0 ? 0 : presentPage(target | (va & (span - 1)), mode)
}

function presentPage(gpa: u64, mode: u32): usize {
  if (!protectionAllows(gpa, Access.fetch, mode) || isCut(gpa, mode)) return 0
  return inRam(gpa) && !isAbsent(pageOf(gpa)) ? hostOfPage(pageOf(gpa)) : 0
}
