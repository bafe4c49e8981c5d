// Placement: on which node a VM starts, or goes to. First a filter (online, memory, CPU), then the
// least resulting load by demand over capacity, ties by name. The same burdens are what
// rebalance.ts works on. Reservations are the specs' memory, as the agents count it: of VMs there
// and of copies on their way.

import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { VmSpec } from '#proto/vm-spec.ts'
import type { ClusterState, Node, Vm } from './cluster-state.ts'
import { sendStart } from './commands-out.ts'
import { cpuOvercommitMax, placementRetryMs } from './limits.ts'
import { loadOf, type NodeBurden } from './load-score.ts'
import { isReachable, type Step, takeEpoch } from './step-context.ts'
import { becomeStarting, setVmFault } from './vm-doors.ts'

/** What a VM asks of a core: measured if it runs, as its spec expects until then. */
export const demandOf = (vm: Vm): number =>
  vm.live.demandPercent ?? Math.min(vm.spec.cpuExpectedPercent, vm.spec.cpuCapPercent)

/** The VMs that are on a node or on their way to it. */
export function vmsBoundFor(state: ClusterState, node: Node): Vm[] {
  const ids = new Set<VmId>(node.live.vmIds)
  for (const migrationId of node.live.incoming) {
    const migration = state.migrations.get(migrationId)
    if (migration) ids.add(migration.vmId)
  }
  return [...ids].flatMap((id) => state.vms.get(id) ?? [])
}

export function reservedMibOf(state: ClusterState, node: Node): number {
  return vmsBoundFor(state, node).reduce((sum, vm) => sum + vm.spec.memoryMib, 0)
}

export function burdenOf(state: ClusterState, node: Node): NodeBurden {
  const vms = vmsBoundFor(state, node)
  return {
    id: node.id,
    cores: node.capacity.cores,
    mipsPerCore: node.capacity.mipsPerCore,
    memoryMib: node.capacity.memoryMib,
    demandPercent: vms.reduce((sum, vm) => sum + demandOf(vm), 0),
    reservedMib: vms.reduce((sum, vm) => sum + vm.spec.memoryMib, 0),
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

export function fits(burden: NodeBurden, wish: Wish): boolean {
  const demandPercent = burden.demandPercent + wish.demandPercent
  return (
    burden.reservedMib + wish.memoryMib <= burden.memoryMib &&
    loadOf({ ...burden, demandPercent }) <= cpuOvercommitMax
  )
}

export interface Where {
  readonly only?: NodeId | undefined
  /** Not there. */
  readonly but?: ReadonlySet<NodeId> | undefined
}

/** The node a wish should go to, or the fault that says why there is none. */
export function chooseNode(
  state: ClusterState,
  wish: Wish,
  { only, but }: Where = {},
): Node | Fault {
  const reachable = [...state.nodes.values()].filter(
    (node) =>
      isReachable(node) &&
      !node.maintenance &&
      !but?.has(node.id) &&
      (only === undefined || node.id === only),
  )
  const named = only && state.nodes.get(only)
  if (named?.maintenance) return inMaintenance(named)
  if (reachable.length === 0) return noNode(only)
  const burdens = reachable.map((node) => burdenOf(state, node)).filter((b) => fits(b, wish))
  const after = (b: NodeBurden) =>
    loadOf({ ...b, demandPercent: b.demandPercent + wish.demandPercent })
  burdens.sort((a, b) => after(a) - after(b) || (a.id < b.id ? -1 : 1))
  const best = reachable.find((node) => node.id === burdens[0]?.id)
  return best ?? noRoom(wish, reachable)
}

export const isNode = (choice: Node | Fault): choice is Node => 'phase' in choice

const inMaintenance = ({ id }: Node): Fault =>
  fault(
    'no-node',
    `${id} is in maintenance: \`godwit node return ${id}\` first, or name another node`,
  )

const noNode = (only: NodeId | undefined): Fault =>
  only === undefined
    ? fault('no-node', 'no node is online: start an agent (`godwit up` starts three)')
    : fault('no-node', `${only} is not online: bring it back, or name another node`)

function noRoom(wish: Wish, nodes: readonly Node[]): Fault {
  const names = nodes.map((node) => node.id).join(', ')
  return fault(
    'no-room',
    `${wish.memoryMib} MiB and ${wish.demandPercent} % of a core fit on none of ${names}: ` +
      'stop something, or add a node',
  )
}

/**
 * Gives every waiting VM a node, as far as there is room; oldest first. Called at the end of each
 * step.
 */
export function placeWaiting(step: Step): void {
  const { state } = step
  const waiting = [...state.waiting].map((id) => {
    const vm = state.vms.get(id)
    invariant(vm, `vm ${id} waits but is not there`)
    return vm
  })
  waiting.sort((a, b) => a.serial - b.serial)
  for (const vm of waiting) if (vm.live.retryAtMs <= step.nowMs) place(step, vm)
}

const boundTo = (vm: Vm): NodeId | undefined =>
  vm.pinnedTo ?? (vm.epoch === 0 ? vm.startOn : undefined)

/** Is there a node, full or not, that it may start on and that has not refused it yet? */
export function hasUntried({ nodes }: ClusterState, vm: Vm): boolean {
  const only = boundTo(vm)
  return [...nodes.values()].some(
    (node) =>
      isReachable(node) &&
      !node.maintenance &&
      !vm.live.refusedBy.has(node.id) &&
      (only === undefined || node.id === only),
  )
}

function place(step: Step, vm: Vm): void {
  const only = boundTo(vm)
  if (!hasUntried(step.state, vm)) vm.live.refusedBy.clear()
  const choice = chooseNode(step.state, wishOf(vm.spec), { only, but: vm.live.refusedBy })
  if (!isNode(choice)) {
    vm.live.retryAtMs = step.nowMs + placementRetryMs
    setVmFault(step, vm, choice)
    return
  }
  vm.live.demandPercent = undefined
  becomeStarting(step, vm, choice.id, takeEpoch(step))
  sendStart(step, vm, choice)
}
