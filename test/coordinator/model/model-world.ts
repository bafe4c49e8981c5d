// What a model agent finds around it: time, the others, and the disks that all of them share. Not
// here: who makes it so (model-cluster.ts). Virtual ms.

import type { NodeId, VmId } from '#proto/ids.ts'
import type { AgentMessage } from '#proto/messages.ts'
import type { ModelAgent } from './model-agent.ts'
import type { PeerMessage } from './model-held.ts'

export interface ModelWorld {
  nowMs(): number
  toCoordinator(agent: ModelAgent, message: AgentMessage): void
  /** Lost when the two cannot reach each other; then both hear `peerLost`. */
  toPeer(agent: ModelAgent, peer: NodeId, message: PeerMessage): void
  later(agent: ModelAgent, ms: number, fn: () => void): void
  readonly disks: Map<VmId, number>
}
