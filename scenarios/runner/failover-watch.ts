// Follows each node that was broken on purpose: when the coordinator noticed, when it fenced, when
// each VM ran again. A node that is broken once more before it is back is broken as long as before;
// a VM belongs to the last loss that it was there for. Pure: views in, records out. Times in ms of
// the run.

import type { ClusterView, VmView } from '#proto/api.ts'
import type { FailoverRecord, RecoveryRecord } from '../report/recording.ts'

interface Watched {
  readonly nodeId: string
  readonly cause: FailoverRecord['cause']
  readonly brokenAtMs: number
  /** The VMs that were there and may be restarted, with their recoveries so far. */
  readonly recoveriesBefore: Map<string, number>
  /** The VMs that ran again, with their recoveries then. */
  readonly recoveriesThen: Map<string, number>
  readonly recoveries: RecoveryRecord[]
  detectedAtMs?: number
  fencedAtMs?: number
  /** The node came back, or was broken anew: what it is from then on says nothing of this. */
  isOver: boolean
}

export class FailoverWatch {
  readonly #watched: Watched[] = []

  /** From now on the node is broken; `view` is the last one from before. */
  broken(nodeId: string, cause: FailoverRecord['cause'], nowMs: number, view: ClusterView): void {
    const before = this.#watched.findLast((one) => one.nodeId === nodeId && !one.isOver)
    if (before?.detectedAtMs !== undefined) return
    // The device ends what is broken already.
    if (before && cause === 'fenced') return
    if (before) before.isOver = true
    const there = view.vms.filter((vm) => vm.nodeId === nodeId && vm.spec.ha)
    for (const { recoveriesBefore } of this.#watched)
      for (const { id } of there) recoveriesBefore.delete(id)
    this.#watched.push({
      nodeId,
      cause,
      brokenAtMs: nowMs,
      recoveriesBefore: new Map(there.map((vm) => [vm.id, vm.recoveries])),
      recoveriesThen: new Map(),
      recoveries: [],
      isOver: false,
    })
  }

  onView(view: ClusterView, nowMs: number): void {
    for (const watched of this.#watched) follow(watched, view, nowMs)
  }

  /** How often each VM had been brought back when its node was broken last. */
  get recoveriesBefore(): ReadonlyMap<string, number> {
    return new Map(this.#watched.flatMap(({ recoveriesBefore }) => [...recoveriesBefore]))
  }

  /** Nodes that came back before they were fenced, and before anything ran elsewhere, are none. */
  get records(): FailoverRecord[] {
    return this.#watched
      .filter(({ fencedAtMs, recoveries }) => fencedAtMs !== undefined || recoveries.length > 0)
      .map(({ recoveriesBefore: _, recoveriesThen: __, isOver: ___, ...record }) => record)
  }
}

function follow(watched: Watched, view: ClusterView, nowMs: number): void {
  if (!watched.isOver) followNode(watched, view, nowMs)
  for (const vm of view.vms) {
    const to = recoveredTo(watched, vm)
    if (to !== undefined) {
      watched.recoveries.push({ vmId: vm.id, to, runningAtMs: nowMs })
      watched.recoveriesThen.set(vm.id, vm.recoveries)
    }
    // What it went on from is told a little later than that it runs.
    if (!vm.wentOnFrom || watched.recoveriesThen.get(vm.id) !== vm.recoveries) continue
    const recovery = watched.recoveries.find(({ vmId }) => vmId === vm.id)
    if (recovery) recovery.rpoMs ??= vm.wentOnFrom.lostMs
  }
}

function followNode(watched: Watched, view: ClusterView, nowMs: number): void {
  const phase = view.nodes.find((node) => node.id === watched.nodeId)?.phase
  if (phase === undefined) return
  if (phase === 'online') watched.isOver = watched.detectedAtMs !== undefined
  else watched.detectedAtMs ??= nowMs
  if (phase === 'fenced') watched.fencedAtMs ??= nowMs
}

/** Where the VM runs again, if it does and that is news. */
function recoveredTo(watched: Watched, vm: VmView): string | undefined {
  const before = watched.recoveriesBefore.get(vm.id)
  if (before === undefined || vm.recoveries <= before || vm.phase !== 'running') return undefined
  return watched.recoveriesThen.has(vm.id) ? undefined : vm.nodeId
}
