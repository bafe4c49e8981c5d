// Translated code and the interpreter in turns: a slice goes on in a region wherever there is one,
// and is interpreted in between. Both retire the same instructions with the same effects, so that
// who ran what cannot be seen from the guest. The second half is what a region calls when an
// instruction is more than a few operations: each returns an Outcome. Before the call the region
// has brought Vm.left, and registers that the instruction reads, up to date.

import { Hart, Jumps, Page, Vm, none } from './layout'
import { Outcome } from './outcome'
import { interpret } from './interpret'
import { isCached, jumpEntry, noteContext } from './jumps'
import { codeAddress, findRegion } from './regions'
import { codeBlock, counterOf } from './decoded-pages'
import { loadSlowly, storeSlowly } from './access'
import { translate } from './hooks'

/**
 * Like interpret(): exact in what retires, and in the state it leaves. Where there is a grace, the
 * slice ends early at a region that wants more than is left, if anything has retired.
 */
export function runTranslated(budget: i32): Outcome {
  noteContext()
  const grace = load<i32>(Vm.grace)
  let left = budget
  while (left > 0) {
    const before = load<u64>(Hart.retired)
    const outcome = runNext(left, grace, grace != 0 && left < budget)
    left -= <i32>(load<u64>(Hart.retired) - before)
    if (outcome != Outcome.enter) return outcome
  }
  return Outcome.done
}

/** One way of running, to its end; `enter`: go on with the next. */
function runNext(left: i32, grace: i32, mayEnd: bool): Outcome {
  const pc = load<u64>(Hart.pc)
  const entry = jumpEntry(pc)
  if (!isCached(entry, pc) && !isFound(pc)) return interpret(left)
  const rest = enterRegion(entry, pc, left + grace)
  const outcome = <Outcome>load<u32>(Vm.outcome)
  if (outcome != Outcome.done) return outcome
  if (rest != left + grace) return Outcome.enter
  // A region that has not begun wants more instructions in one piece than are left.
  return mayEnd ? Outcome.done : interpret(left)
}

/** Looks for a region, and has one made where it is missed often enough. */
function isFound(pc: u64): bool {
  if (findRegion(pc)) return true
  if (load<u64>(Vm.hotPc) != pc && !isMissed(pc)) return false
  store<u64>(Vm.hotPc, none)
  translate(pc)
  return findRegion(pc)
}

/** Regions that lead here have no other way of being counted. */
function isMissed(pc: u64): bool {
  const host = codeAddress(pc)
  const block = host == 0 ? 0 : codeBlock(host)
  if (block == 0) return false
  const counter = counterOf(block + ((host & Page.mask) << 2))
  const count = load<u16>(counter) + 1
  store<u16>(counter, count < load<u32>(Vm.threshold) ? <u16>count : 0)
  return count >= load<u32>(Vm.threshold)
}

/** Returns how many instructions are left. */
function enterRegion(entry: usize, pc: u64, left: i32): i32 {
  store<i32>(Vm.slice, left)
  store<u32>(Vm.outcome, Outcome.done)
  const index = load<u32>(entry, Jumps.index)
  const rest = call_indirect<i32>(index, load<u32>(entry, Jumps.entryPoint), left, pc)
  store<u64>(Hart.retired, load<u64>(Hart.retired) + <u64>(left - rest))
  store<i32>(Vm.slice, 0)
  store<i32>(Vm.left, 0)
  store<u64>(Hart.sink, 0)
  return rest
}

/** The value is in Vm.value, as many bytes of it as were asked for. */
export function slowLoad(va: u64, size: u32, left: i32): Outcome {
  store<i32>(Vm.left, left)
  return loadSlowly(va, size)
}

export function slowStore(va: u64, value: u64, size: u32, left: i32): Outcome {
  store<i32>(Vm.left, left)
  return storeSlowly(va, value, size)
}
