// Dirty logs, after the way of hardware write protection: a store finds a write entry in the TLB
// only if its page is already marked dirty. Sweeping moves all marks into every open log and guards
// the write entries, so that the first store to a page costs a miss and marks it, and every later
// one costs nothing. A log is a bitmap, one bit a page, little-endian bytes. Runs on the hart's
// thread, between two slices.

import { Vm } from './layout'
import { isFrozen, thawPage } from './freeze'
import { logBytes, logsMax, markDirty, touch } from './pages'
import { noteCodeWritten } from './decoded-pages'
import { guardWriteEntries } from './tlb'

/**
 * Precedes what the hart or a device writes to a page. The one place that knows what a write
 * entails.
 */
export function pageWritten(page: u32): void {
  if (isFrozen(page)) thawPage(page)
  markDirty(page)
  touch(page)
  noteCodeWritten(page)
}

@inline
function logAddress(log: u32): usize {
  return load<usize>(Vm.logTable) + log * logBytes()
}

function isOpen(log: u32): bool {
  return log < logsMax && (load<u32>(Vm.openLogs) >> log & 1) != 0
}

/** The number of the new log, which is empty; -1 when all are open. */
export function openLog(): i32 {
  for (let log: u32 = 0; log < logsMax; log++) {
    if (isOpen(log)) continue
    sweep()
    memory.fill(logAddress(log), 0, logBytes())
    store<u32>(Vm.openLogs, load<u32>(Vm.openLogs) | 1 << log)
    return log
  }
  return -1
}

/**
 * Brings the log up to date; it is then read at the address returned, and emptied by clearLog. 0:
 * not open.
 */
export function takeLog(log: u32): usize {
  if (!isOpen(log)) return 0
  sweep()
  return logAddress(log)
}

export function clearLog(log: u32): void {
  memory.fill(logAddress(log), 0, logBytes())
}

export function closeLog(log: u32): bool {
  if (!isOpen(log)) return false
  store<u32>(Vm.openLogs, load<u32>(Vm.openLogs) & ~(1 << log))
  return true
}

/**
 * Eight marks at a time: an exchange takes them, so that one the agent sets meanwhile is not lost.
 */
function sweep(): void {
  guardWriteEntries()
  const marks = load<usize>(Vm.dirtyTable)
  const groups = logBytes()
  for (let group: usize = 0; group < groups; group++) {
    const eight = marks + (group << 3)
    if (load<u64>(eight) != 0) addToLogs(group, bitsOf(atomic.xchg<u64>(eight, 0)))
  }
}

/** Bit n of the result is byte n of `marks`, each of which is 0 or 1. */
function bitsOf(marks: u64): u8 {
  return <u8>((marks * 0x0102040810204080) >> 56)
}

function addToLogs(group: usize, bits: u8): void {
  const open = load<u32>(Vm.openLogs)
  for (let log: u32 = 0; log < logsMax; log++) {
    if ((open >> log & 1) == 0) continue
    const at = logAddress(log) + group
    store<u8>(at, load<u8>(at) | bits)
  }
}
