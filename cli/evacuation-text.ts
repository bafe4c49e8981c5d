// The evacuation of a node as a person follows it: one line while it lasts, and what came of it.
// Pure. Not here: the watching (commands/node.ts).

import type { NodeView } from '#proto/api.ts'
import { bar, msText } from '#proto/quantity.ts'
import { rangeText } from './forecast-text.ts'

const barWidth = 24

/** `n1  ██████░░  18 of 24 VMs have left, 1 moving, 3.4 s to go, 2 s to 6 s`. */
export function evacuationLine({ id, evacuation }: NodeView): string {
  if (!evacuation) return `${id} is not in maintenance`
  const { total, left, moving, stuck, etaMs } = evacuation
  const gone = Math.max(0, total - left)
  const parts = [`${gone} of ${total} VMs have left`, `${moving} moving`]
  if (stuck.length > 0) parts.push(`${stuck.length} stuck`)
  parts.push(`to go: ${rangeText(etaMs, msText)}`)
  return `${id}  ${bar(total > 0 ? gone / total : 1, barWidth)}  ${parts.join(', ')}`
}

export function evacuationOutcome({ id, evacuation }: NodeView): string[] {
  if (!evacuation) return [`${id} is back in service`]
  const { total, left, stuck, forMs } = evacuation
  if (left === 0) return [`${id} is empty after ${msText(forMs)}: it can be switched off`]
  return [
    `${id}: ${total - left} of ${total} VMs have left in ${msText(forMs)}; these stay:`,
    ...stuck.map(({ vmId, why }) => `  ${vmId}: ${why}`),
  ]
}
