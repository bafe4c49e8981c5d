// The loads of a VM or a node as graphs: asked of the coordinator, which keeps the last half hour.
// Not here: what a graph is (loads-model.ts), how it is drawn (load-plot.ts), when it is asked for
// (parts/load-graphs.tsx).

import type { NodeView, VmView } from '#proto/api.ts'
import { NodeLoadsView, VmLoadsView } from '#proto/loads.ts'
import { countText, mibText, percentText } from '#proto/quantity.ts'
import { ask, isRefused } from './asking.ts'
import type { Graph, Loads } from './loads-model.ts'

const cpuOf = (loads: VmLoadsView | NodeLoadsView): Graph => ({
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
      { title: 'Power', lines: [['drawn', watts]], text: (each) => `${countText(each)} W` },
    ],
  }
}
