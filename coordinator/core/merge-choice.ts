// Which layers of a disk are merged next. Pure.
//
// The rule is that of log-structured storage (O'Neil et al., "The Log-Structured Merge-Tree", Acta
// Informatica 33, 1996): like is merged with like. A layer weighs as much as the layers that it was
// made of, one each; what a merge costs is what it writes, which is the weight of what it merges;
// what it brings is that there are so many layers less. Of all stretches of adjacent layers that
// are long enough the one is taken that costs least for what it brings, and of equal ones the
// youngest. So a layer is written again only together with others that weigh about as much: of n
// layers each is written some log n times (test/coordinator/core/merge-choice.test.ts counts).
//
// A layer that somebody else names stays when it has been merged, and takes its room twice: it
// weighs more. One that is shared with another VM or a template most of all, because what is
// shared is read, and kept in memory, once for all who share it.

export interface LayerToWeigh {
  readonly name: string
  /** How many layers it was made of; one that nobody has merged is 1. */
  readonly weight: number
  /** Besides the VM's disk as it is: by snapshots of it, or by other VMs and templates. */
  readonly namedBy: 'nobody' | 'snapshots' | 'others'
}

const times: Record<LayerToWeigh['namedBy'], number> = { nobody: 1, snapshots: 2, others: 8 }

/** @param layers sealed ones, the oldest first. @param least how many are merged at least. */
export function chooseMerge(layers: readonly LayerToWeigh[], least: number): readonly string[] {
  const costs = layers.map(({ weight, namedBy }) => weight * times[namedBy])
  let best = { price: Number.POSITIVE_INFINITY, from: 0, to: 0 }
  for (let from = 0; from + least <= layers.length; from++) {
    let cost = 0
    for (let to = from; to < layers.length; to++) {
      cost += costs[to] ?? 0
      const count = to + 1 - from
      const price = count < least ? Number.POSITIVE_INFINITY : cost / (count - 1)
      if (price <= best.price && count >= least) best = { price, from, to: to + 1 }
    }
  }
  return layers.slice(best.from, best.to).map(({ name }) => name)
}
