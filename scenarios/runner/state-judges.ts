// Judges of what the coordinator's views show at one instant: eventually, always or never. Pure.
// Views come at most ten times a second: what is over between two of them is not seen here; for
// that there are judges that count (judges.ts).

import type { ClusterView } from '#proto/api.ts'
import type { ExpectationOf } from '../language/expectations.ts'
import { broken, held, type Judge, open, unseenAtTheEnd } from './finding.ts'

type StateExpectation = ExpectationOf<
  | ('vm-on' | 'vm-phase' | 'vms-running' | 'disk-layers')
  | ('node-phase' | 'node-load' | 'node-power')
>

/** When it has to be so. */
export type StateHold = StateExpectation['hold']

interface Look {
  readonly isSo: boolean
  /** What is there instead, or in fact. */
  readonly detail: string
}

export function stateJudge(item: StateExpectation): Judge {
  let seen: string | undefined
  return (evidence) => {
    if (evidence.kind === 'view') {
      const { isSo, detail } = look(item, evidence.view)
      seen = detail
      if (item.hold === 'eventually') return isSo ? held(detail) : open(detail)
      return isSo === (item.hold === 'never') ? broken(detail) : undefined
    }
    if (evidence.kind !== 'closing' || item.hold === 'eventually') return undefined
    if (evidence.closing.isBlind) return unseenAtTheEnd
    // A state that nobody has looked at is not known to have held.
    return seen === undefined ? broken('nothing was seen') : held(`at the end ${seen}`)
  }
}

function look(item: StateExpectation, view: ClusterView): Look {
  if (item.expect === 'vms-running') return lookAtAll(item, view)
  if (item.expect === 'disk-layers') return lookAtDisk(item, view)
  return item.expect === 'vm-on' || item.expect === 'vm-phase'
    ? lookAtVm(item, view)
    : lookAtNode(item, view)
}

function lookAtDisk(item: ExpectationOf<'disk-layers'>, { vms }: ClusterView): Look {
  const vm = vms.find(({ id }) => id === item.vm)
  if (vm === undefined) return { isSo: false, detail: 'there is no such VM' }
  const count = vm.disk.layers.length
  return { isSo: count <= item['at-most'], detail: `it has ${count}` }
}

function lookAtAll({ min, max }: ExpectationOf<'vms-running'>, { vms }: ClusterView): Look {
  const count = vms.filter(({ phase }) => phase === 'running' || phase === 'migrating').length
  return { isSo: count >= min && count <= (max ?? count), detail: `${count} run` }
}

function lookAtVm(item: ExpectationOf<'vm-on' | 'vm-phase'>, view: ClusterView): Look {
  const vm = view.vms.find((other) => other.id === item.vm)
  if (vm === undefined) return { isSo: false, detail: 'there is no such VM' }
  const detail = `it is ${vm.phase}${vm.nodeId === undefined ? '' : ` on ${vm.nodeId}`}`
  if (item.expect === 'vm-phase') return { isSo: [item.phase].flat().includes(vm.phase), detail }
  const runs = vm.phase === 'running' || vm.phase === 'migrating'
  return { isSo: runs && [item.node].flat().some((node) => node === vm.nodeId), detail }
}

function lookAtNode(
  item: ExpectationOf<'node-phase' | 'node-load' | 'node-power'>,
  view: ClusterView,
): Look {
  const node = view.nodes.find((other) => other.id === item.node)
  if (node === undefined) return { isSo: false, detail: 'there is no such node' }
  if (item.expect === 'node-phase')
    return { isSo: node.phase === item.phase, detail: `it is ${node.phase}` }
  if (item.expect === 'node-power') {
    const is = view.power.nodes.find(({ id }) => id === item.node)?.state ?? 'off'
    return { isSo: is === item.is, detail: `it is ${is}` }
  }
  const percent = Math.round(node.cpuDemandPercent)
  return { isSo: percent <= item['at-most'], detail: `they ask for ${percent} %` }
}
