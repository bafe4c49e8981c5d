// The statistics that the detectors of overload stand on: median, median absolute deviation,
// interquartile range, and a straight line through the last samples, plain or as Loess weighs them
// (Cleveland 1979; Beloglazov and Buyya 2012, sections 4.1 to 4.4). Pure. Samples are uses of a
// node, 0 to 1; oldest first where the order matters.

/** Of an even number of samples: half-way between the two in the middle. */
export function median(samples: ArrayLike<number>): number {
  const sorted = Float64Array.from(samples).sort()
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

export function medianAbsoluteDeviation(samples: ArrayLike<number>): number {
  const middle = median(samples)
  return median(Float64Array.from(samples, (sample) => Math.abs(sample - middle)))
}

/** Third quartile less the first; quartiles are the samples nearest to (n + 1)/4 and 3(n + 1)/4. */
export function interquartileRange(samples: ArrayLike<number>): number {
  const sorted = Float64Array.from(samples).sort()
  const at = (part: number) => sorted[Math.round(part * (sorted.length + 1)) - 1] as number
  return at(0.75) - at(0.25)
}

export interface Line {
  /** At x = 0. */
  readonly start: number
  readonly slope: number
}

/** Least squares of y over x = 1, 2, …; each sample counts as much as its weight. */
export function lineThrough(y: readonly number[], weights?: readonly number[]): Line {
  let [all, sumX, sumY] = [0, 0, 0]
  for (const [i, value] of y.entries()) {
    const weight = weights?.[i] ?? 1
    all += weight
    sumX += weight * (i + 1)
    sumY += weight * value
  }
  const [meanX, meanY] = [sumX / all, sumY / all]
  let [xx, xy] = [0, 0]
  for (const [i, value] of y.entries()) {
    const weight = weights?.[i] ?? 1
    xx += weight * (i + 1 - meanX) ** 2
    xy += weight * (i + 1 - meanX) * (value - meanY)
  }
  const slope = xx === 0 ? 0 : xy / xx
  return { start: meanY - slope * meanX, slope }
}

/**
 * (1 − (distance from the newest / the farthest distance)³)³: the newest weighs 1, the oldest 0.
 */
export const tricubeWeights = (samples: number): number[] =>
  Array.from({ length: samples }, (_, i) => {
    const distance = (samples - 1 - i) / (samples - 1)
    return (1 - distance ** 3) ** 3
  })

/** (1 − (residual / 6 · median |residual|)²)², or 0 beyond that: outliers weigh little. */
export function bisquareWeights(residuals: readonly number[]): number[] {
  const span = 6 * median(residuals.map(Math.abs))
  if (span === 0) return residuals.map((residual) => (residual === 0 ? 1 : 0))
  return residuals.map((residual) => {
    const part = residual / span
    return Math.abs(part) < 1 ? (1 - part ** 2) ** 2 : 0
  })
}

export const loess = (y: readonly number[]): Line => lineThrough(y, tricubeWeights(y.length))

/** Once more, with what the first line left unexplained. */
export function robustLoess(y: readonly number[]): Line {
  const tricube = tricubeWeights(y.length)
  const first = lineThrough(y, tricube)
  const residuals = y.map((value, i) => value - (first.start + first.slope * (i + 1)))
  const weights = bisquareWeights(residuals).map((weight, i) => weight * (tricube[i] as number))
  const counted = weights.filter((weight) => weight > 0).length
  return counted < 2 ? first : lineThrough(y, weights)
}
