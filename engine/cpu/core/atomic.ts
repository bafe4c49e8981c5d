// The A extension: LR, SC and the AMOs, on words and doublewords. One hart: atomic they are anyway.
// The reservation is on one physical address; a device's write into its doubleword breaks it.
// Misaligned is a fault, and so is everything outside RAM.

import { Hart, Vm, none } from './layout'
import { Outcome } from './outcome'
import { Access, misaligned } from './fault'
import { gpaOf } from './pages'
import { reachRam } from './access'
import { rs1, rs2, setRd } from './entry'
import { illegal } from './system'
import { field2, funct3 } from './instruction-fields'

/** The top 5 bits of the instruction. */
const enum Amo {
  add = 0, swap = 1, lr = 2, sc = 3, xor = 4, or = 8, and = 12,
  min = 16, max = 20, minu = 24, maxu = 28,
}

/** `word` is the low half of the decoded entry, `raw` the instruction. */
export function executeAtomic(word: u32, raw: u32): Outcome {
  const width = funct3(raw)
  const operation = raw >> 27
  if ((width != 2 && width != 3) || !isOperation(operation, raw)) return illegal(raw)
  const address = rs1(word)
  const access = operation == Amo.lr ? Access.load : Access.store
  if ((address & ((1 << width) - 1)) != 0) return misaligned(access, address)
  if (operation == Amo.sc && load<u64>(Hart.reservation) == none) return failConditional(word)
  const outcome = reachRam(address, 1 << width, access)
  if (outcome != Outcome.done) {
    // An SC that traps gives its reservation up; one that waits for an absent page comes again.
    if (operation == Amo.sc && outcome == Outcome.trap) store<u64>(Hart.reservation, none)
    return outcome
  }
  if (width == 2) operate<i32, u32>(word, operation, load<usize>(Vm.host))
  else operate<i64, u64>(word, operation, load<usize>(Vm.host))
  return Outcome.done
}

function isOperation(operation: u32, raw: u32): bool {
  if (operation == Amo.lr) return field2(raw) == 0
  return operation <= <u32>Amo.xor || (operation & 3) == 0
}

/**
 * T and U: the signed and the unsigned integer of the operation's width. Results are sign-extended.
 */
function operate<T, U>(word: u32, operation: u32, host: usize): void {
  const old = load<T>(host)
  const operand = <T>rs2(word)
  if (operation == Amo.lr) {
    store<u64>(Hart.reservation, gpaOf(host))
    setRd(word, <u64>old)
  } else if (operation == Amo.sc) {
    if (load<u64>(Hart.reservation) != gpaOf(host)) {
      failConditional(word)
      return
    }
    store<u64>(Hart.reservation, none)
    store<T>(host, operand)
    setRd(word, 0)
  } else {
    store<T>(host, combine<T, U>(operation, old, operand))
    setRd(word, <u64>old)
  }
}

function failConditional(word: u32): Outcome {
  store<u64>(Hart.reservation, none)
  setRd(word, 1)
  return Outcome.done
}

function combine<T, U>(operation: u32, old: T, operand: T): T {
  switch (operation) {
    case Amo.add: return <T>(old + operand)
    case Amo.swap: return operand
    case Amo.xor: return <T>(old ^ operand)
    case Amo.or: return <T>(old | operand)
    case Amo.and: return <T>(old & operand)
    case Amo.min: return old < operand ? old : operand
    case Amo.max: return old > operand ? old : operand
    case Amo.minu: return <U>old < <U>operand ? old : operand
    default: return <U>old > <U>operand ? old : operand
  }
}

/** A device has written there: the whole doubleword is reserved, of which LR names a beginning. */
export function breakReservation(gpa: u64, length: u64): void {
  const reserved = load<u64>(Hart.reservation) & ~(<u64>7)
  if (reserved < gpa + length && gpa < reserved + 8) store<u64>(Hart.reservation, none)
}
