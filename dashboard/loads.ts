// The loads of the cluster, a node or a VM as graphs: asked of the coordinator, which keeps the
// last half hour. Not here: what a graph is (loads-model.ts), how it is drawn (load-plot.ts), when
// it is asked for (parts/load-graphs.tsx).

import type { NodeView, VmView } from '#proto/api.ts'
import { ClusterLoadsView, NodeLoadsView, VmLoadsView } from '#proto/loads.ts'
import { countText, mibText, percentText } from '#proto/quantity.ts'
import { ask, isRefused } from './asking.ts'
import type { Graph, Loads } from './loads-model.ts'

type HasCpu = Pick<NodeLoadsView, 'cpuGotPercent' | 'cpuDemandPercent'>

const cpuOf = (loads: HasCpu): Graph => ({
  ...{ title: 'CPU', text: percentText },
  lines: [
    ['used', loads.cpuGotPercent],
    ['wanted', loads.cpuDemandPercent],
  ],
})

/** undefined: not now; that the coordinator is away stands elsewhere. */
export async function vmLoads({ id, spec }: VmView): Promise<Loads | undefined> {
  const answer = await ask(VmLoadsView, 'GET', `v1/vms/${id}/loads`)
  if (isRefused(answer)) return undefined
  const { wallMs, dirtyPagesPerSec, touchedMib } = answer.value
  const perSecond = (pages: number) => `${countText(pages)} pages/s`
  return {
    wallMs,
    graphs: [
      cpuOf(answer.value),
      { title: 'Dirty rate', lines: [['written', dirtyPagesPerSec]], text: perSecond },
      {
        ...{ title: 'Memory', lines: [['touched', touchedMib]], text: mibText },
        max: spec.memoryMib,
      },
    ],
  }
}

export async function nodeLoads({ id, capacity }: NodeView): Promise<Loads | undefined> {
  const answer = await ask(NodeLoadsView, 'GET', `v1/nodes/${id}/loads`)
  if (isRefused(answer)) return undefined
  const { wallMs, memoryReservedMib, watts } = answer.value
  return {
    wallMs,
    graphs: [
      cpuOf(answer.value),
      {
        ...{ title: 'Memory', lines: [['set aside', memoryReservedMib]], text: mibText },
        max: capacity.memoryMib,
      },
      { title: 'Power', lines: [['drawn', watts]], text: wattsText },
    ],
  }
}

const wattsText = (watts: number) => `${countText(watts)} W`

export async function clusterLoads(): Promise<Loads | undefined> {
  const answer = await ask(ClusterLoadsView, 'GET', 'v1/loads')
  if (isRefused(answer)) return undefined
  const { wallMs, memoryReservedMib, watts, wattsAwake, nodesOnline, vmsRunning } = answer.value
  const power: Graph['lines'] = [
    ['drawn', watts],
    ['if no node slept', wattsAwake],
  ]
  const counts: Graph['lines'] = [
    ['VMs running', vmsRunning],
    ['nodes online', nodesOnline],
  ]
  return {
    wallMs,
    graphs: [
      cpuOf(answer.value),
      { title: 'Memory', lines: [['set aside', memoryReservedMib]], text: mibText },
      { title: 'Power', lines: power, text: wattsText },
      { title: 'What runs', lines: counts, text: countText },
    ],
  }
}
