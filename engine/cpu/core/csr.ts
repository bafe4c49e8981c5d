// Control and status registers: which there are, who may use them, what a write can change (WARL).
// Values go through Vm.value. Not here: the instructions (system.ts). Performance counters,
// debug triggers and identity registers read as zero, as the specification allows.

import { Hart, Vm } from './layout'
import { Csr, Interrupt, Mode, Status, delegable, fiom, misa, stce } from './privileged'
import { satpPageNumber, satpSv39, sstatusXlen, statusDirty, statusXlen } from './privileged'
import { Outcome } from './outcome'
import { pendingBits } from './trap'
import { floatIsOn, setFloatDirty } from './float-registers'
import { legalizeProtection, readAddress, readConfigs, writeAddress, writeConfigs } from './pmp'
import { retiredNow, ticksNow } from './time'
import { dropAll, dropTranslations } from './tlb'

/** Fields of fcsr. */
const fflags: u64 = 0x1f
const frm: u64 = 0xe0
const frmShift: u64 = 5
const sstatusShown: u64 = Status.supervisor | sstatusXlen | statusDirty

/**
 * Whether the hart, in its present mode, may read (and write) the register, by its number and by
 * traps.
 */
export function mayAccess(csr: u32, writes: bool): bool {
  const mode = <u32>load<u64>(Hart.mode)
  if (mode < (csr >> 8 & 3)) return false
  if (writes && csr >> 10 == 3) return false
  if (isBetween(csr, Csr.fflags, Csr.fcsr)) return floatIsOn()
  if (isBetween(csr, Csr.cycle, Csr.hpmcounter31)) return mayCount(csr & 31, mode)
  if (csr == Csr.satp) return mode == Mode.machine || (load<u64>(Hart.mstatus) & Status.tvm) == 0
  if (isBetween(csr, Csr.pmpcfg0, Csr.pmpcfg15)) return (csr & 1) == 0
  if (csr == Csr.stimecmp) return mode == Mode.machine || mayUseAlarm()
  return true
}

function mayCount(counter: u32, mode: u32): bool {
  const machine = load<u64>(Hart.mcounteren) >> counter & 1
  const supervisor = load<u64>(Hart.scounteren) >> counter & 1
  if (mode == Mode.machine) return true
  return machine != 0 && (mode == Mode.supervisor || supervisor != 0)
}

function mayUseAlarm(): bool {
  return (load<u64>(Hart.menvcfg) & stce) != 0 && (load<u64>(Hart.mcounteren) & 2) != 0
}

function isBetween(csr: u32, first: u32, last: u32): bool {
  return csr >= first && csr <= last
}

function found(value: u64): bool {
  store<u64>(Vm.value, value)
  return true
}

/** Reads into Vm.value; false: there is no such register. */
export function readCsr(csr: u32): bool {
  const plain = plainRegister(csr)
  if (plain != 0) return found(load<u64>(plain))
  switch (csr) {
    case Csr.sstatus: return found(statusWith(sstatusXlen) & sstatusShown)
    case Csr.mstatus: return found(statusWith(statusXlen))
    case Csr.fflags: return found(load<u64>(Hart.fcsr) & fflags)
    case Csr.frm: return found(load<u64>(Hart.fcsr) >> frmShift)
    case Csr.fcsr: return found(load<u64>(Hart.fcsr))
    case Csr.sie: return found(load<u64>(Hart.mie) & load<u64>(Hart.mideleg))
    case Csr.sip: return found(pendingBits() & load<u64>(Hart.mideleg))
    case Csr.mip: return found(pendingBits())
    case Csr.misa: return found(misa)
    case Csr.time: return found(ticksNow())
    case Csr.cycle:
    case Csr.mcycle: return found(retiredNow() + load<u64>(Hart.cycleOffset))
    case Csr.pmpcfg0: return found(readConfigs(0))
    case Csr.pmpcfg2: return found(readConfigs(8))
    case Csr.instret:
    case Csr.minstret: return found(retiredNow() + load<u64>(Hart.instretOffset))
    default: return isBetween(csr, Csr.pmpaddr0, Csr.pmpaddr15)
      ? found(readAddress(csr - Csr.pmpaddr0))
      : readsAsZero(csr) && found(0)
  }
}

function statusWith(xlen: u64): u64 {
  const status = load<u64>(Hart.mstatus)
  return status | xlen | ((status & Status.fs) == Status.fs ? statusDirty : 0)
}

/**
 * What set and clear begin from, when a register reads as `read`. Of mip that is what software set
 * itself: a line that a device holds up must not stay behind as software's (specification, "Machine
 * Interrupt (mip and mie) Registers", on SEIP).
 */
export function changeable(csr: u32, read: u64): u64 {
  return csr == Csr.mip ? load<u64>(Hart.mip) : read
}

/** Registers that are words of the hart and nothing more, but for what a write may not set. */
function plainRegister(csr: u32): usize {
  switch (csr) {
    case Csr.stvec: return Hart.stvec
    case Csr.scounteren: return Hart.scounteren
    case Csr.senvcfg: return Hart.senvcfg
    case Csr.sscratch: return Hart.sscratch
    case Csr.sepc: return Hart.sepc
    case Csr.scause: return Hart.scause
    case Csr.stval: return Hart.stval
    case Csr.stimecmp: return Hart.stimecmp
    case Csr.satp: return Hart.satp
    case Csr.medeleg: return Hart.medeleg
    case Csr.mideleg: return Hart.mideleg
    case Csr.mie: return Hart.mie
    case Csr.mtvec: return Hart.mtvec
    case Csr.mcounteren: return Hart.mcounteren
    case Csr.menvcfg: return Hart.menvcfg
    case Csr.mscratch: return Hart.mscratch
    case Csr.mepc: return Hart.mepc
    case Csr.mcause: return Hart.mcause
    case Csr.mtval: return Hart.mtval
    default: return 0
  }
}

/** The bits of a plain register that can be set. */
export function writableBits(csr: u32): u64 {
  switch (csr) {
    case Csr.stvec:
    case Csr.mtvec: return ~(<u64>2)
    case Csr.sepc:
    case Csr.mepc: return ~(<u64>1)
    case Csr.scounteren:
    case Csr.mcounteren: return 7
    case Csr.senvcfg: return fiom
    case Csr.menvcfg: return stce | fiom
    case Csr.medeleg: return delegable
    case Csr.mideleg: return Interrupt.supervisor
    case Csr.mie: return Interrupt.all
    default: return ~(<u64>0)
  }
}

function readsAsZero(csr: u32): bool {
  if (isBetween(csr, Csr.cycle, Csr.hpmcounter31)) return true
  if (isBetween(csr, Csr.mcycle, Csr.mhpmcounter31)) return csr != Csr.mcycle + 1
  if (isBetween(csr, Csr.mhpmevent3, Csr.mhpmevent31)) return true
  if (isBetween(csr, Csr.pmpcfg0, Csr.pmpaddr63)) return true
  if (isBetween(csr, Csr.mvendorid, Csr.mconfigptr)) return true
  if (isBetween(csr, Csr.tselect, Csr.tinfo)) return true
  return csr == Csr.mcountinhibit
}

/**
 * Writes a register that readCsr knows. `changed`: interrupts, modes or translation may look
 * different now.
 */
export function writeCsr(csr: u32, value: u64): Outcome {
  switch (csr) {
    case Csr.sstatus: return writeStatus(Status.supervisor, value)
    case Csr.mstatus: return writeMachineStatus(value)
    case Csr.satp: return writeSatp(value)
    case Csr.fflags: return writeFloatStatus(fflags, value)
    case Csr.frm: return writeFloatStatus(frm, value << frmShift)
    case Csr.fcsr: return writeFloatStatus(fflags | frm, value)
    case Csr.sie: return merge(Hart.mie, load<u64>(Hart.mideleg), value)
    case Csr.sip: return merge(Hart.mip, Interrupt.ssip & load<u64>(Hart.mideleg), value)
    case Csr.mip: return merge(Hart.mip, settablePending(), value)
    case Csr.menvcfg: return writeEnvironment(value)
    case Csr.mcycle: return setCounter(Hart.cycleOffset, value)
    case Csr.minstret: return setCounter(Hart.instretOffset, value)
    case Csr.pmpcfg0:
    case Csr.pmpcfg2: return writeConfigs((csr - Csr.pmpcfg0) << 2, value)
    default: return isBetween(csr, Csr.pmpaddr0, Csr.pmpaddr15)
      ? writeAddress(csr - Csr.pmpaddr0, value)
      : writePlain(csr, value)
  }
}

/** The instruction that writes a counter does not count: the next one reads what was written. */
function setCounter(offset: usize, value: u64): Outcome {
  store<u64>(offset, value - (retiredNow() + 1))
  return Outcome.done
}

/** Only float instructions look at it: the run loop need not. */
function writeFloatStatus(mask: u64, value: u64): Outcome {
  merge(Hart.fcsr, mask, value)
  setFloatDirty()
  return Outcome.done
}

function merge(register: usize, mask: u64, value: u64): Outcome {
  store<u64>(register, (load<u64>(register) & ~mask) | (value & mask))
  return Outcome.changed
}

/** STIP is the alarm's while Sstc is on, and else M-mode's to set for S-mode. */
function settablePending(): u64 {
  const ours = (load<u64>(Hart.menvcfg) & stce) != 0 ? Interrupt.stip : 0
  return Interrupt.supervisor & ~ours
}

/** What software put into STIP does not outlast Sstc: from then on the alarm alone holds it up. */
function writeEnvironment(value: u64): Outcome {
  if ((value & stce) != 0) merge(Hart.mip, Interrupt.stip, 0)
  return writePlain(Csr.menvcfg, value)
}

function writePlain(csr: u32, value: u64): Outcome {
  const register = plainRegister(csr)
  if (register == 0) return Outcome.done
  store<u64>(register, value & writableBits(csr))
  const isScratch = csr == Csr.sscratch || csr == Csr.mscratch || csr == Csr.sepc || csr == Csr.mepc
  return isScratch ? Outcome.done : Outcome.changed
}

function writeMachineStatus(value: u64): Outcome {
  const mode = (value >> Status.mppShift) & 3
  const previous: u64 = mode == 2 ? 0 : Status.mpp
  return writeStatus(Status.writable | previous, value)
}

/**
 * MXR is part of what read entries were made under; the rest only chooses among banks and
 * interrupts.
 */
function writeStatus(mask: u64, value: u64): Outcome {
  const before = load<u64>(Hart.mstatus)
  const after = (before & ~mask) | (value & mask)
  store<u64>(Hart.mstatus, after)
  if (((before ^ after) & Status.mxr) != 0) dropTranslations()
  return (before ^ after) == 0 ? Outcome.done : Outcome.changed
}

/**
 * A mode that is neither bare nor Sv39 leaves satp as it was. Bare is all zero, Sv39 has no ASIDs.
 */
function writeSatp(value: u64): Outcome {
  const mode = value >> 60
  if (mode != 0 && mode != satpSv39) return Outcome.done
  store<u64>(Hart.satp, mode == 0 ? 0 : satpSv39 << 60 | value & satpPageNumber)
  dropTranslations()
  return Outcome.changed
}

/**
 * Makes words that came from elsewhere (a snapshot) what writes could have made them. False: no
 * such mode.
 */
export function legalize(): bool {
  const mode = load<u64>(Hart.mode)
  const previous = (load<u64>(Hart.mstatus) >> Status.mppShift) & 3
  const satpMode = load<u64>(Hart.satp) >> 60
  if (mode > <u64>Mode.machine || mode == 2 || previous == 2) return false
  if (satpMode != 0 && satpMode != satpSv39) return false
  store<u64>(Hart.x, 0)
  store<u64>(Hart.sink, 0)
  store<u64>(Hart.pc, load<u64>(Hart.pc) & ~(<u64>1))
  store<u64>(Hart.mstatus, load<u64>(Hart.mstatus) & (Status.writable | Status.mpp))
  store<u64>(Hart.fcsr, load<u64>(Hart.fcsr) & (fflags | frm))
  const satpBits = satpMode == 0 ? 0 : satpPageNumber | satpSv39 << 60
  store<u64>(Hart.satp, load<u64>(Hart.satp) & satpBits)
  legalizePlain(Csr.stvec, Csr.senvcfg)
  legalizePlain(Csr.sepc, Csr.sepc)
  legalizePlain(Csr.medeleg, Csr.menvcfg)
  legalizePlain(Csr.mepc, Csr.mepc)
  legalizeProtection()
  dropAll()
  return true
}

function legalizePlain(first: u32, last: u32): void {
  for (let csr = first; csr <= last; csr++) {
    const register = plainRegister(csr)
    if (register != 0) store<u64>(register, load<u64>(register) & writableBits(csr))
  }
}
