// What may not be ordered, and what may never be: held against each order as it leaves the
// coordinator, and against its books after each event. A start or a move obeys strict rules, room
// and the state of its node; nobody starts before those whose turn it is, or whom it waits for; of
// the nodes that may take it the best by docs/high-availability.md is chosen. Virtual ms.

import type { Node, Vm } from '#coordinator/core/cluster-state.ts'
import type { MigrationId, NodeId } from '#proto/ids.ts'
import type { CoordinatorMessage } from '#proto/messages.ts'
import type { Sight } from './sight.ts'

export function wrongOrder(
  sight: Sight,
  message: CoordinatorMessage,
  nowMs: number,
): string | undefined {
  if (message.t === 'start') return wrongStart(sight, message.vmId, nowMs)
  if (message.t === 'take-over') return wrongTakeOver(sight, message.vmId)
  if (message.t !== 'migrate' && message.t !== 'replicate') return undefined
  const { vmId, destination } = message
  const wrong = wrongNode(sight, vmId, destination.nodeId)
  // Who starts where a replica is to be may come in the same moment: another one is made then.
  if (message.t === 'replicate') return wrong ?? wrongReplica(sight, vmId, destination.nodeId)
  const place = wrongPlace(sight, vmId, destination.nodeId)
  return place ?? inTheWay(sight, message.migrationId, destination.nodeId, nowMs)
}

/** Nobody asked for it, and somebody who is down would be there instead. */
function inTheWay(
  sight: Sight,
  id: MigrationId,
  nodeId: NodeId,
  nowMs: number,
): string | undefined {
  const migration = sight.state.migrations.get(id)
  const vm = migration && sight.state.vms.get(migration.vmId)
  const node = sight.node(nodeId)
  if (!vm || !node || migration?.cause === 'operator') return undefined
  // What was decided before anybody was down has its place there.
  if (migration.queuedAtMs <= nowMs - 50) return undefined
  const down = sight.vms().find((other) => {
    const waits = other.phase === 'recovering' && other.nodeId === undefined
    // One that could not start there a moment ago stands in nobody's way.
    if (!waits || other.tries || sight.hasRoom(node, [other])) return false
    return mayStart(sight, other, node, nowMs) && hasRoomInsteadOf(sight, vm, other, node)
  })
  return down && `${vm.id} moves (${migration.cause}) to ${nodeId}, where ${down.id} could start`
}

/** It would be lost with its VM, or might never run. */
function wrongReplica(sight: Sight, vmId: string, nodeId: string): string | undefined {
  const vm = sight.vms().find(({ id }) => id === vmId)
  if (vm?.nodeId === nodeId) return `the replica of ${vmId} is on its own node, ${nodeId}`
  const rule = vm && sight.affinity(vm, nodeId)
  return rule && `the replica of ${vmId} is sent to ${nodeId} against ${rule}`
}

/** More is reserved of a node than it has. */
export function overfull(sight: Sight): string | undefined {
  for (const node of sight.nodes()) {
    const used = sight.usedMib(node.id)
    const { memoryMib } = node.capacity
    if (used > memoryMib) return `${node.id} has ${memoryMib} MiB, and ${used} are reserved`
  }
  return undefined
}

function wrongNode(sight: Sight, vmId: string, nodeId: string): string | undefined {
  const node = sight.node(nodeId)
  const what = `${vmId} is sent to ${nodeId}`
  if (!node) return `${what}, which is not there`
  if (!sight.isUp(node)) return `${what}, which is ${node.phase}`
  if (node.maintenance) return `${what}, which is in maintenance`
  return node.standby && `${what}, which is in standby`
}

function wrongPlace(sight: Sight, vmId: string, nodeId: NodeId): string | undefined {
  const vm = sight.vms().find(({ id }) => id === vmId)
  const rule = vm && sight.forbids(vm, nodeId)
  const against = rule === undefined ? undefined : `${vmId} is sent to ${nodeId} against ${rule}`
  return wrongNode(sight, vmId, nodeId) ?? against
}

/** Nobody takes over by itself while nothing is done so, or without a replica that counted. */
function wrongTakeOver(sight: Sight, vmId: string): string | undefined {
  const vm = sight.vms().find(({ id }) => id === vmId)
  if (vm && !sight.state.ha.armed) return `the replica of ${vmId} is run while disarmed`
  if (vm && sight.policy(vm).locked) return `${vmId} is locked, and its replica is run`
  if (vm?.frozenOn !== undefined) return `${vmId} waits for ${vm.frozenOn}, and its replica is run`
  // As long as it counts it is better than the disk, also where it leaves again in a moment.
  if (sight.node(vm?.nodeId)?.maintenance) return undefined
  return wrongSeat(sight, vmId)
}

function wrongSeat(sight: Sight, vmId: string): string | undefined {
  const vm = sight.vms().find(({ id }) => id === vmId)
  return vm?.nodeId === undefined ? `${vmId} is nowhere` : wrongPlace(sight, vmId, vm.nodeId)
}

function wrongStart(sight: Sight, vmId: string, nowMs: number): string | undefined {
  const wrong = wrongSeat(sight, vmId)
  const vm = sight.vms().find(({ id }) => id === vmId)
  const node = sight.node(vm?.nodeId)
  if (wrong !== undefined || !vm || !node) return wrong
  if (vm.isRecovery && !sight.state.ha.armed) return `${vmId} is restarted while disarmed`
  if (vm.isRecovery && sight.policy(vm).locked) return `${vmId} is locked, and restarted`
  return (
    before(sight, vm) ??
    awayFromMates(sight, vm, node) ??
    outOfTurn(sight, vm, node, nowMs) ??
    notBest(sight, vm, node)
  )
}

const comes = ({ phase }: Vm): boolean => ['pending', 'starting', 'recovering'].includes(phase)

/** Whom it starts after, and who is still to come. */
function unready(sight: Sight, vm: Vm): Vm | undefined {
  const first = sight.named(sight.policy(vm).after)
  return sight.vms().find((other) => first.includes(other.id) && comes(other))
}

function before(sight: Sight, vm: Vm): string | undefined {
  const first = unready(sight, vm)
  return first && `${vm.id} starts before ${first.id}, which is ${first.phase}`
}

/** Its company is on a node that it could stay on. */
function awayFromMates(sight: Sight, vm: Vm, node: Node): string | undefined {
  if (sight.company(vm).some(({ pinnedTo }) => pinnedTo)) return undefined
  const seats = sight.company(vm).flatMap((mate) => {
    const isSeated = ['starting', 'running', 'paused', 'migrating'].includes(mate.phase)
    const seat = mate !== vm && isSeated ? sight.node(sight.ends(mate).at(-1)) : undefined
    const holds = seat && sight.takes(seat, true) && !sight.forbids(vm, seat.id)
    return holds ? [seat] : []
  })
  if (seats.length === 0 || seats.includes(node)) return undefined
  return `${vm.id} starts on ${node.id}, its company is on ${seats.map(({ id }) => id)}`
}

/** Higher priorities first; then who is to run again. */
const turn = (sight: Sight, vm: Vm, isNew: boolean): number =>
  2 * sight.policy(vm).priority + (isNew ? 0 : 1)

/** Somebody whose turn it was could have been there. */
function outOfTurn(sight: Sight, vm: Vm, node: Node, nowMs: number): string | undefined {
  const late = sight.vms().find((other) => {
    const isNew = other.phase === 'pending'
    const waits = other.nodeId === undefined && (isNew || other.phase === 'recovering')
    if (!waits || turn(sight, other, isNew) <= turn(sight, vm, !vm.isRecovery)) return false
    return mayStart(sight, other, node, nowMs) && hasRoomInsteadOf(sight, vm, other, node)
  })
  return late && `${vm.id} starts on ${node.id} before ${late.id}, whose turn it was`
}

function hasRoomInsteadOf(sight: Sight, vm: Vm, other: Vm, node: Node): boolean {
  const used = sight.usedMib(node.id, [vm])
  return used + other.spec.memoryMib <= node.capacity.memoryMib
}

/** Alone, now, without anything else in its way than room. */
function mayStart(sight: Sight, vm: Vm, node: Node, nowMs: number): boolean {
  const { live, pinnedTo, frozenOn, startOn, restartOn, epoch } = vm
  // After a coordinator's start it waits until nobody may run it any more.
  if (Math.max(live.retryAtMs, live.clearFromMs) > nowMs || vm.refusedBy) return false
  if (live.strandedOn !== undefined || sight.company(vm).length > 1) return false
  if (pinnedTo ?? frozenOn ?? restartOn ?? (epoch === 0 ? startOn : undefined)) return false
  const isByItself = vm.phase === 'recovering'
  if (isByItself && (!sight.state.ha.armed || sight.policy(vm).locked)) return false
  return !unready(sight, vm) && sight.takes(node) && !sight.forbids(vm, node.id)
}

/** Where nothing but rules and load decides. */
function notBest(sight: Sight, vm: Vm, node: Node): string | undefined {
  if (sight.company(vm).length > 1 || vm.pinnedTo || vm.refusedBy) return undefined
  // Those that were placed after it in the same moment were not there when it was.
  if (sight.vms().some((one) => one.phase === 'starting' && one.epoch > vm.epoch)) return undefined
  const because = ['the least to do', 'rules prefer'].some((text) =>
    vm.placedBecause?.includes(text),
  )
  if (!because) return undefined
  const marks = sight.marks(vm, node)
  const better = sight.nodes().find((other) => {
    if (other === node || !sight.takes(other) || !sight.hasRoom(other, [vm])) return false
    return !sight.forbids(vm, other.id) && isLess(sight.marks(vm, other), marks)
  })
  return better && `${vm.id} starts on ${node.id} (${marks}), ${better.id} is better`
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((mark, n) => mark !== b[n])
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}
