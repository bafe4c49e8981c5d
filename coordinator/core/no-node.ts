// Why a VM has no node: the faults that placement answers with, each with what mends it. Not here:
// what stands against one node, and which of them all is told (placement.ts).

import { type Fault, fault } from '#proto/faults.ts'
import type { Wish } from './burdens.ts'
import type { Node } from './cluster-state.ts'
import type { Where } from './placement.ts'

export const againstRules = (seen: readonly { node: Node; text: string }[]): Fault => {
  const texts = seen.map(({ node, text }) => `${node.id}: ${text}`)
  return fault('against-rule', `no node may take it (${texts.join('; ')})`)
}

export const inMaintenance = ({ id }: Node): Fault =>
  fault(
    'no-node',
    `${id} is in maintenance: \`godwit node return ${id}\` first, or name another node`,
  )

export const inStandby = (nodes: readonly Node[]): Fault => {
  const names = nodes.map(({ id }) => id).join(', ')
  return fault(
    'no-node',
    `all that could take it sleep: \`godwit power wake ${nodes[0]?.id}\` (${names})`,
  )
}

export const allInMaintenance = (nodes: readonly Node[]): Fault => {
  const names = nodes.map(({ id }) => id).join(', ')
  return fault(
    'no-node',
    `all that could take it are in maintenance: \`godwit node return ${nodes[0]?.id}\` (${names})`,
  )
}

export function noNode({ only, but }: Pick<Where, 'only' | 'but'>): Fault {
  if (only !== undefined)
    return fault('no-node', `${only} is not online: bring it back, or name another node`)
  if (but?.size) return fault('no-node', 'no other node can take it: bring one back, or add one')
  return fault('no-node', 'no node is online: bring one back, or start one (`godwit up`: three)')
}

export function noRoom(wish: Wish, nodes: readonly Node[]): Fault {
  const names = nodes.map((node) => node.id).join(', ')
  return fault(
    'no-room',
    `${wish.memoryMib} MiB and ${wish.demandPercent} % of a core fit on none of ${names}: ` +
      'stop something, or add a node',
  )
}
