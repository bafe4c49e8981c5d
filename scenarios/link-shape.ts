// How slow, narrow and lossy one direction of a link is made on purpose, and what that means for
// what is sent over it. Pure: chance comes with the call. Links speak TCP: what is lost below is
// sent again, so that a loss is a delay, and many losses are a low rate; this is reckoned here, the
// same in the simulated world and in that of processes.
// Sources: RFC 5681 section 3.2 (fast retransmit wants three later segments), RFC 6298 (timeouts;
// Linux waits 200 ms at least), Mathis et al. 1997 (the rate that losses leave).
// Times in ms, sizes in bytes, losses as a share from 0 to 1.

import type { Random } from '#env/env.ts'

/** What is left out is as the world has it. */
export interface LinkShape {
  /** What a way takes. */
  readonly latencyMs?: number
  /** Each piece takes up to that much longer, by chance. */
  readonly jitterMs?: number
  /** All connections of the link share it. */
  readonly bytesPerMs?: number
  /** Of a hundred segments, so many shares of one are lost. */
  readonly lossShare?: number
}

/** An Ethernet frame without its headers. */
const segmentBytes = 1460
/** Too few later segments tell of the loss of one of the last ones: only the timeout does. */
const lastSegments = 3
const timeoutMsMin = 200
/** A timeout doubles each time; a connection that doubles more often is as good as cut. */
const doublingsMax = 6
/** Round trips are never shorter, whatever the links: an end takes so long to answer. */
const roundTripMsMin = 0.4

const roundTripMs = ({ latencyMs = 0, jitterMs = 0 }: LinkShape): number =>
  Math.max(roundTripMsMin, 2 * latencyMs + jitterMs)

/** Bytes a ms that get through at most. */
export function rateOf(shape: LinkShape): number {
  const { bytesPerMs = Number.POSITIVE_INFINITY, lossShare = 0 } = shape
  if (lossShare === 0) return bytesPerMs
  const afterLosses = (segmentBytes / roundTripMs(shape)) * Math.sqrt(1.5 / lossShare)
  return Math.min(bytesPerMs, afterLosses)
}

/** How long a piece of so many bytes is on its way, its sending not counted. */
export function wayMs(shape: LinkShape, bytes: number, random: Random): number {
  const { latencyMs = 0, jitterMs = 0 } = shape
  const chanceMs = jitterMs > 0 ? jitterMs * random.float() : 0
  return latencyMs + chanceMs + resentMs(shape, bytes, random)
}

/** What losses cost it besides. */
function resentMs(shape: LinkShape, bytes: number, random: Random): number {
  const { lossShare = 0 } = shape
  if (lossShare === 0) return 0
  const segments = Math.max(1, Math.ceil(bytes / segmentBytes))
  const isLost = (count: number) => random.float() < 1 - (1 - lossShare) ** count
  const tail = Math.min(segments, lastSegments)
  if (!isLost(tail)) return segments > tail && isLost(segments - tail) ? roundTripMs(shape) : 0
  let timeoutMs = Math.max(timeoutMsMin, 2 * roundTripMs(shape))
  let costMs = timeoutMs
  for (let n = 0; n < doublingsMax && isLost(1); n++) {
    timeoutMs *= 2
    costMs += timeoutMs
  }
  return costMs
}
