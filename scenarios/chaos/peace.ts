// Peace after a deed: every node that was online is online again, and every VM that ran runs. What
// people did meanwhile (stopped, paused, removed a VM) is their right. Pure.

import type { ClusterView } from '#proto/api.ts'

/** What is not yet as it was, in words; undefined: there is peace. */
export function unrest(before: ClusterView, now: ClusterView): string | undefined {
  const away = before.nodes.find(({ id, phase }) => {
    const shown = now.nodes.find((node) => node.id === id)
    return phase === 'online' && shown !== undefined && !settledNodes.has(shown.phase)
  })
  if (away) return `node ${away.id} is not online`
  for (const { id, phase } of before.vms) {
    const shown = now.vms.find((vm) => vm.id === id)
    if (phase === 'running' && shown && !settledVms.has(shown.phase))
      return `${id} is ${shown.phase}`
  }
  return undefined
}

const settledNodes: ReadonlySet<string> = new Set(['online', 'maintenance'])
/** `migrating`: it runs, and the cluster moves it. */
const settledVms: ReadonlySet<string> = new Set([
  ...['running', 'migrating', 'paused', 'stopping', 'stopped'],
])
