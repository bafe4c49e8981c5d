// Guest time, in ticks of 10 MHz (100 ns), and the count of retired instructions it may come from.
// Under the clock `instructions` the hart retires 100 instructions a tick, as a 1 GHz machine with
// one an instruction would: time is then as exact and as repeatable as the count.

import { ClockKind, Hart, Vm, none } from './layout'
import { Interrupt, stce } from './privileged'
import { timeTicks } from './hooks'

export const instructionsPerTick: u64 = 100
/** Far beyond any slice: an alarm as many ticks away does not bound one. */
const nearTicks: u64 = 1 << 40

/** Retired until now, in the middle of a slice too. */
@inline
export function retiredNow(): u64 {
  return load<u64>(Hart.retired) + (load<i32>(Vm.slice) - load<i32>(Vm.left))
}

export function ticksNow(): u64 {
  if (load<u32>(Vm.clock) == ClockKind.real) return <u64>timeTicks()
  return retiredNow() / instructionsPerTick + load<u64>(Hart.timeOffset)
}

/** The alarm of S-mode, if menvcfg gives it one. */
@inline
function supervisorAlarm(): u64 {
  return (load<u64>(Hart.menvcfg) & stce) != 0 ? load<u64>(Hart.stimecmp) : none
}

/** Ticks of the next alarm; `none` when there is none. It may be past. */
export function nextAlarm(): u64 {
  const supervisor = supervisorAlarm()
  const machine = load<u64>(Hart.mtimecmp)
  return supervisor < machine ? supervisor : machine
}

/**
 * The same, of those alone whose interrupt mie lets through: what a hart in `wfi` waits for. One
 * that is masked and past would wake it again and again, for nothing.
 */
export function nextWakingAlarm(): u64 {
  const enabled = load<u64>(Hart.mie)
  const supervisor = (enabled & Interrupt.stip) != 0 ? supervisorAlarm() : none
  const machine = (enabled & Interrupt.mtip) != 0 ? load<u64>(Hart.mtimecmp) : none
  return supervisor < machine ? supervisor : machine
}

/** The interrupt bits that alarms hold up. Asks the clock only when an alarm is set. */
export function alarmBits(): u64 {
  if (nextAlarm() == none) return 0
  const now = ticksNow()
  const supervisor: u64 = now >= supervisorAlarm() ? Interrupt.stip : 0
  return now >= load<u64>(Hart.mtimecmp) ? supervisor | Interrupt.mtip : supervisor
}

/**
 * Instructions until the next alarm that is still to come, at most `most`. Clock `instructions`
 * only.
 */
export function instructionsToAlarm(most: i32): i32 {
  return soonest(load<u64>(Hart.mtimecmp), soonest(supervisorAlarm(), most))
}

function soonest(alarm: u64, most: i32): i32 {
  const now = ticksNow()
  if (alarm <= now || alarm - now > nearTicks) return most
  const retired = load<u64>(Hart.retired)
  const wait = (alarm - now) * instructionsPerTick - retired % instructionsPerTick
  return wait < <u64>most ? <i32>wait : most
}
