// A token bucket: how long to wait so that a sender keeps under its limit. Pure; bytes and ms.
// Bursts of a tenth of a second pass, so that a limit does not turn into a stop at every frame.
// Not here: who waits (page-sender.ts).

const burstMs = 100

export interface Pace {
  readonly bytesPerMs: number
  tokens: number
  filledAtMs: number
}

/** @param bytesPerSecMax 0 = no limit. */
export const newPace = (bytesPerSecMax: number, nowMs: number): Pace => ({
  bytesPerMs: bytesPerSecMax > 0 ? bytesPerSecMax / 1000 : Number.POSITIVE_INFINITY,
  tokens: 0,
  filledAtMs: nowMs,
})

/** Spends the bytes. @returns ms to wait before the next ones; 0 when there is no need. */
export function spend(pace: Pace, bytes: number, nowMs: number): number {
  if (pace.bytesPerMs === Number.POSITIVE_INFINITY) return 0
  const filled = pace.tokens + (nowMs - pace.filledAtMs) * pace.bytesPerMs
  pace.tokens = Math.min(filled, pace.bytesPerMs * burstMs) - bytes
  pace.filledAtMs = nowMs
  return Math.max(0, -pace.tokens / pace.bytesPerMs)
}

/** Under several limits at once, the longest wait holds. */
export const spendAll = (paces: readonly Pace[], bytes: number, nowMs: number): number =>
  Math.max(0, ...paces.map((pace) => spend(pace, bytes, nowMs)))

/**
 * What may go out in one piece, so that under a low limit the other end still hears something all
 * the time.
 */
export const pieceBytesMax = (...paces: readonly Pace[]): number =>
  Math.min(...paces.map((pace) => pace.bytesPerMs)) * burstMs
