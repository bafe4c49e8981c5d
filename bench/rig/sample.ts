// A few measurements of one thing, and what is said of them: their median, and how far apart the
// least and the greatest are. Units are the caller's.

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

/** Greatest less least, in percent of the median. */
export function spreadPercent(values: readonly number[]): number {
  return (100 * (Math.max(...values) - Math.min(...values))) / median(values)
}
