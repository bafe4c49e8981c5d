// The run loop: slices of the hart's two engines, and between them what happens between
// instructions: interrupts, traps, and leaving. A slice never reaches past an alarm of
// instruction-count time, so that its interrupt is taken at the same instruction in every run,
// however the runs are cut. Under the real clock nothing depends on that, and translated code ends
// a slice earlier or later: where it can be entered again, so that nothing is interpreted.

import { ClockKind, Hart, Vm } from './layout'
import { Outcome } from './outcome'
import { enterTrap, takeInterrupt, wakes } from './trap'
import { instructionsToAlarm } from './time'
import { interpret } from './interpret'
import { runTranslated } from './translated'

/** Exit of core-port.ts. */
const enum Exit { budget = 0, wfi = 1, sbi = 2, absent = 3, requested = 4 }

/** Under the real clock, how many instructions an alarm may be late, whatever is asked for. */
const realClockSlice: i32 = 500_000

/** Dropping translations takes microseconds: after so many the thread is given back. */
const dropsMax = 4000

/**
 * At most `budget` instructions retire; under the real clock about as many. A trap uses up one of
 * them though nothing retires, so that a guest that does nothing but trap gives the thread back.
 */
export function run(budget: i32): Exit {
  let left = budget
  let drops = 0
  while (left > 0) {
    if (load<u32>(Vm.exitRequested) != 0) break
    takeInterrupt()
    const before = load<u64>(Hart.retired)
    const generation = load<u32>(Vm.generation)
    const slice = sliceOf(left)
    const outcome = load<u32>(Vm.threshold) == 0 ? interpret(slice) : runTranslated(slice)
    left -= outcome == Outcome.done ? slice : <i32>(load<u64>(Hart.retired) - before)
    if (load<u32>(Vm.generation) != generation && ++drops == dropsMax) return Exit.budget
    if (outcome == Outcome.sbi) return Exit.sbi
    if (outcome == Outcome.absent) return Exit.absent
    if (outcome == Outcome.wait && !wakes()) return Exit.wfi
    if (outcome == Outcome.trap) {
      enterTrap(load<u64>(Vm.trapCause), load<u64>(Vm.trapValue))
      left--
    }
  }
  if (load<u32>(Vm.exitRequested) == 0) return Exit.budget
  store<u32>(Vm.exitRequested, 0)
  return Exit.requested
}

function sliceOf(left: i32): i32 {
  if (load<u32>(Vm.clock) == ClockKind.instructions) return instructionsToAlarm(left)
  const slice = left < realClockSlice ? left : realClockSlice
  store<i32>(Vm.grace, slice)
  return slice
}

export function requestExit(): void {
  store<u32>(Vm.exitRequested, 1)
}
