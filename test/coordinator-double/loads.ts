// The last half hour of a VM, a node or the cluster of the coordinator double: waves, with a gap
// where nobody told anything. The same at each call.

import type { ClusterLoadsView, NodeLoadsView, VmLoadsView } from '#proto/loads.ts'

const everyMs = 4000
const kept = 450
const gap = { from: 200, to: 210 }

const wave = (base: number, swing: number, period: number): (number | null)[] =>
  Array.from({ length: kept }, (_, at) =>
    at >= gap.from && at < gap.to
      ? null
      : Math.round(10 * (base + swing * Math.sin((2 * Math.PI * at) / period))) / 10,
  )

/** @param endMs of the newest mean */
const shape = (endMs: number) => ({
  everyMs,
  wallMs: Array.from({ length: kept }, (_, at) => endMs - (kept - 1 - at) * everyMs),
})

export const vmLoads = (endMs: number): VmLoadsView => ({
  ...shape(endMs),
  cpuGotPercent: wave(40, 30, 90),
  cpuDemandPercent: wave(60, 40, 90),
  dirtyPagesPerSec: wave(2000, 1500, 60),
  touchedMib: wave(90, 20, 400),
})

export const nodeLoads = (endMs: number): NodeLoadsView => ({
  ...shape(endMs),
  cpuGotPercent: wave(90, 60, 120),
  cpuDemandPercent: wave(120, 80, 120),
  memoryReservedMib: wave(768, 0, 1),
  watts: wave(140, 40, 120),
})

export const clusterLoads = (endMs: number): ClusterLoadsView => ({
  ...nodeLoads(endMs),
  wattsAwake: wave(260, 40, 120),
  nodesOnline: wave(3, 0, 1),
  vmsRunning: wave(9, 2, 300).map((count) => (count === null ? null : Math.round(count))),
})
