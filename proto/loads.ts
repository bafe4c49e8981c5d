// How loads went over the last half hour: means over a few seconds each, as the API tells them.
// Part of the API's schemas (api.ts). Not here: what an agent measures of a VM now
// (message-parts.ts), what is kept for longer (Prometheus: docs/monitoring.md).

import { z } from 'zod'

/** One for each of `wallMs`; null: nobody has told any then. */
const means = z.array(z.number().nullable())

const shape = {
  /** Each mean is over so long. */
  everyMs: z.number(),
  /** When each ended. A coordinator that starts knows of nothing before. */
  wallMs: z.array(z.number()),
}

export const VmLoadsView = z.strictObject({
  ...shape,
  /** Percent of one core of its node, as in VmLoad. */
  cpuGotPercent: means,
  cpuDemandPercent: means,
  dirtyPagesPerSec: means,
  touchedMib: means,
})
export type VmLoadsView = z.infer<typeof VmLoadsView>

export const NodeLoadsView = z.strictObject({
  ...shape,
  cpuGotPercent: means,
  cpuDemandPercent: means,
  memoryReservedMib: means,
  watts: means,
})
export type NodeLoadsView = z.infer<typeof NodeLoadsView>

/** Of all nodes together. */
export const ClusterLoadsView = NodeLoadsView.extend({
  /** If no node slept. */
  wattsAwake: means,
  nodesOnline: means,
  vmsRunning: means,
})
export type ClusterLoadsView = z.infer<typeof ClusterLoadsView>
