// System instructions: CSR access, environment calls, trap returns, wfi, sfence.vma. Rare beside
// the rest, so they are taken apart here from the instruction's own bits and not by the decoder.
// Hart.pc holds the instruction's address when one begins, and the address to go on at when it has
// retired.

import { Hart, Vm } from './layout'
import { Cause, Mode, Status } from './privileged'
import { Outcome } from './outcome'
import { trap } from './fault'
import { changeable, mayAccess, readCsr, writeCsr } from './csr'
import { returnFromMachine, returnFromSupervisor } from './trap'
import { dropAddress, dropTranslations } from './tlb'
import { field1, funct3 } from './instruction-fields'

/** Instructions without operands, whole. */
const enum Whole {
  ecall = 0x00000073,
  ebreak = 0x00100073,
  sret = 0x10200073,
  mret = 0x30200073,
  wfi = 0x10500073,
}
/** sfence.vma rs1, rs2: these bits of the instruction, and their value. */
const sfenceMask: u32 = 0xfe007fff
const sfenceVma: u32 = 0x12000073

/** CSR instructions: funct3 without its "immediate" bit. */
const enum Change { write = 1, set = 2, clear = 3 }

export function executeSystem(raw: u32): Outcome {
  if (funct3(raw) == 0) return executePrivileged(raw)
  return (raw >> 12 & 3) == 0 ? illegal(raw) : executeCsr(raw)
}

export function illegal(raw: u32): Outcome {
  return trap(Cause.illegal, raw)
}

/**
 * A register is written unless set or clear have x0 (or zero) for an operand; the old value goes to
 * rd.
 */
function executeCsr(raw: u32): Outcome {
  const csr = raw >> 20
  const change = raw >> 12 & 3
  const field = field1(raw)
  const writes = change == Change.write || field != 0
  if (!mayAccess(csr, writes) || !readCsr(csr)) return illegal(raw)
  const old = load<u64>(Vm.value)
  const operand: u64 = (raw >> 14 & 1) != 0 ? field : load<u64>(field << 3)
  const rd = raw >> 7 & 31
  let outcome = Outcome.done
  if (writes) outcome = writeCsr(csr, changed(change, changeable(csr, old), operand))
  if (rd != 0) store<u64>(rd << 3, old)
  return outcome
}

function changed(change: u32, old: u64, operand: u64): u64 {
  if (change == Change.write) return operand
  return change == Change.set ? old | operand : old & ~operand
}

function executePrivileged(raw: u32): Outcome {
  switch (raw) {
    case Whole.ecall: return environmentCall()
    case Whole.ebreak: return trap(Cause.breakpoint, load<u64>(Hart.pc))
    case Whole.mret: return machineReturn(raw)
    case Whole.sret: return supervisorReturn(raw)
    case Whole.wfi: return forbidden(Status.tw) ? illegal(raw) : Outcome.wait
    default: return (raw & sfenceMask) == sfenceVma ? fenceTranslations(raw) : illegal(raw)
  }
}

/** U-mode never may; S-mode may unless M-mode has set the trap bit. */
function forbidden(trapBit: u64): bool {
  const mode = load<u64>(Hart.mode)
  if (mode == Mode.user) return true
  return mode == Mode.supervisor && (load<u64>(Hart.mstatus) & trapBit) != 0
}

function environmentCall(): Outcome {
  const mode = <u32>load<u64>(Hart.mode)
  if (mode == Mode.supervisor && load<u32>(Vm.sbiExits) != 0) return Outcome.sbi
  return trap(Cause.ecallFromUser + mode, 0)
}

function machineReturn(raw: u32): Outcome {
  if (load<u64>(Hart.mode) != Mode.machine) return illegal(raw)
  returnFromMachine()
  return Outcome.returned
}

function supervisorReturn(raw: u32): Outcome {
  if (forbidden(Status.tsr)) return illegal(raw)
  returnFromSupervisor()
  return Outcome.returned
}

/** There are no ASIDs: rs2 says nothing. rs1 of x0 means every address. */
function fenceTranslations(raw: u32): Outcome {
  if (forbidden(Status.tvm)) return illegal(raw)
  const field = field1(raw)
  if (field == 0) dropTranslations()
  else dropAddress(load<u64>(field << 3))
  return Outcome.changed
}
