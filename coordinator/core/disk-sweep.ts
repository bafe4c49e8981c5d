// Layers of disks that nobody names any more are deleted: those of VMs, snapshots and clones that
// are gone. By what is still named, not by counting: nothing that was forgotten once stays for
// ever. A node is told which layers to keep, and below which number: whatever is made later has a
// higher one. Only when all is at rest: no copy, no doubt, and every node that has VMs has said so.
// And never by a coordinator whose memory is not all there was (its store was lost, or is an
// older one): disks of VMs that were stopped, of snapshots, and of nodes that are still to come
// have names that it has never heard.
// Not here: the files (node-agent/layer-sweep.ts). Times in monotonic ms.

import type { ClusterState, PendingCommand } from './cluster-state.ts'
import { isReachable, openCommand, type Step, sendTo, someNode } from './step-context.ts'

/** Soon, but once for many that go together. */
const sweepDelayMs = 1000
/** Agents before this do not know the order. */
const sweepingVersion = 2
/** And now and then: a copy that nobody wanted may have made one before it was told to go. */
const sweepEveryMs = 600_000
/** When something is under way, it is looked at again. */
const sweepRetryMs = 2000

/** Something has gone that may have had a disk. */
export function wantSweep(step: Step): void {
  const atMs = step.nowMs + sweepDelayMs
  step.state.sweepAtMs = Math.min(step.state.sweepAtMs, atMs)
}

/** It was not done, or not all of it: the node was lost, or still uses some. */
export function seeSweepEnd(step: Step, command: PendingCommand, isWhole: boolean): void {
  if (command.kind === 'sweep-layers' && !isWhole) wantSweep(step)
}

export function sweepLayers(step: Step): void {
  const { state, nowMs } = step
  if (nowMs < state.sweepAtMs) return
  if (state.meta.knowsNotAll) {
    state.sweepAtMs = nowMs + sweepEveryMs
    return
  }
  const node = someNode(state, sweepingVersion)
  if (!node || !isAtRest(state)) {
    state.sweepAtMs = nowMs + sweepRetryMs
    return
  }
  state.sweepAtMs = nowMs + sweepEveryMs
  const commandId = openCommand(step, {
    ...{ kind: 'sweep-layers', nodeId: node.id, migrationId: undefined },
    ...{ vmId: '' as never, epoch: 0 as never },
  })
  const { nextSerial: belowSerial } = state.meta
  sendTo(step, node, { t: 'sweep-layers', commandId, keep: layersNamed(state), belowSerial })
}

/** What every VM and snapshot needs; sorted, so that it is the same whoever asks. */
export function layersNamed(state: ClusterState): string[] {
  const named = new Set<string>()
  for (const { disk, merge } of state.vms.values()) {
    for (const layer of disk.layers) named.add(layer)
    // Until it has ended, whoever has the older word of the disk, or the newer one, is right.
    for (const layer of merge ? [...merge.layers, merge.into] : []) named.add(layer)
  }
  for (const { record } of state.snapshots.values())
    for (const layer of record?.disk.layers ?? []) named.add(layer)
  for (const { record } of state.templates.values())
    for (const layer of record.disk.layers) named.add(layer)
  return [...named].sort()
}

/** Layers that nobody names yet are made, or are read until all of them are. */
const usesLayers: readonly string[] = ['take-snapshot', 'import-template', 'export-template']

function isAtRest(state: ClusterState): boolean {
  const isCopying = state.openMigrations.size > 0
  const isDoubtful = [...state.vms.values()].some(({ live }) => live.isDiskInDoubt)
  const isTaken = [...state.commands.values()].some(({ kind }) => usesLayers.includes(kind))
  const isSilent = [...state.nodes.values()].some(
    (node) => node.live.vmIds.size > 0 && !isReachable(node),
  )
  return !isCopying && !isDoubtful && !isTaken && !isSilent
}
