// Which layers of a disk are merged next. Pure.
//
// The rule is that of log-structured storage (O'Neil et al., "The Log-Structured Merge-Tree", Acta
// Informatica 33, 1996): like is merged with like. A layer weighs as much as the layers that it was
// made of, one each. What a merge writes is the weight of what it merges; what it brings is that
// there are so many layers less. Of all stretches of adjacent layers that may be merged the one is
// taken that writes least for what it brings, and of equal ones the youngest.
//
// It may be merged if no layer of it weighs more than half of the whole. So a block comes, each
// time it is written again, into a layer at least twice as heavy: of n layers each is written
// log2(n) times at most. Long stretches come first, so that there are few merges; then shorter
// ones; and only where each layer outweighs all that is beside it, whatever is cheapest. The test
// counts over a long life (test/coordinator/core/merge-choice.test.ts).
//
// A layer that somebody else names stays when it has been merged, and takes its room twice: it
// costs more. One that is shared with another VM or a template is left alone as long as there are
// enough others: what is shared is read, and kept in memory, once for all who share it; and what is
// in a template's may be a whole system, of which nobody knows here how much it weighs.

export interface LayerToWeigh {
  readonly name: string
  /** How many layers it was made of; one that nobody has merged is 1. */
  readonly weight: number
  /** Besides the VM's disk as it is: by snapshots of it, or by other VMs and templates. */
  readonly namedBy: 'nobody' | 'snapshots' | 'others'
}

interface Stretch {
  readonly from: number
  readonly to: number
  readonly price: number
  readonly isBalanced: boolean
  readonly isShared: boolean
}

const times: Record<LayerToWeigh['namedBy'], number> = { nobody: 1, snapshots: 2, others: 8 }

/**
 * @param layers sealed ones, the oldest first.
 * @param many so many are a long stretch.
 * @returns names of at least two; none: there are not so many.
 */
export function chooseMerge(layers: readonly LayerToWeigh[], many: number): readonly string[] {
  const all = stretches(layers)
  const own = all.filter(({ isShared }) => !isShared)
  const ownLayers = layers.filter(({ namedBy }) => namedBy !== 'others').length
  const best =
    likeWithLike(own, many) ??
    (ownLayers >= many ? cheapest(own) : undefined) ??
    likeWithLike(all, many) ??
    cheapest(all)
  return best ? layers.slice(best.from, best.to).map(({ name }) => name) : []
}

function likeWithLike(from: readonly Stretch[], many: number): Stretch | undefined {
  const balanced = from.filter(({ isBalanced }) => isBalanced)
  return cheapest(balanced.filter(({ from, to }) => to - from >= many)) ?? cheapest(balanced)
}

function stretches(layers: readonly LayerToWeigh[]): Stretch[] {
  const found: Stretch[] = []
  for (let from = 0; from < layers.length; from++) {
    let [cost, weight, heaviest, isShared] = [0, 0, 0, false]
    for (const [n, one] of layers.slice(from).entries()) {
      cost += one.weight * times[one.namedBy]
      weight += one.weight
      heaviest = Math.max(heaviest, one.weight)
      isShared ||= one.namedBy === 'others'
      const isBalanced = 2 * heaviest <= weight
      if (n > 0) found.push({ from, to: from + n + 1, price: cost / n, isBalanced, isShared })
    }
  }
  return found
}

function cheapest(from: readonly Stretch[]): Stretch | undefined {
  let best: Stretch | undefined
  for (const one of from) if (best === undefined || one.price <= best.price) best = one
  return best
}
