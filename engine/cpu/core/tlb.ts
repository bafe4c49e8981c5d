// The software TLB: what has been translated, so that most accesses cost one compare. See layout.ts
// for its entries. A bank belongs to one way of translating data: user, supervisor without and with
// SUM, and none (M-mode). A change of mode or of SUM changes the bank and drops nothing.
// Device and absent pages are never in it; a page is in a write table only while it is marked
// dirty. What satp decides goes often, with a guest's every change of address space, and few
// entries are there then: they are listed as they are made. There are no ASIDs (satp's field reads
// as zero, as it may): an entry's tag would need one, and with it every access a second compare.

import { Filled, Hart, Page, Sites, Tlb, Vm, none } from './layout'
import { Mode, Status } from './privileged'
import { forgetJumps } from './jumps'

const enum Bank { user = 0, supervisor = 1, supervisorSum = 2, machine = 3 }

/** In the tag of an entry for writing: no address of a page has this bit, nor an aligned access. */
const guard: u64 = 0x800

const machineBank: usize = Tlb.base + Bank.machine * Tlb.bankBytes

/** The mode that loads and stores run in: the hart's, or MPP's under MPRV. */
export function dataMode(): u32 {
  const mode = <u32>load<u64>(Hart.mode)
  const status = load<u64>(Hart.mstatus)
  if (mode != Mode.machine || (status & Status.mprv) == 0) return mode
  return <u32>(status >> Status.mppShift) & 3
}

/** Byte offset of the bank that loads and stores use now. */
export function dataBank(): usize {
  const mode = dataMode()
  if (mode == Mode.user) return Bank.user * Tlb.bankBytes
  if (mode == Mode.machine) return Bank.machine * Tlb.bankBytes
  const sum = (load<u64>(Hart.mstatus) & Status.sum) != 0
  return (sum ? Bank.supervisorSum : Bank.supervisor) * Tlb.bankBytes
}

/** Byte offset of the bank that fetches use now. SUM says nothing of them. */
export function fetchBank(): usize {
  const mode = <u32>load<u64>(Hart.mode)
  return (mode == Mode.machine ? Bank.machine : mode) * Tlb.bankBytes
}

/** Address of the entry of `va` in a bank; the table (Tlb.read, …) is the offset of the access. */
@inline
export function tlbEntry(va: u64, bank: usize): usize {
  return ((<usize>va >> 8) & 0x3ff0) + bank + Tlb.base
}

@inline
export function pageAddress(va: u64): u64 {
  return va & ~(<u64>Page.mask)
}

/**
 * An entry for reading or writing: the host address of any byte of the page is its virtual one plus
 * this.
 */
@inline
export function setDataEntry(entry: usize, table: usize, va: u64, host: usize): void {
  if (load<u64>(entry + table) != none) clearSites(entry, table)
  store<u64>(entry + table, pageAddress(va))
  store<u32>(entry + table + Tlb.payload, <u32>host - <u32>va)
  noteFilled(entry + table)
}

@inline
function bankOf(entry: usize): usize {
  return (entry - Tlb.base) / Tlb.bankBytes
}

@inline
function isUsed(bank: usize): bool {
  return (load<u32>(Vm.banksUsed) >> <u32>bank & 1) != 0
}

/** Of the bank and the kind of access that the entry is of. */
function clearSites(entry: usize, table: usize): void {
  const bank = bankOf(entry)
  const kind: usize = table == <usize>Tlb.write ? Sites.write : Sites.read
  memory.fill(Sites.base + bank * Sites.bankBytes + kind, 0xff, Sites.tableBytes)
}

function clearAllSites(): void {
  memory.fill(Sites.base, 0xff, Tlb.banks * Sites.bankBytes)
}

/** An entry has been made. */
@inline
export function noteFilled(entry: usize): void {
  const used = load<u32>(Vm.banksUsed)
  store<u32>(Vm.banksUsed, used | 1 << <u32>bankOf(entry))
  const count = load<u32>(Filled.count)
  if (count > <u32>Filled.max || entry >= machineBank) return
  if (count < <u32>Filled.max) store<u32>(Filled.list + (<usize>count << 2), <u32>entry)
  store<u32>(Filled.count, count + 1)
}

/** All of it. */
export function dropAll(): void {
  dropBanks(Tlb.banks)
  clearAllSites()
  store<u32>(Filled.count, 0)
  forgetJumps()
  forgetSuperpages()
}

/**
 * The first so many. Fills with ones: a tag of -1 is no page's address. A bank that never had an
 * entry is all zero: that is the address of page 0, which only the first entry of a table can have.
 */
function dropBanks(count: usize): void {
  for (let bank: usize = 0; bank < count; bank++) {
    const at = Tlb.base + bank * Tlb.bankBytes
    if (isUsed(bank)) memory.fill(at, 0xff, Tlb.bankBytes)
    else {
      store<u64>(at + Tlb.read, none)
      store<u64>(at + Tlb.write, none)
      store<u64>(at + Tlb.execute, none)
    }
  }
}

/** What satp decides: all but the bank of M-mode. */
export function dropTranslations(): void {
  const count = load<u32>(Filled.count)
  if (count > <u32>Filled.max) dropBanks(Bank.machine)
  else dropFilled(count)
  clearAllSites()
  store<u32>(Filled.count, 0)
  forgetJumps()
  forgetSuperpages()
}

function dropFilled(count: u32): void {
  for (let n: u32 = 0; n < count; n++) {
    store<u64>(load<u32>(Filled.list + (<usize>n << 2)), none)
  }
}

export function dropWriteEntries(): void {
  dropTable(Tlb.write)
  clearAllSites()
}

/**
 * No store finds its entry until guardLifted() says that it may: what a page table said stays
 * known, so that the next store to the page costs no walk of it.
 */
export function guardWriteEntries(): void {
  for (let bank: usize = 0; bank < <usize>Tlb.banks; bank++) {
    if (!isUsed(bank)) continue
    const table = Tlb.base + bank * Tlb.bankBytes + Tlb.write
    for (let at = table; at < table + Tlb.tableBytes; at += Tlb.entryBytes) {
      store<u64>(at, load<u64>(at) | guard)
    }
  }
  clearAllSites()
}

/** Whether the entry for writing is that of `va`, guarded; it is not any more. */
@inline
export function guardLifted(entry: usize, va: u64): bool {
  if (load<u64>(entry + Tlb.write) != (pageAddress(va) | guard)) return false
  store<u64>(entry + Tlb.write, pageAddress(va))
  return true
}

/** Decoded pages have moved or gone. */
export function dropExecuteEntries(): void {
  dropTable(Tlb.execute)
}

function dropTable(table: usize): void {
  for (let bank: usize = 0; bank < <usize>Tlb.banks; bank++) {
    if (isUsed(bank)) memory.fill(Tlb.base + bank * Tlb.bankBytes + table, 0xff, Tlb.tableBytes)
  }
}

/**
 * One address, in every space. An entry may stem from a superpage: then all that share its leaf
 * must go.
 */
export function dropAddress(va: u64): void {
  if (va >= load<u64>(Vm.superpageLow) && va <= load<u64>(Vm.superpageHigh)) {
    dropTranslations()
    return
  }
  forgetJumps()
  clearAllSites()
  for (let bank: usize = 0; bank < <usize>Bank.machine; bank++) {
    const entry = tlbEntry(va, bank * Tlb.bankBytes)
    store<u64>(entry, none, Tlb.read)
    store<u64>(entry, none, Tlb.write)
    store<u64>(entry, none, Tlb.execute)
  }
}

/** Widens the range in which dropAddress drops everything. */
export function noteSuperpage(va: u64, size: u64): void {
  const low = va & ~(size - 1)
  const high = va | (size - 1)
  if (low < load<u64>(Vm.superpageLow)) store<u64>(Vm.superpageLow, low)
  if (high > load<u64>(Vm.superpageHigh)) store<u64>(Vm.superpageHigh, high)
}

function forgetSuperpages(): void {
  store<u64>(Vm.superpageLow, none)
  store<u64>(Vm.superpageHigh, 0)
}
