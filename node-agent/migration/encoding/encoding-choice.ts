// Which encoding a batch of pages gets: the one that is expected to be over first, from what the
// link was measured to carry and what each encoding cost and saved of this VM's pages so far. Pure.
// Compressing and sending are counted one after the other: the cores are the guests' too.
// Not here: the encoding itself (page-encoder.ts), the measuring of the link (link-rate.ts).
// Bytes and ms. Source of delta pages: Svärd et al., "Evaluation of Delta Compression Techniques
// for Efficient Live Migration of Large Virtual Machines", VEE 2011.

export type Packing = 'zstd' | 'delta'

/** What an encoding did to the pages of this VM. */
export interface PackingSeen {
  /** Bytes that went in per ms. */
  bytesPerMs: number
  /** Bytes out per byte in. */
  ratio: number
  /** Batches since it was last tried. */
  untried: number
}

export interface EncodingChoice {
  readonly zstd: PackingSeen
  readonly delta: PackingSeen
}

/** As found on a 2-core server: text-like pages, and pages of which a few words have changed. */
export const newEncodingChoice = (): EncodingChoice => ({
  zstd: { bytesPerMs: 300_000, ratio: 0.5, untried: Number.POSITIVE_INFINITY },
  delta: { bytesPerMs: 700_000, ratio: 0.05, untried: Number.POSITIVE_INFINITY },
})

/** A thread of the pool has to be woken. */
const overheadMs = 0.2
/** So often an encoding that lost is tried again: pages change. */
const retryBatches = 32
/**
 * A faster link is waited for no more than the processors at its ends, which have a guest to run
 * besides: there, packing made downtimes twice as long.
 */
export const fastLinkBytesPerMs = 200_000
/** Packing must be so much better: what is expected is no more than that. */
const advantage = 0.9
/** Fewer tell nothing of what an encoding costs. */
const tellingBytes = 64 << 10
/** The latest batch counts so much. */
const weight = 0.25

/** @param linkBytesPerMs Infinity: never seen to be the bottleneck. */
export function isWorth(
  choice: EncodingChoice,
  packing: Packing,
  bytes: number,
  linkBytesPerMs: number,
): boolean {
  if (linkBytesPerMs >= fastLinkBytesPerMs) return false
  const seen = choice[packing]
  const packedMs = overheadMs + bytes / seen.bytesPerMs + (bytes * seen.ratio) / linkBytesPerMs
  if (packedMs < (advantage * bytes) / linkBytesPerMs) return true
  seen.untried += 1
  return seen.untried > retryBatches && bytes >= tellingBytes
}

/** What a batch cost and saved. */
export function learn(
  choice: EncodingChoice,
  packing: Packing,
  { bytesIn, bytesOut, ms }: { bytesIn: number; bytesOut: number; ms: number },
): void {
  const seen = choice[packing]
  const isFirst = seen.untried === Number.POSITIVE_INFINITY
  const share = isFirst ? 1 : weight
  seen.bytesPerMs += share * (bytesIn / Math.max(ms - overheadMs, 0.05) - seen.bytesPerMs)
  seen.ratio += share * (bytesOut / bytesIn - seen.ratio)
  seen.untried = 0
}
