// What nodes have to bear and VMs ask for, as placement, rebalancing and admission control count
// it: memory by the specs, of VMs there and of copies on their way; CPU as measured, or as expected
// where nothing was measured yet. Not here: which node is chosen (placement.ts).
// MiB, percent of one core.

import type { NodeId, VmId } from '#proto/ids.ts'
import type { VmSpec } from '#proto/vm-spec.ts'
import type { ClusterState, Node, Vm } from './cluster-state.ts'
import { nodesOf } from './ha/rules.ts'
import { cpuOvercommitMax, flapsMax } from './limits.ts'
import { loadOf, type NodeBurden } from './load-score.ts'

/** What a VM asks of a core: measured if it runs, as its spec expects until then. */
export const demandOf = (vm: Vm): number =>
  vm.live.demandPercent ?? Math.min(vm.spec.cpuExpectedPercent, vm.spec.cpuCapPercent)

/** What it may ask for at any time: a VM that is idle now is not for ever. */
const expectedOf = (vm: Vm): number => Math.max(demandOf(vm), wishOf(vm.spec).demandPercent)

/** The VMs that are on a node or on their way to it. */
export function vmsBoundFor(state: ClusterState, node: Node): Vm[] {
  if (node.live.incoming.size === 0) return vmsOf(state, node.live.vmIds)
  const ids = new Set<VmId>(node.live.vmIds)
  for (const migrationId of node.live.incoming) {
    const vm = state.vms.get(state.migrations.get(migrationId)?.vmId as VmId)
    // One that has moved, and perhaps gone on from there, is where it is.
    if (vm?.migrationId === migrationId) ids.add(vm.id)
  }
  return vmsOf(state, ids)
}

export function vmsOf({ vms }: ClusterState, ids: Iterable<VmId>): Vm[] {
  const found: Vm[] = []
  for (const id of ids) {
    const vm = vms.get(id)
    if (vm) found.push(vm)
  }
  return found
}

/** Remembered until one of those VMs comes, goes or asks for something else (forgetBurden). */
export function burdenOf(state: ClusterState, node: Node): NodeBurden {
  node.live.burden ??= reckoned(state, node)
  return node.live.burden
}

/** Without the replicas of VMs that are to come there: those end before they do. */
export function burdenWithout(state: ClusterState, node: Node, coming: readonly Vm[]): NodeBurden {
  const burden = burdenOf(state, node)
  const kept = coming.filter(({ replica }) => replica?.nodeId === node.id)
  if (kept.length === 0) return burden
  const mib = kept.reduce((sum, { spec }) => sum + spec.memoryMib, 0)
  return { ...burden, reservedMib: burden.reservedMib - mib }
}

export function forgetBurden(state: ClusterState, nodeId: NodeId | undefined): void {
  const node = nodeId === undefined ? undefined : state.nodes.get(nodeId)
  if (node) node.live.burden = undefined
}

/** What it asks for has changed, at every node that counts it. undefined: not measured yet. */
export function setDemand(state: ClusterState, vm: Vm, demandPercent: number | undefined): void {
  vm.live.demandPercent = demandPercent
  for (const nodeId of nodesOf(state, vm)) forgetBurden(state, nodeId)
}

export function reckoned(state: ClusterState, node: Node): NodeBurden {
  const vms = vmsBoundFor(state, node)
  const replicas = vmsOf(state, node.live.replicaOf)
  return {
    id: node.id,
    cores: node.capacity.cores,
    mipsPerCore: node.capacity.mipsPerCore,
    memoryMib: node.capacity.memoryMib,
    demandPercent: vms.reduce((sum, vm) => sum + demandOf(vm), 0),
    expectedPercent: vms.reduce((sum, vm) => sum + expectedOf(vm), 0),
    reservedMib: [...vms, ...replicas].reduce((sum, vm) => sum + vm.spec.memoryMib, 0),
    vms: vms.length,
  }
}

/** What has to fit: one VM, or the clones of one. */
export interface Wish {
  readonly memoryMib: number
  readonly demandPercent: number
}

export const wishOf = (spec: VmSpec, count = 1): Wish => ({
  memoryMib: spec.memoryMib * count,
  demandPercent: Math.min(spec.cpuExpectedPercent, spec.cpuCapPercent) * count,
})

/** What VMs that are there ask for, all of them together. */
export const wishOfAll = (vms: readonly Vm[]): Wish => ({
  memoryMib: vms.reduce((sum, { spec }) => sum + spec.memoryMib, 0),
  demandPercent: vms.reduce((sum, vm) => sum + demandOf(vm), 0),
})

export function fits(burden: NodeBurden, wish: Wish): boolean {
  if (burden.reservedMib + wish.memoryMib > burden.memoryMib) return false
  const demandPercent = burden.demandPercent + wish.demandPercent
  return loadOf({ demandPercent, cores: burden.cores }) <= cpuOvercommitMax
}

/** Loads that differ by less than this part of a node are the same: demands are noise below it. */
const loadStep = 0.05

export const isFlapping = ({ live }: Node): boolean => live.lostAtMs.length >= flapsMax

/** So many of the marks of a burden, the last ones, are about how much there is to do. */
export const loadMarks = 2

export function marksOfBurden(burden: NodeBurden, flaps: boolean, wish: Wish): number[] {
  const demandPercent = burden.expectedPercent + wish.demandPercent
  const load = loadOf({ demandPercent, cores: burden.cores })
  return [flaps ? 1 : 0, Math.round(load / loadStep), burden.vms]
}

/** Of two with marks and names. */
export function byMarks(
  a: { readonly id: string; readonly marks: readonly number[] },
  b: { readonly id: string; readonly marks: readonly number[] },
): number {
  const n = a.marks.findIndex((mark, i) => mark !== b.marks[i])
  return n < 0 ? (a.id < b.id ? -1 : 1) : (a.marks[n] ?? 0) - (b.marks[n] ?? 0)
}
