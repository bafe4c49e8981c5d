// How fast a link takes bytes, while it is what everybody waits for, and how much is handed to it
// at a time, so that on a narrow one a cancel, a switch to post-copy and the progress told do not
// wait for what lies before them. Pure; bytes and ms. A link that is never behind was never seen to
// be the bottleneck: its rate is infinite until then.
// Not here: limits that an operator sets (pace.ts).

import { inFlightBytesMax } from '../protocol.ts'

export interface LinkRate {
  bytesPerMs: number
  /** Bytes ever handed to the link. */
  sent: number
  /** Where the window began: the time, and what had left by then. */
  sinceMs: number
  leftBefore: number
}

/** What lies before the link may take it so long; a piece of it so long. */
const inFlightMs = 250
const pieceMs = 100
const inFlightBytesMin = 256 << 10
/** Until the link has been seen at its limit: one full frame, and no second one. */
const inFlightBytesAtFirst = 768 << 10
/** Below this a window measures the scheduler. */
const windowMs = 20
const windowBytes = 1 << 20
/** So much must wait, or the link is not what is waited for. */
const backlogBytes = 512 << 10
const weight = 0.5

export const newLinkRate = (nowMs: number): LinkRate => ({
  ...{ bytesPerMs: Number.POSITIVE_INFINITY, sent: 0, sinceMs: nowMs, leftBefore: 0 },
})

/** @param bytes handed to the link just now. @param waiting those that have not left it yet. */
export function seeLink(rate: LinkRate, bytes: number, waiting: number, nowMs: number): void {
  rate.sent += bytes
  const ms = nowMs - rate.sinceMs
  const left = rate.sent - waiting - rate.leftBefore
  if (ms < windowMs || (left < windowBytes && ms < 10 * windowMs)) return
  rate.sinceMs = nowMs
  rate.leftBefore = rate.sent - waiting
  const measured = Math.max(left, 1) / ms
  const isBehind = waiting >= backlogBytes
  const known = Number.isFinite(rate.bytesPerMs)
  // Not behind: it takes at least so much.
  if (!isBehind) rate.bytesPerMs = known ? Math.max(rate.bytesPerMs, measured) : rate.bytesPerMs
  else rate.bytesPerMs = known ? rate.bytesPerMs * (1 - weight) + measured * weight : measured
}

/** Frames that may wait in this process. */
export const inFlightBytes = ({ bytesPerMs }: LinkRate): number =>
  Number.isFinite(bytesPerMs)
    ? Math.min(Math.max(bytesPerMs * inFlightMs, inFlightBytesMin), inFlightBytesMax)
    : inFlightBytesAtFirst

/** What may go out in one piece. */
export const pieceBytes = ({ bytesPerMs }: LinkRate): number => bytesPerMs * pieceMs
