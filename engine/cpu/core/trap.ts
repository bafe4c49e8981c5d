// Traps: into a handler, and back (privileged specification, "Trap-Handling", "Machine/Supervisor
// Trap-Return"). All of it happens between two instructions, in the run loop, but for the returns,
// which are instructions.

import { Hart } from './layout'
import { Interrupt, Mode, Status, interruptCause } from './privileged'
import { alarmBits } from './time'

/** mip as it reads: what software set, what devices hold up, and the alarms. */
export function pendingBits(): u64 {
  return load<u64>(Hart.mip) | load<u64>(Hart.lines) | alarmBits()
}

/** Whether `wfi` has nothing to wait for. */
export function wakes(): bool {
  return (pendingBits() & load<u64>(Hart.mie)) != 0
}

/** Takes the interrupt of highest priority, if one is pending and enabled. */
export function takeInterrupt(): bool {
  const pending = pendingBits() & load<u64>(Hart.mie)
  if (pending == 0) return false
  const delegated = load<u64>(Hart.mideleg)
  if (takeFirst(machineEnabled() ? pending & ~delegated : 0)) return true
  return takeFirst(supervisorEnabled() ? pending & delegated : 0)
}

function machineEnabled(): bool {
  return load<u64>(Hart.mode) < <u64>Mode.machine || (load<u64>(Hart.mstatus) & Status.mie) != 0
}

function supervisorEnabled(): bool {
  const mode = load<u64>(Hart.mode)
  return mode < <u64>Mode.supervisor ||
    (mode == Mode.supervisor && (load<u64>(Hart.mstatus) & Status.sie) != 0)
}

/** Priority: external, software, timer; machine before supervisor. */
function takeFirst(bits: u64): bool {
  if (bits == 0) return false
  let cause: u32 = 5
  if (bits & Interrupt.meip) cause = 11
  else if (bits & Interrupt.msip) cause = 3
  else if (bits & Interrupt.mtip) cause = 7
  else if (bits & Interrupt.seip) cause = 9
  else if (bits & Interrupt.ssip) cause = 1
  enterTrap(interruptCause | cause, 0)
  return true
}

/**
 * To the handler of S-mode if it is delegated and the hart is not in M-mode, else to that of
 * M-mode.
 */
export function enterTrap(cause: u64, value: u64): void {
  const isInterrupt = (cause & interruptCause) != 0
  const delegated = load<u64>(isInterrupt ? Hart.mideleg : Hart.medeleg)
  const toSupervisor = load<u64>(Hart.mode) != Mode.machine && (delegated >> (cause & 63) & 1) != 0
  if (toSupervisor) enterSupervisor(cause, value)
  else enterMachine(cause, value)
}

function enterSupervisor(cause: u64, value: u64): void {
  store<u64>(Hart.scause, cause)
  store<u64>(Hart.stval, value)
  store<u64>(Hart.sepc, load<u64>(Hart.pc))
  let status = load<u64>(Hart.mstatus)
  const enabled: u64 = (status & Status.sie) != 0 ? Status.spie : 0
  const previous: u64 = load<u64>(Hart.mode) == Mode.supervisor ? Status.spp : 0
  status &= ~(<u64>(Status.sie | Status.spie | Status.spp))
  store<u64>(Hart.mstatus, status | enabled | previous)
  store<u64>(Hart.mode, Mode.supervisor)
  store<u64>(Hart.pc, handler(load<u64>(Hart.stvec), cause))
}

function enterMachine(cause: u64, value: u64): void {
  store<u64>(Hart.mcause, cause)
  store<u64>(Hart.mtval, value)
  store<u64>(Hart.mepc, load<u64>(Hart.pc))
  let status = load<u64>(Hart.mstatus)
  const enabled: u64 = (status & Status.mie) != 0 ? Status.mpie : 0
  const previous = load<u64>(Hart.mode) << Status.mppShift
  status &= ~(<u64>(Status.mie | Status.mpie | Status.mpp))
  store<u64>(Hart.mstatus, status | enabled | previous)
  store<u64>(Hart.mode, Mode.machine)
  store<u64>(Hart.pc, handler(load<u64>(Hart.mtvec), cause))
}

/** A vectored handler has an entry of 4 bytes for each interrupt. */
function handler(vector: u64, cause: u64): u64 {
  const base = vector & ~(<u64>3)
  const isVectored = (vector & 1) != 0 && (cause & interruptCause) != 0
  return isVectored ? base + (cause & 63) * 4 : base
}

export function returnFromMachine(): void {
  let status = load<u64>(Hart.mstatus)
  const mode = (status >> Status.mppShift) & 3
  const enabled: u64 = (status & Status.mpie) != 0 ? Status.mie : 0
  status &= ~(<u64>(Status.mie | Status.mpp))
  if (mode != Mode.machine) status &= ~(<u64>Status.mprv)
  store<u64>(Hart.mstatus, status | enabled | Status.mpie)
  store<u64>(Hart.mode, mode)
  store<u64>(Hart.pc, load<u64>(Hart.mepc))
}

export function returnFromSupervisor(): void {
  let status = load<u64>(Hart.mstatus)
  const mode: u64 = (status & Status.spp) != 0 ? Mode.supervisor : Mode.user
  const enabled: u64 = (status & Status.spie) != 0 ? Status.sie : 0
  status &= ~(<u64>(Status.sie | Status.spp | Status.mprv))
  store<u64>(Hart.mstatus, status | enabled | Status.spie)
  store<u64>(Hart.mode, mode)
  store<u64>(Hart.pc, load<u64>(Hart.sepc))
}
