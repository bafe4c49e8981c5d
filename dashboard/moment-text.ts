// When something happened, as the page says it: of today the time, of another day the date too. In
// local time; the clock is that of who looks. Not here: how long ago, how long still.

const times = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hour12: false })

export function momentText(wallMs: number, nowMs = Date.now()): string {
  const day = dayText(wallMs)
  const time = times.format(wallMs)
  return day === dayText(nowMs) ? time : `${day} ${time}`
}

/** 2026-04-11: Sweden writes dates as ISO 8601 does. */
const dayText = (wallMs: number): string => new Date(wallMs).toLocaleDateString('sv')
