// How good a distribution of VMs over nodes is: one weighted table, lower is better. Used by
// placement (where does a new VM do least harm) and by rebalancing (which move gains most). Pure
// numbers, no cluster in it: tests and experiments can feed it anything. Source of the shape:
// Ganeti's htools, which sum weighted deviations.

/** What a node offers and has to bear. Demand in percent of one of its own cores. */
export interface NodeBurden {
  readonly id: string
  readonly cores: number
  readonly mipsPerCore: number
  readonly memoryMib: number
  readonly demandPercent: number
  /** The same, counting no VM for less than its spec expects of it. */
  readonly expectedPercent: number
  readonly reservedMib: number
  /** How many are there, or on their way. */
  readonly vms: number
}

/** Demand over capacity: 1 = every core is wanted all the time; above it VMs wait. */
export const loadOf = (node: Pick<NodeBurden, 'demandPercent' | 'cores'>): number =>
  node.demandPercent / (node.cores * 100)
const memoryOf = (node: NodeBurden): number => node.reservedMib / node.memoryMib

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}

interface Criterion {
  readonly name: string
  readonly weight: number
  readonly of: (nodes: readonly NodeBurden[]) => number
}

/**
 * Above this load a node is hot: queues at a server grow steeply from about there (M/M/1:
 * 1/(1-load)).
 */
export const hotLoad = 0.9

export const criteria: readonly Criterion[] = [
  // VMs that wait for a core are what a person notices: it counts most.
  { name: 'overload', weight: 2, of: (n) => mean(n.map((x) => Math.max(0, loadOf(x) - hotLoad))) },
  { name: 'cpu-imbalance', weight: 1, of: (n) => deviation(n.map(loadOf)) },
  // Memory is reserved, not contended: it only decides between otherwise equal moves.
  { name: 'memory-imbalance', weight: 0.1, of: (n) => deviation(n.map(memoryOf)) },
]

export const scoreOf = (nodes: readonly NodeBurden[]): number =>
  criteria.reduce((sum, { weight, of }) => sum + weight * of(nodes), 0)

/** What an idle VM may seem to want by chance: the timer came late, a slice was long. */
const chancePercent = 5

/**
 * How much of a measured demand is believed. A VM that waits for its neighbours has got some share
 * itself; one that waits much longer than it ran waits for a machine that is busy with something
 * else than this node, and moving it would help nobody.
 */
export const credibleDemand = (demandPercent: number, gotPercent: number): number =>
  Math.min(demandPercent, 2 * gotPercent + chancePercent)

/**
 * Demand measured on one node, in percent of a core of another. Cores without a declared speed are
 * taken for equal.
 */
export function translateDemand(
  demandPercent: number,
  from: { readonly mipsPerCore: number },
  to: { readonly mipsPerCore: number },
): number {
  if (from.mipsPerCore === 0 || to.mipsPerCore === 0) return demandPercent
  return (demandPercent * from.mipsPerCore) / to.mipsPerCore
}
