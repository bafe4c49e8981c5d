// The tables with one entry a page of guest RAM, and their making. Both threads use them: the one
// that runs the hart and the agent's, which reads and writes pages meanwhile. Hence one byte a page
// and flag, never a bit: each is only ever set, or swept with one atomic exchange, so that no mark
// is lost between the two. A page index is (GPA - start of RAM) / 4,096.

import { Page, Vm, ram, ramGpa } from './layout'
import { blockPoolBytes, counterPoolBytes } from './decoded-pages'

/**
 * Tables of a page, in bytes a page: tracked hash, decoded block, dirty, touched, absent,
 * translated, frozen.
 */
const tableBytesPerPage: u64 = 8 + 4 + 1 + 1 + 1 + 1 + 1
/** Open at once: for load, migration, snapshot, replica and screen; and one to spare. */
export const logsMax: u32 = 6

/** Bytes of one log's bitmap: a bit a page. */
@inline
export function logBytes(): u32 {
  return load<u32>(Vm.pageCount) >> 3
}

/** What a VM with so much RAM needs of linear memory. `ramBytes` is a multiple of 64 KiB. */
export function memoryBytes(ramBytes: f64): f64 {
  const pages = <u64>ramBytes >> Page.shift
  const tables = pages * tableBytesPerPage + (pages >> 3) * logsMax
  return <f64>(ram + <u64>ramBytes + tables + blockPoolBytes + counterPoolBytes)
}

/**
 * Lays out fresh memory, which is all zero: no page is dirty, touched or absent. Again does
 * nothing.
 */
export function format(ramBytes: u32): bool {
  if (load<u32>(Vm.ramBytes)) return load<u32>(Vm.ramBytes) == ramBytes
  const pages = ramBytes >> Page.shift
  store<u32>(Vm.ramBytes, ramBytes)
  store<u32>(Vm.pageCount, pages)
  let next: u32 = <u32>ram + ramBytes
  store<u32>(Vm.trackedTable, next)
  store<u32>(Vm.blockTable, (next += pages * 8))
  store<u32>(Vm.dirtyTable, (next += pages * 4))
  store<u32>(Vm.touchedTable, (next += pages))
  store<u32>(Vm.absentTable, (next += pages))
  store<u32>(Vm.translatedTable, (next += pages))
  store<u32>(Vm.frozenTable, (next += pages))
  store<u32>(Vm.logTable, (next += pages))
  store<u32>(Vm.blockPool, next + (pages >> 3) * logsMax)
  return true
}

@inline
export function inRam(gpa: u64): bool {
  return gpa - ramGpa < <u64>load<u32>(Vm.ramBytes)
}

/** Of a GPA in RAM. */
@inline
export function pageOf(gpa: u64): u32 {
  return <u32>((gpa - ramGpa) >> Page.shift)
}

/** Of a GPA in RAM: where its byte lies in linear memory. */
@inline
export function hostOf(gpa: u64): usize {
  return <usize>(gpa - ramGpa) + ram
}

/** And back. */
@inline
export function gpaOf(host: usize): u64 {
  return <u64>(host - ram) + ramGpa
}

@inline
export function hostOfPage(page: u32): usize {
  return (<usize>page << Page.shift) + ram
}

/**
 * Atomic, as its setting is: the agent's thread brings a page's bytes first and clears this behind
 * them, so that whoever sees the page present sees its bytes.
 */
@inline
export function isAbsent(page: u32): bool {
  return atomic.load<u8>(load<usize>(Vm.absentTable) + page) != 0
}

export function setAbsent(page: u32, absent: bool): void {
  atomic.store<u8>(load<usize>(Vm.absentTable) + page, <u8>absent)
}

/** A page that was never touched is all zero: nobody has written to fresh memory. */
@inline
export function isTouched(page: u32): bool {
  return load<u8>(load<usize>(Vm.touchedTable) + page) != 0
}

/** Comes before the first byte is written to a page. */
export function touch(page: u32): void {
  const flag = load<usize>(Vm.touchedTable) + page
  if (load<u8>(flag) == 0 && atomic.xchg<u8>(flag, 1) == 0) atomic.add<u32>(Vm.touchedPages, 1)
}

/** The page is all zero, and nobody can store to it before it is touched again. */
export function untouch(page: u32): void {
  const flag = load<usize>(Vm.touchedTable) + page
  if (atomic.xchg<u8>(flag, 0) == 1) atomic.sub<u32>(Vm.touchedPages, 1)
}

/** Sets a page's dirty mark, which stays until the next sweep (dirty.ts). */
@inline
export function markDirty(page: u32): void {
  atomic.store<u8>(load<usize>(Vm.dirtyTable) + page, 1)
}
