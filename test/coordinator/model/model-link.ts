// A link of the model cluster, between one agent and the coordinator. Not here: how it carries
// messages, and when it is cut (model-cluster.ts). Virtual ms.

import type { LinkId } from '#coordinator/core/cluster-state.ts'
import type { ModelAgent } from './model-agent.ts'

/**
 * One agent's connection to the coordinator. Messages that are on their way when it is cut are
 * lost.
 */
export interface ModelLink {
  readonly linkId: LinkId
  readonly agent: ModelAgent
  isOpen: boolean
  /** The agent has seen it close: nothing more is read from it. */
  isEnded: boolean
  upAtMs: number
  downAtMs: number
}
