// Nodes and VMs of which a scenario wants many: `count: 100` of `n` are n-1 to n-100, each as the
// one that is written. Pure.

import type { Scenario } from '../schema.ts'

interface Many {
  readonly id: string
  readonly count?: number | undefined
}

export const namesOfMany = ({ id, count }: Many): string[] =>
  count === undefined ? [id] : Array.from({ length: count }, (_, n) => `${id}-${n + 1}`)

const spread = <Part extends Many>(parts: readonly Part[]): Part[] =>
  parts.flatMap((part) => {
    const { count: _, ...one } = part
    return namesOfMany(part).map((id) => ({ ...one, id }) as Part)
  })

/** The scenario with each of them written out. */
export function writtenOut(scenario: Scenario): Scenario {
  const { cluster, vms } = scenario
  return { ...scenario, cluster: { ...cluster, nodes: spread(cluster.nodes) }, vms: spread(vms) }
}
