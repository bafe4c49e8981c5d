// Snapshots of VMs, as the cluster keeps them: asked of the VM's node, listed here, restored as a
// start under a new epoch, dropped by any node. Not here: pages and files, which only agents touch.
//
// A snapshot seals the VM's disk layers. From the command on the VM's disk has a new layer on top:
// should its node be lost, it starts on layers that hold all it wrote, whether the node had changed
// them or not. When the snapshot fails before that, the VM's next report brings the old ones back.
// A VM that has a replica gives it up first, and gets another one afterwards (ha/protection.ts).

import type { SnapshotView } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import type { Result } from '#proto/messages.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import { tooManyLayers, withTop } from './clones.ts'
import type { ClusterState, Node, PendingCommand, Vm } from './cluster-state.ts'
import { isDiskChanging } from './disk-change.ts'
import { wantSweep } from './disk-sweep.ts'
import { tell } from './events.ts'
import { mustEndReplica } from './ha/protection.ts'
import { diskAhead } from './layer-merges.ts'
import { overQuota, takenBySnapshot } from './quotas.ts'
import type { SnapshotEntry } from './records.ts'
import {
  type ApiCommand,
  isReachable,
  nodeOf,
  openCommand,
  type PendingAnswer,
  type Step,
  sendTo,
  takeSerial,
  touch,
} from './step-context.ts'
import { watchedVms } from './watched-vms.ts'

const keyOf = (vmId: VmId, name: string): string => `${vmId}/${name}`

export const snapshotsOf = (state: ClusterState, vmId: VmId): SnapshotEntry[] =>
  [...state.snapshots.values()].filter((entry) => entry.vmId === vmId)

export function snapshotView(entry: SnapshotEntry, vm?: Vm) {
  const { vmId, name, phase, basedOn, record, measured, fault } = entry
  return {
    ...{ vmId, name, phase },
    ...(vm?.atSnapshot === name && { isCurrent: true }),
    ...(basedOn && { basedOn }),
    ...(record && { takenWallMs: record.takenWallMs, diskLayers: record.disk.layers.length }),
    ...(record?.parent && { parent: record.parent.name }),
    ...(measured && { measured }),
    ...(fault && { fault }),
  } satisfies SnapshotView
}

/** Asks the VM's node for one. `name`: absent, one that is free. */
export function takeSnapshot(step: Step, vm: Vm, wanted?: string): SnapshotView | Fault {
  const serial = takeSerial(step)
  const name = wanted ?? `snapshot-${serial}`
  const old = step.state.snapshots.get(keyOf(vm.id, name))
  if (old && old.phase !== 'failed') return nameTaken(vm, name)
  const refused = overQuota(step.state, vm.owner, takenBySnapshot) ?? tooManyLayers(vm)
  if (refused) return refused
  if (isDiskChanging(step.state, vm) || vm.live.snapshotDue) return diskChanging(vm)
  const node = vm.nodeId === undefined ? undefined : nodeOf(step.state, vm.nodeId)
  if (!isReachable(node)) return outOfReach(vm)
  const entry: SnapshotEntry = {
    ...{ id: keyOf(vm.id, name), vmId: vm.id, name, phase: 'taking' },
    ...(vm.atSnapshot && { basedOn: vm.atSnapshot }),
  }
  put(step, entry)
  if (mustEndReplica(step, vm)) {
    vm.live.snapshotDue = entry.id
    step.state.watched.due.add(vm.id)
  } else orderSnapshot(step, vm, node, entry, serial)
  return snapshotView(entry)
}

/** On the layers that the node has by then, and a fresh one. */
function orderSnapshot(step: Step, vm: Vm, node: Node, entry: SnapshotEntry, serial: number): void {
  vm.disk = withTop(diskAhead(step.state, vm), vm.id, serial)
  touch(step, 'vm', vm.id)
  const { id: vmId, epoch, disk } = vm
  const commandId = openCommand(step, {
    ...{ kind: 'take-snapshot', nodeId: node.id, vmId, epoch, migrationId: undefined },
    snapshotId: entry.id,
  })
  sendTo(step, node, { t: 'take-snapshot', commandId, vmId, epoch, name: entry.name, disk })
}

/** What waited for the end of a replica, whose disk is one checkpoint behind. Each tick. */
export function takeDueSnapshots(step: Step): void {
  for (const vm of watchedVms(step.state, 'due')) {
    const entry = step.state.snapshots.get(vm.live.snapshotDue ?? '')
    const node = keeperOf(step.state, vm)
    const isRefused = 'code' in node
    const isAble = entry && !isRefused
    if (isAble && (mustEndReplica(step, vm) || isDiskChanging(step.state, vm))) continue
    vm.live.snapshotDue = undefined
    step.state.watched.due.delete(vm.id)
    if (isAble) orderSnapshot(step, vm, node, entry, takeSerial(step))
    else if (entry && isRefused) fail(step, entry, node)
  }
}

/** The node that can take it; or why none can any more. */
function keeperOf(state: ClusterState, vm: Vm): Node | Fault {
  const isHere = vm.phase === 'running' || vm.phase === 'paused'
  if (!isHere || vm.nodeId === undefined) return notHere(vm)
  const node = nodeOf(state, vm.nodeId)
  return isReachable(node) ? (tooManyLayers(vm) ?? node) : outOfReach(vm)
}

/** Why this VM cannot go on as the snapshot has it, if it cannot. */
export function cannotRestore(step: Step, vm: Vm, name: string): Fault | undefined {
  const entry = step.state.snapshots.get(keyOf(vm.id, name))
  if (!entry) return unknownSnapshot(vm.id, name)
  if (entry.phase !== 'ready' || !entry.record)
    return fault('wrong-state', `snapshot ${name} of ${vm.id} is ${entry.phase}: it must be ready`)
  return tooManyLayers({ ...vm, disk: entry.record.disk })
}

/** What a VM that is to be restored starts with: the layers of its snapshot, and a fresh one. */
export function diskToRestore(step: Step, vm: Vm): DiskRef {
  const entry = step.state.snapshots.get(keyOf(vm.id, vm.restoreFrom ?? ''))
  return entry?.record ? withTop(entry.record.disk, vm.id, takeSerial(step)) : vm.disk
}

/** Has it removed by whichever node can be reached. */
export function dropSnapshot(step: Step, vmId: VmId, name: string): SnapshotView | Fault {
  const entry = step.state.snapshots.get(keyOf(vmId, name))
  if (!entry) return unknownSnapshot(vmId, name)
  if (entry.phase === 'taking' || entry.phase === 'removing')
    return fault('wrong-state', `snapshot ${name} of ${vmId} is ${entry.phase}: wait for its end`)
  if (step.state.vms.get(vmId)?.restoreFrom === name)
    return fault('wrong-state', `${vmId} is being restored from ${name}: wait until it runs`)
  const node = dropperOf(step, vmId)
  if (!node) return fault('no-node', 'no node is online that could remove it: start one')
  const commandId = openCommand(step, {
    ...{ kind: 'drop-snapshot', nodeId: node.id, vmId, migrationId: undefined },
    epoch: 0 as PendingCommand['epoch'],
    snapshotId: entry.id,
  })
  put(step, { ...entry, phase: 'removing' })
  sendTo(step, node, { t: 'drop-snapshot', commandId, vmId, name })
  return snapshotView({ ...entry, phase: 'removing' })
}

/** Asks a node what differs between two. */
export function compareSnapshots(
  step: Step,
  { vmId, from, to }: Extract<ApiCommand, { do: 'compare-snapshots' }>,
): PendingAnswer | Fault {
  const missing = [from, to].find((name) => !step.state.snapshots.get(keyOf(vmId, name))?.record)
  if (missing !== undefined) return unknownSnapshot(vmId, missing)
  const node = dropperOf(step, vmId)
  if (!node) return fault('no-node', 'no node is online that could look: start one')
  const commandId = openCommand(step, {
    ...{ kind: 'compare-snapshots', nodeId: node.id, vmId, migrationId: undefined },
    epoch: 0 as PendingCommand['epoch'],
  })
  sendTo(step, node, { t: 'compare-snapshots', commandId, vmId, from, to })
  return { commandId }
}

/** Its own node knows best what it is using. */
function dropperOf(step: Step, vmId: VmId): Node | undefined {
  const own = step.state.vms.get(vmId)?.nodeId
  const nodes = [...step.state.nodes.values()].filter(isReachable)
  return nodes.find(({ id }) => id === own) ?? nodes[0]
}

/** The node's answer to one of the two commands. */
export function seeSnapshotResult(step: Step, command: PendingCommand, result: Result): void {
  const entry = step.state.snapshots.get(command.snapshotId ?? '')
  if (!entry) return
  if (command.kind === 'drop-snapshot') seeDropped(step, entry, result.fault)
  else if (result.snapshot) seeTaken(step, entry, result.snapshot)
  else fail(step, entry, result.fault ?? fault('bad-message', 'its node said nothing about it'))
}

/** The link was lost: a snapshot may be there or not. Removing it makes sure that it is not. */
export function loseSnapshotCommand(step: Step, command: PendingCommand): void {
  const entry = step.state.snapshots.get(command.snapshotId ?? '')
  if (!entry) return
  const lost = fault('link-lost', `${command.nodeId} was lost before it answered: ask again`)
  if (command.kind === 'drop-snapshot') put(step, { ...entry, phase: 'failed', fault: lost })
  else fail(step, entry, lost)
}

function seeTaken(step: Step, entry: SnapshotEntry, taken: NonNullable<Result['snapshot']>): void {
  put(step, { ...entry, phase: 'ready', ...taken })
  const { vmId, name } = entry
  setAt(step, vmId, name)
  const downtimeMs = Math.round(taken.measured.downtimeMs)
  const text = `snapshot ${name} of ${vmId} is taken; it stood still for ${downtimeMs} ms`
  tell(step, 'snapshot-done', text, { vmId })
}

function seeDropped(step: Step, entry: SnapshotEntry, refusal: Fault | undefined): void {
  if (refusal && refusal.code !== 'unknown-snapshot') {
    const phase = entry.record ? 'ready' : 'failed'
    put(step, { ...entry, phase, fault: refusal })
    return
  }
  step.state.snapshots.delete(entry.id)
  wantSweep(step)
  touch(step, 'snapshot', entry.id)
  for (const child of snapshotsOf(step.state, entry.vmId)) adopt(step, child, entry)
  for (const child of snapshotsOf(step.state, entry.vmId)) comeFrom(step, child, entry)
  const vm = step.state.vms.get(entry.vmId)
  if (vm?.atSnapshot === entry.name) setAt(step, vm.id, entry.basedOn)
}

/** What came from the one that is gone came from where that came from. */
function comeFrom(step: Step, child: SnapshotEntry, gone: SnapshotEntry): void {
  if (child.basedOn !== gone.name) return
  const { basedOn: _, ...rest } = child
  put(step, { ...rest, ...(gone.basedOn && { basedOn: gone.basedOn }) })
}

function setAt(step: Step, vmId: VmId, name: string | undefined): void {
  const vm = step.state.vms.get(vmId)
  if (!vm || vm.atSnapshot === name) return
  if (name === undefined) delete vm.atSnapshot
  else vm.atSnapshot = name
  touch(step, 'vm', vmId)
}

/** In the store its children were written anew, over its own parent. */
function adopt(step: Step, child: SnapshotEntry, gone: SnapshotEntry): void {
  if (!gone.record || child.record?.parent?.id !== gone.record.id) return
  const { parent, depth } = gone.record
  const { parent: _, ...rest } = child.record
  put(step, { ...child, record: { ...rest, depth, ...(parent ? { parent } : {}) } })
}

function fail(step: Step, entry: SnapshotEntry, why: Fault): void {
  put(step, { ...entry, phase: 'failed', fault: why })
  const { vmId, name } = entry
  const vm = step.state.vms.get(vmId)
  // Whether its disk was changed before that, the next report says.
  if (vm?.nodeId !== undefined) vm.live.isDiskInDoubt = true
  tell(step, 'snapshot-failed', `snapshot ${name} of ${vmId} has failed: ${why.message}`, { vmId })
}

function put(step: Step, entry: SnapshotEntry): void {
  step.state.snapshots.set(entry.id, entry)
  touch(step, 'snapshot', entry.id)
}

const nameTaken = (vm: Vm, name: string): Fault =>
  fault('name-taken', `${vm.id} has a snapshot ${name} already: choose another name`)

const notHere = ({ id, phase }: Vm): Fault =>
  fault('wrong-state', `${id} is ${phase} before it was kept: ask again when it runs`)

const diskChanging = (vm: Vm): Fault =>
  fault('wrong-state', `${vm.id} is being cloned or kept already: ask again in a moment`)

const unknownSnapshot = (vmId: VmId, name: string): Fault =>
  fault('unknown-snapshot', `${vmId} has no snapshot ${name}: \`godwit snapshot list ${vmId}\``)

const outOfReach = (vm: Vm): Fault =>
  fault('link-lost', `${vm.nodeId} cannot be reached now: ask again when it is online`)
