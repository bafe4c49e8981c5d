// What is said so that the nodes' switches become one network: who there is, and that a link is to
// be a trunk. Not here: the frames (ethernet-batch.ts), the other messages (messages.ts, which
// names these among those that a link may carry).

import { z } from 'zod'
import { address, nodeId, onVm } from './message-parts.ts'
import { VmSpec } from './vm-spec.ts'

export const Neighbour = z.strictObject({ nodeId, address })
export type Neighbour = z.infer<typeof Neighbour>

/**
 * Coordinator → agent: all nodes of the cluster, the agent's own among them. Sent to each agent
 * that joins, and to all when a node comes, goes, or is found elsewhere.
 */
export const Neighbours = z.strictObject({
  t: z.literal('neighbours'),
  nodes: z.array(Neighbour).max(10_000),
})
export type Neighbours = z.infer<typeof Neighbours>

/** Coordinator → agent: from now on the VM hears the VMs of that network, and no others. */
export const SetNetwork = z.strictObject({
  t: z.literal('set-network'),
  ...onVm,
  network: VmSpec.shape.network.unwrap(),
})
export type SetNetwork = z.infer<typeof SetNetwork>

/**
 * Agent → agent, behind the hello: this link carries Ethernet frames from now on, both ways, and
 * nothing else.
 */
export const TrunkRequest = z.strictObject({ t: z.literal('trunk') })
export type TrunkRequest = z.infer<typeof TrunkRequest>
