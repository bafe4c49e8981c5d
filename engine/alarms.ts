// When something of a machine is due next, besides what its guest does: the hart's timer, the alarm
// of the real-time clock, the watchdog. Pure. Ticks of 10 MHz, ns of wall time.

export interface Alarms {
  readonly nowTicks: number
  /** Of the hart's timer. */
  readonly timerTicks: number
  /** Until the real-time clock's; undefined: none is set. */
  readonly rtcInNs: bigint | undefined
  readonly watchdogTicks: number
}

export const nsPerTick = 100n

/** The first of them; Infinity: none is set, or none that comes within 28 years of guest time. */
export function nextAlarmTicks({ nowTicks, timerTicks, rtcInNs, watchdogTicks }: Alarms): number {
  const rtcTicks =
    rtcInNs === undefined
      ? Number.POSITIVE_INFINITY
      : nowTicks + Number((rtcInNs + nsPerTick - 1n) / nsPerTick)
  const first = Math.min(timerTicks, watchdogTicks, rtcTicks)
  // Guests write a large number for "never"; time must not jump to where it is no longer exact.
  return first > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : first
}

/**
 * Instructions that may retire before clock and watchdog are looked at again, under clock
 * `instructions`: what is due must come at one exact instruction, however the run is cut. Since a
 * tick takes at least one instruction, as many as there are whole ticks left are safe, and the last
 * tick is done one by one. (The hart looks at its timer itself.)
 */
export function instructionsUntilAlarm({ nowTicks, rtcInNs, watchdogTicks }: Alarms): number {
  const rtcTicks = rtcInNs === undefined ? Number.POSITIVE_INFINITY : Number(rtcInNs / nsPerTick)
  return Math.max(1, Math.min(rtcTicks, watchdogTicks - nowTicks) - 1)
}
