// Who gets how much of a node's CPU when its VMs ask for more than there is: in proportion to their
// shares, and what one does not need the others have (weighted max-min fairness: Bertsekas and
// Gallager, Data Networks, §6.5.2). Pure. Percent of one core.

export interface Asking {
  readonly percent: number
  readonly shares: number
}

/** In the same order. */
export function shareOut(all: readonly Asking[], capacityPercent: number): number[] {
  const got = all.map(({ percent }) => percent)
  if (got.reduce((sum, percent) => sum + percent, 0) <= capacityPercent) return got
  // Whoever wants the least for a share is content first.
  const order = [...all.keys()].sort((a, b) => perShare(all, a) - perShare(all, b))
  let left = capacityPercent
  let shares = all.reduce((sum, one) => sum + one.shares, 0)
  for (const at of order) {
    const one = all[at] as Asking
    const part = Math.min(one.percent, (left * one.shares) / shares)
    got[at] = part
    left -= part
    shares -= one.shares
  }
  return got
}

const perShare = (all: readonly Asking[], at: number): number => {
  const { percent, shares } = all[at] as Asking
  return percent / shares
}
