// The hart as the machine around it sees it: reset, read and driven, between two runs or from a
// hook. Numbers that JavaScript wants as numbers are f64; they are exact below 2^53.

import { Hart, Vm, none } from './layout'
import { Cause, Interrupt, Mode, Status, delegable, stce } from './privileged'
import { dropBlocks } from './decoded-pages'
import { dropAll } from './tlb'
import { clearRegions } from './regions'
import { Op } from './entry'
import { gpaOf, hostOf, hostOfPage, inRam, isAbsent, pageOf, setAbsent } from './pages'
import { pageWritten } from './dirty'
import { breakReservation } from './atomic'
import { legalize } from './csr'
import { noteCuts, openMemory } from './pmp'
import { nextWakingAlarm, retiredNow, ticksNow } from './time'

/** Bytes of a hart's snapshot, which lie at address 0. */
export const hartBytes: u32 = Hart.end
/** Where hooks find and leave values. */
export const valueAddress: u32 = Vm.value

/** Before the first run: how time passes, and who answers the guest's SBI calls. */
export function configure(clock: u32, sbiExits: bool, threshold: u32): void {
  store<u32>(Vm.threshold, threshold)
  store<u32>(Vm.clock, clock)
  store<u32>(Vm.sbiExits, sbiExits)
  store<u64>(Vm.elsewhere, 0)
  store<u64>(Vm.entering, Op.enter)
  store<u64>(Vm.hotPc, none)
  // Before clearRegions, which forgets that there were any.
  dropBlocks()
  clearRegions()
  dropAll()
}

/**
 * As the hardware comes up in M-mode, or as firmware hands over to S-mode. Time and the count of
 * instructions go on, since a machine that is reset is still the same.
 */
export function reset(pc: u64, a0: u64, a1: u64, mode: u32): void {
  const retired = load<u64>(Hart.retired)
  const timeOffset = load<u64>(Hart.timeOffset)
  memory.fill(0, 0, Hart.end)
  store<u64>(Hart.retired, retired)
  store<u64>(Hart.timeOffset, timeOffset)
  store<u64>(Hart.pc, pc)
  store<u64>(Hart.mode, mode)
  store<u64>(Hart.x + 10 * 8, a0)
  store<u64>(Hart.x + 11 * 8, a1)
  store<u64>(Hart.reservation, none)
  store<u64>(Hart.stimecmp, none)
  store<u64>(Hart.mtimecmp, none)
  noteCuts()
  if (mode == Mode.supervisor) delegateAll()
  dropBlocks()
  dropAll()
}

/**
 * What firmware leaves to S-mode: every trap but its own calls, all memory, the counters, for
 * U-mode too, and its own alarm (Sstc). Linux counts on the time CSR in U-mode without ever asking
 * for it, since OpenSBI leaves it so (lib/sbi/sbi_hart.c); programs of one file count on its
 * floating point, which it leaves on.
 */
function delegateAll(): void {
  store<u64>(Hart.mstatus, Status.fs)
  store<u64>(Hart.medeleg, delegable & ~(<u64>1 << Cause.ecallFromSupervisor))
  store<u64>(Hart.mideleg, Interrupt.supervisor)
  store<u64>(Hart.mcounteren, 7)
  store<u64>(Hart.scounteren, 7)
  store<u64>(Hart.menvcfg, stce)
  openMemory()
}

/**
 * After other words were put into the hart: makes them legal, drops what was derived. False:
 * impossible words.
 */
export function afterRestore(): bool {
  if (!legalize()) return false
  dropBlocks()
  return true
}

export function readX(index: u32): u64 {
  return load<u64>(Hart.x + (<usize>(index & 31) << 3))
}
export function writeX(index: u32, value: u64): void {
  if ((index & 31) != 0) store<u64>(Hart.x + (<usize>(index & 31) << 3), value)
}
export function readPc(): u64 {
  return load<u64>(Hart.pc)
}
export function retired(): f64 {
  return <f64>retiredNow()
}
export function ticks(): f64 {
  return <f64>ticksNow()
}

/** Infinity when none is set that could interrupt. */
export function alarm(): f64 {
  const next = nextWakingAlarm()
  return next == none ? Infinity : <f64>next
}

/**
 * The S-mode alarm when the VMM answers SBI calls, else the machine timer's, which a CLINT sets.
 */
export function setAlarm(at: u64): void {
  store<u64>(load<u32>(Vm.sbiExits) ? Hart.stimecmp : Hart.mtimecmp, at)
}

/** Forward only. */
export function skipTo(at: f64): void {
  const now = ticksNow()
  if (<u64>at > now) store<u64>(Hart.timeOffset, load<u64>(Hart.timeOffset) + (<u64>at - now))
}

export function setExternalInterrupt(level: bool): void {
  setBit(Hart.lines, Interrupt.seip, level)
}

export function setMachineExternalInterrupt(level: bool): void {
  setBit(Hart.lines, Interrupt.meip, level)
}

/**
 * From the VMM it is the bit that SBI's IPI sets and the guest clears; from a CLINT a line into
 * M-mode.
 */
export function setSoftwareInterrupt(level: bool): void {
  if (load<u32>(Vm.sbiExits)) setBit(Hart.mip, Interrupt.ssip, level)
  else setBit(Hart.lines, Interrupt.msip, level)
}

function setBit(register: usize, bit: u64, level: bool): void {
  const others = load<u64>(register) & ~bit
  store<u64>(register, level ? others | bit : others)
}

/** The GPA of the absent page met last; -1 when there was none. */
export function absentGpa(): f64 {
  const gpa = load<u64>(Vm.absentGpa)
  return gpa == none ? -1 : <f64>gpa
}

/** An absent page must not be in a TLB; one that comes back simply may. */
export function setPresent(page: u32, present: bool): bool {
  if (page >= load<u32>(Vm.pageCount)) return false
  setAbsent(page, !present)
  if (!present) dropAll()
  return true
}

/**
 * For a device: the host address of bytes that all lie in present RAM, 0 if they do not (absentGpa
 * says whether that is why). Bytes to be written are marked as a store of the guest would.
 */
export function reachForDevice(gpa: f64, length: u32, writes: bool): usize {
  const start = <u64>gpa
  store<u64>(Vm.absentGpa, none)
  if (length == 0 || !inRam(start) || !inRam(start + length - 1)) return 0
  const first = pageOf(start)
  const last = pageOf(start + length - 1)
  for (let page = first; page <= last; page++) {
    if (!isAbsent(page)) continue
    store<u64>(Vm.absentGpa, gpaOf(hostOfPage(page)))
    return 0
  }
  if (writes) {
    for (let page = first; page <= last; page++) pageWritten(page)
    breakReservation(start, length)
  }
  return hostOf(start)
}
