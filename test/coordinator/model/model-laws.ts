// What may never be among model agents, whatever the coordinator believes. Not here: what the
// coordinator's own books must be (invariants of the core, and what a test adds).

import type { NodeId, VmId } from '#proto/ids.ts'
import type { ModelAgent } from './model-agent.ts'

/** At most one copy executes, and never one whose memory its disk has overtaken. */
export function assertOneCopy(
  agents: Iterable<ModelAgent>,
  disks: ReadonlyMap<VmId, number>,
): void {
  const runners = new Map<VmId, NodeId>()
  for (const agent of agents) {
    for (const held of agent.held.values()) {
      if (!agent.executes(held)) continue
      const other = runners.get(held.vmId)
      if (other) throw new Error(`${held.vmId} is executed by ${other} and ${agent.id}`)
      runners.set(held.vmId, agent.id)
      const hasDisk = held.order.disk.layers.length > 0
      const disk = disks.get(held.vmId) ?? 0
      if (hasDisk && held.memory < disk)
        throw new Error(`${held.vmId} on ${agent.id}: memory ${held.memory}, disk ${disk}`)
    }
  }
}

/** VM → who executes it. */
export function runnersAt(agents: Iterable<ModelAgent>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const agent of agents)
    for (const held of agent.held.values()) if (agent.executes(held)) found[held.vmId] = agent.id
  return found
}
