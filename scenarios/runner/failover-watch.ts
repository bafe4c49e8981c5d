// Follows each node that was broken on purpose: when the coordinator noticed, when it fenced, when
// each VM ran again. Pure: views in, records out. Times in ms of the run.

import type { ClusterView, VmView } from '#proto/api.ts'
import type { FailoverRecord, RecoveryRecord } from '../report/recording.ts'

interface Watched {
  readonly nodeId: string
  readonly cause: FailoverRecord['cause']
  readonly brokenAtMs: number
  /** The VMs that were there and may be restarted, with their recoveries so far. */
  readonly recoveriesBefore: ReadonlyMap<string, number>
  readonly recoveries: RecoveryRecord[]
  detectedAtMs?: number
  fencedAtMs?: number
}

export class FailoverWatch {
  readonly #watched: Watched[] = []

  /** From now on the node is broken; `view` is the last one from before. */
  broken(nodeId: string, cause: FailoverRecord['cause'], nowMs: number, view: ClusterView): void {
    const there = view.vms.filter((vm) => vm.nodeId === nodeId && vm.spec.ha)
    this.#watched.push({
      nodeId,
      cause,
      brokenAtMs: nowMs,
      recoveriesBefore: new Map(there.map((vm) => [vm.id, vm.recoveries])),
      recoveries: [],
    })
  }

  onView(view: ClusterView, nowMs: number): void {
    for (const watched of this.#watched) follow(watched, view, nowMs)
  }

  /** Nodes that came back before they were fenced, and before anything ran elsewhere, are none. */
  get records(): FailoverRecord[] {
    return this.#watched
      .filter(({ fencedAtMs, recoveries }) => fencedAtMs !== undefined || recoveries.length > 0)
      .map(({ recoveriesBefore: _, ...record }) => record)
  }
}

function follow(watched: Watched, view: ClusterView, nowMs: number): void {
  const phase = view.nodes.find((node) => node.id === watched.nodeId)?.phase
  if (phase !== undefined && phase !== 'online') watched.detectedAtMs ??= nowMs
  if (phase === 'fenced') watched.fencedAtMs ??= nowMs
  for (const vm of view.vms) {
    const to = recoveredTo(watched, vm)
    if (to !== undefined) watched.recoveries.push({ vmId: vm.id, to, runningAtMs: nowMs })
    // What it went on from is told a little later than that it runs.
    const recovery = watched.recoveries.find(({ vmId }) => vmId === vm.id)
    if (recovery && vm.wentOnFrom) recovery.rpoMs ??= vm.wentOnFrom.lostMs
  }
}

/** Where the VM runs again, if it does and that is news. */
function recoveredTo(watched: Watched, vm: VmView): string | undefined {
  const before = watched.recoveriesBefore.get(vm.id)
  if (before === undefined || vm.recoveries <= before || vm.phase !== 'running') return undefined
  const known = watched.recoveries.some((recovery) => recovery.vmId === vm.id)
  return known ? undefined : vm.nodeId
}
