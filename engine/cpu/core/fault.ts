// Noting why an instruction cannot be done. Nothing happens to the hart here: the interpreter comes
// back to the run loop, which takes the trap or leaves. `Access` is the kind of memory access that
// was tried.

import { Vm } from './layout'
import { Cause } from './privileged'
import { Outcome } from './outcome'

export const enum Access { load = 0, store = 1, fetch = 2 }

export function trap(cause: u32, value: u64): Outcome {
  store<u64>(Vm.trapCause, cause)
  store<u64>(Vm.trapValue, value)
  return Outcome.trap
}

/** No translation, or none that allows it. */
export function pageFault(access: Access, va: u64): Outcome {
  if (access == Access.fetch) return trap(Cause.fetchPage, va)
  return trap(access == Access.store ? Cause.storePage : Cause.loadPage, va)
}

/** Nothing answers at the physical address, or not in this way. */
export function accessFault(access: Access, va: u64): Outcome {
  if (access == Access.fetch) return trap(Cause.fetchAccess, va)
  return trap(access == Access.store ? Cause.storeAccess : Cause.loadAccess, va)
}

/** AMO, LR and SC alone want alignment; every other access may be misaligned. */
export function misaligned(access: Access, va: u64): Outcome {
  return trap(access == Access.store ? Cause.storeMisaligned : Cause.loadMisaligned, va)
}

export function absentPage(gpa: u64): Outcome {
  store<u64>(Vm.absentGpa, gpa)
  return Outcome.absent
}
