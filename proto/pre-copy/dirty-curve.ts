// The dirty-page curve of a VM: how many different pages it writes within so long. It rises steeply
// while the guest goes through its working set, and flattens when it comes round again: that is
// what decides whether pre-copy converges. Pure. Pages of 4,096 bytes, ms.
// Source: Clark et al., NSDI 2005, §4 (the writable working set).
// Not here: the measuring (node-agent/dirty-meter.ts).

export interface CurvePoint {
  readonly ms: number
  readonly pages: number
}

/**
 * Different pages written within `ms`, by straight lines through the points in order of ms; from
 * zero to the first, and beyond the last as it rose before it.
 */
export function pagesWithin(curve: readonly CurvePoint[], ms: number): number {
  let before: CurvePoint = { ms: 0, pages: 0 }
  let slope = 0
  for (const point of curve) {
    if (point.ms <= before.ms) continue
    slope = Math.max(0, point.pages - before.pages) / (point.ms - before.ms)
    if (ms <= point.ms) break
    before = { ms: point.ms, pages: Math.max(point.pages, before.pages) }
  }
  return Math.round(before.pages + slope * (ms - before.ms))
}
