// Loads and stores that the interpreter's own look at the TLB did not settle: misses, misaligned
// addresses, pages apart, devices. The value goes through Vm.value; any number of its low bytes.
// Nothing is read or written before it is certain that all of it can be.

import { Page, Tlb, Vm } from './layout'
import { Outcome } from './outcome'
import { Access, accessFault } from './fault'
import { gpaOf, hostOf, inRam, pageOf } from './pages'
import { dataBank, dataMode, guardLifted, pageAddress, setDataEntry, tlbEntry } from './tlb'
import { translate } from './mmu'
import { isCut, isOfOneEntry } from './pmp'
import { pageWritten } from './dirty'
import { mmioRead, mmioWrite } from './hooks'

/** A device address that a JavaScript number holds; beyond it there is nothing. */
const deviceGpaMax: u64 = 0x1fffffffffffff

export function loadSlowly(va: u64, size: u32): Outcome {
  if (crossesPage(va, size)) return loadAcross(va, size)
  const outcome = reachAll(va, size, Access.load)
  if (outcome != Outcome.done) return outcome
  const host = load<usize>(Vm.host)
  if (host == 0) return loadFromDevice(va, size)
  memory.copy(Vm.value, host, size)
  return Outcome.done
}

export function storeSlowly(va: u64, value: u64, size: u32): Outcome {
  if (crossesPage(va, size)) return storeAcross(va, value, size)
  const outcome = reachAll(va, size, Access.store)
  if (outcome != Outcome.done) return outcome
  const host = load<usize>(Vm.host)
  store<u64>(Vm.value, value)
  if (host == 0) return storeToDevice(va, size)
  memory.copy(host, Vm.value, size)
  return Outcome.done
}

/** Vm.host for one address, and its TLB entry. Marks the page before anything is stored to it. */
export function reach(va: u64, access: Access): Outcome {
  const table = access == Access.store ? Tlb.write : Tlb.read
  const entry = tlbEntry(va, dataBank())
  if (load<u64>(entry + table) == pageAddress(va)) {
    store<usize>(Vm.host, <u32>va + load<u32>(entry + table + Tlb.payload))
    return Outcome.done
  }
  if (access == Access.store && guardLifted(entry, va)) {
    const host = <u32>va + load<u32>(entry + Tlb.write + Tlb.payload)
    pageWritten(pageOf(gpaOf(host)))
    store<usize>(Vm.host, host)
    return Outcome.done
  }
  const outcome = translate(va, access)
  if (outcome != Outcome.done) return outcome
  const gpa = load<u64>(Vm.gpa)
  store<usize>(Vm.host, 0)
  if (!inRam(gpa)) return Outcome.done
  if (access == Access.store) pageWritten(pageOf(gpa))
  if (!isCut(gpa, dataMode())) setDataEntry(entry, table, va, hostOf(gpa))
  store<usize>(Vm.host, hostOf(gpa))
  return Outcome.done
}

/** The same for all bytes of an access, which lie in one page. */
function reachAll(va: u64, size: u32, access: Access): Outcome {
  const outcome = reach(va, access)
  if (outcome != Outcome.done || load<u32>(Vm.protectionCuts) == 0) return outcome
  // The TLB may have known where it leads: only a translation says where that is for PMP.
  const again = translate(va, access)
  if (again != Outcome.done) return again
  return isOfOneEntry(load<u64>(Vm.gpa), size, dataMode()) ? again : accessFault(access, va)
}

@inline
function crossesPage(va: u64, size: u32): bool {
  return (<u32>va & Page.mask) + size > <u32>Page.bytes
}

/** Bytes of the access that lie in its first page. */
@inline
function firstPart(va: u64): u32 {
  return Page.bytes - (<u32>va & Page.mask)
}

function loadAcross(va: u64, size: u32): Outcome {
  const first = firstPart(va)
  let outcome = reachRam(va, first, Access.load)
  if (outcome != Outcome.done) return outcome
  const firstHost = load<usize>(Vm.host)
  outcome = reachRam(va + first, size - first, Access.load)
  if (outcome != Outcome.done) return outcome
  memory.copy(Vm.value, firstHost, first)
  memory.copy(Vm.value + first, load<usize>(Vm.host), size - first)
  return Outcome.done
}

function storeAcross(va: u64, value: u64, size: u32): Outcome {
  const first = firstPart(va)
  let outcome = reachRam(va, first, Access.store)
  if (outcome != Outcome.done) return outcome
  const firstHost = load<usize>(Vm.host)
  outcome = reachRam(va + first, size - first, Access.store)
  if (outcome != Outcome.done) return outcome
  store<u64>(Vm.value, value)
  memory.copy(firstHost, Vm.value, first)
  memory.copy(load<usize>(Vm.host), Vm.value + first, size - first)
  return Outcome.done
}

/** Devices take no access that is in two pages or not aligned, and no atomic one. */
export function reachRam(va: u64, size: u32, access: Access): Outcome {
  const outcome = reachAll(va, size, access)
  if (outcome == Outcome.done && load<usize>(Vm.host) == 0) return accessFault(access, va)
  return outcome
}

function loadFromDevice(va: u64, size: u32): Outcome {
  const gpa = load<u64>(Vm.gpa)
  const answered = isDeviceAddress(gpa, size) && mmioRead(<f64>gpa, size) != 0
  return answered ? Outcome.changed : accessFault(Access.load, va)
}

function storeToDevice(va: u64, size: u32): Outcome {
  const gpa = load<u64>(Vm.gpa)
  const taken = isDeviceAddress(gpa, size) && mmioWrite(<f64>gpa, size) != 0
  return taken ? Outcome.changed : accessFault(Access.store, va)
}

function isDeviceAddress(gpa: u64, size: u32): bool {
  return gpa <= deviceGpaMax && (gpa & (size - 1)) == 0
}
