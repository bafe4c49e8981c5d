// Layers of disks are merged, so that a VM may be kept, cloned and restored for ever: a stretch of
// adjacent sealed layers of its disk becomes one. In two steps, of which only the second touches
// the VM:
//
//   writing    a node writes the new layer beside the old ones. Sealed layers never change, so
//              this disturbs nobody, whatever the VM does meanwhile: it is moved, cloned, kept,
//              stopped, started. Without an answer (its link or its node is lost, the coordinator
//              is new) it is forgotten, and another one begins later, under another name.
//   whole      the VM's disk gets the new layer for the old ones: at once when the VM is nowhere,
//              else by its node, which swaps them between two slices of the guest. The top, and
//              with it the fence, stays as it is. Not while a copy, a snapshot or a replica of the
//              VM names its layers; it waits for their end, and ends a replica if an operator
//              asked for it. An answer that is lost is no answer: it is asked again, for a node
//              may have the order still. Only a refusal ends it.
//
// As long as it is remembered, both the old layers and the new one are named, so that no sweep
// takes either from whoever has the older or the newer account of the disk. Both show the same.
// Which of them the VM has is its node's to say, as with a snapshot or a clone (disk-change.ts).
//
// Not here: which layers (merge-choice.ts), the files (node-agent/layer-merge.ts), when the old
// ones go (disk-sweep.ts). Times in monotonic ms.

import { type Fault, fault } from '#proto/faults.ts'
import type { Result } from '#proto/messages.ts'
import { mergeVersion } from '#proto/units.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import type { ClusterState, Node, PendingCommand, Vm } from './cluster-state.ts'
import { isDiskChanging } from './disk-change.ts'
import { wantSweep } from './disk-sweep.ts'
import { tell } from './events.ts'
import { mustEndReplica } from './ha/protection.ts'
import { mergeRetryMs, mergeRetryMsMax, mergesPerNodeMax } from './limits.ts'
import { chooseMerge, type LayerToWeigh } from './merge-choice.ts'
import {
  isAsked,
  isReachable,
  openCommand,
  type Step,
  sendTo,
  someNode,
  takeSerial,
  touch,
} from './step-context.ts'
import { watchedVms } from './watched-vms.ts'

type Merge = NonNullable<Vm['merge']>

// ---- each tick ----------------------------------------------------------------------------------

export function mergeLayers(step: Step): void {
  for (const vm of watchedVms(step.state, 'layered')) {
    if (vm.merge?.isWhole) swap(step, vm, vm.merge)
    if (vm.merge) continue
    if (!hasMany(step.state, vm)) step.state.watched.layered.delete(vm.id)
    else if (step.nowMs >= vm.live.mergeTries.nextAtMs) beginByItself(step, vm)
  }
}

const hasMany = ({ settings }: ClusterState, { disk }: Vm): boolean =>
  disk.layers.length > settings.mergeLayersAbove

function beginByItself(step: Step, vm: Vm): void {
  const node = writerFor(step.state, vm)
  if (!node || whyNot(step.state, vm) || mergesAt(step.state, node) >= mergesPerNodeMax) return
  const sealed = vm.disk.layers.slice(0, -1)
  const many = Math.ceil(step.state.settings.mergeLayersAbove / 2)
  const layers = chooseMerge(weighed(step.state, vm, sealed), many)
  if (layers.length > 0) begin(step, vm, node, layers)
}

function mergesAt({ commands }: ClusterState, { id }: Node): number {
  const here = [...commands.values()].filter(({ nodeId }) => nodeId === id)
  return here.filter(({ kind }) => kind === 'merge-layers').length
}

function weighed(state: ClusterState, vm: Vm, names: readonly string[]): LayerToWeigh[] {
  const kept = new Set<string>()
  const shared = new Set<string>()
  for (const { vmId, record } of state.snapshots.values())
    for (const name of record?.disk.layers ?? []) (vmId === vm.id ? kept : shared).add(name)
  for (const { record } of state.templates.values())
    for (const name of record.disk.layers) shared.add(name)
  for (const other of state.vms.values())
    if (other !== vm) for (const name of other.disk.layers) shared.add(name)
  return names.map((name) => ({
    ...{ name, weight: vm.layerWeights?.[name] ?? 1 },
    namedBy: shared.has(name) ? 'others' : kept.has(name) ? 'snapshots' : 'nobody',
  }))
}

// ---- an operator's wish -------------------------------------------------------------------------

/** All of its sealed layers become one: from then on its disk needs nobody else's. */
export function mergeNow(step: Step, vm: Vm): Fault | undefined {
  const sealed = vm.disk.layers.slice(0, -1)
  if (vm.merge) return fault('wrong-state', `layers of ${vm.id} are being merged already: wait`)
  if (sealed.length < 2) return fewLayers(vm)
  const refused = whyNot(step.state, vm)
  if (refused) return refused
  const node = writerFor(step.state, vm)
  if (!node) return noNode(vm)
  begin(step, vm, node, sealed, true)
  return undefined
}

const fewLayers = ({ id, disk }: Vm): Fault =>
  fault(
    'wrong-state',
    disk.sizeBytes === 0
      ? `${id} has no disk: there is nothing to merge`
      : `the disk of ${id} has nothing to merge: one layer below its top, or none`,
  )

const noNode = ({ id, nodeId }: Vm): Fault =>
  fault(
    'no-node',
    nodeId === undefined
      ? 'no node is online that could merge layers: start one'
      : `${nodeId} cannot merge the layers of ${id}: it is away, or of an older version`,
  )

/** Only what is below the top is sealed, and only its node knows for sure what that is. */
function whyNot(state: ClusterState, vm: Vm): Fault | undefined {
  const isHere = vm.phase === 'running' || vm.phase === 'paused'
  const isNowhere = vm.nodeId === undefined && (vm.phase === 'stopped' || vm.phase === 'failed')
  if (isDiskChanging(state, vm) || isAsked(state, 'swap-layers', vm.id))
    return fault('wrong-state', `${vm.id} is being cloned or kept: ask again in a moment`)
  if (isNowhere || (isHere && vm.live.isConfirmed)) return undefined
  return fault('wrong-state', `${vm.id} is not at rest: ask again when it runs or is stopped`)
}

// ---- writing ------------------------------------------------------------------------------------

/** Its own node, which is to swap them afterwards; of a VM that is nowhere any will do. */
function writerFor(state: ClusterState, { nodeId }: Vm): Node | undefined {
  if (nodeId === undefined) return someNode(state, mergeVersion)
  const own = state.nodes.get(nodeId)
  return isReachable(own) && canMerge(own) ? own : undefined
}

const canMerge = ({ live }: Node): boolean => live.protocolVersion >= mergeVersion

function begin(step: Step, vm: Vm, node: Node, layers: readonly string[], isWished = false): void {
  const { id: vmId, epoch, disk } = vm
  const into = `${vmId}.${takeSerial(step)}.disk`
  vm.merge = { layers: [...layers], into, isWhole: false, ...(isWished && { isWished }) }
  touch(step, 'vm', vmId)
  const commandId = openCommand(step, {
    ...{ kind: 'merge-layers', nodeId: node.id, vmId, epoch, migrationId: undefined, layer: into },
  })
  const { sizeBytes } = disk
  sendTo(step, node, {
    ...{ t: 'merge-layers', commandId, vmId, sizeBytes, layers: [...layers], into },
  })
}

/** The node's answer to one of the two orders. */
export function seeMergeResult(step: Step, command: PendingCommand, result: Result): void {
  if (command.kind === 'swap-layers') seeSwapped(step, command, result.fault)
  else if (command.kind === 'merge-layers') seeWritten(step, command, result.fault)
}

function seeWritten(step: Step, command: PendingCommand, failed: Fault | undefined): void {
  const [vm, merge] = mergeOf(step.state, command)
  if (!vm || !merge) wantSweep(step)
  else if (failed) end(step, vm, merge, failed)
  else {
    vm.merge = { ...merge, isWhole: true }
    touch(step, 'vm', vm.id)
    swap(step, vm, vm.merge)
  }
}

function mergeOf({ vms }: ClusterState, { vmId, layer }: PendingCommand) {
  const vm = vms.get(vmId)
  return [vm, vm?.merge?.into === layer ? vm?.merge : undefined] as const
}

/** The link was lost before an answer came. A swap is asked for again when there is one. */
export function loseMergeCommand(step: Step, command: PendingCommand): void {
  if (command.kind !== 'merge-layers') return
  const [vm, merge] = mergeOf(step.state, command)
  const node = step.state.nodes.get(command.nodeId)
  // It may write until it knows.
  if (node) node.live.mayHaveWritten = true
  const lost = `${command.nodeId} was lost before it had merged the layers`
  if (vm && merge) end(step, vm, merge, fault('link-lost', lost))
}

/** What it wrote for nobody is looked for when it is back, and knows that nobody wants it. */
export function sweepBehind(step: Step, node: Node): void {
  if (node.live.mayHaveWritten) wantSweep(step)
  node.live.mayHaveWritten = false
}

// ---- whole --------------------------------------------------------------------------------------

/** Gives the VM its new layer, as soon as nobody else is at its layers. */
function swap(step: Step, vm: Vm, merge: Merge): void {
  const { state } = step
  if (isDiskChanging(state, vm) || isAsked(state, 'swap-layers', vm.id)) return
  const layers = replaced(vm.disk.layers, merge)
  if (vm.nodeId === undefined) take(step, vm, merge, layers)
  else if (vm.live.isConfirmed && step.nowMs >= vm.live.mergeTries.nextAtMs) {
    // Its node's word, by a report: it has them already, or lost them by a restore.
    if (layers === undefined) take(step, vm, merge, undefined)
    else orderSwap(step, vm, merge, layers)
  }
}

/** Undefined: they are not there any more, one behind the other and below the top. */
export function replaced(
  layers: readonly string[],
  { layers: old, into }: Pick<Merge, 'layers' | 'into'>,
): string[] | undefined {
  const from = layers.indexOf(old[0] ?? '')
  const to = from + old.length
  const areThere =
    from >= 0 && to < layers.length && old.every((name, n) => layers[from + n] === name)
  return areThere ? [...layers.slice(0, from), into, ...layers.slice(to)] : undefined
}

function orderSwap(step: Step, vm: Vm, merge: Merge, layers: readonly string[]): void {
  const { id: vmId, epoch } = vm
  const { into } = merge
  const node = vm.nodeId === undefined ? undefined : step.state.nodes.get(vm.nodeId)
  const isAtRest = (vm.phase === 'running' || vm.phase === 'paused') && !vm.migrationId
  if (!isAtRest || !isReachable(node) || !canMerge(node)) return
  if (mustWaitForReplica(step, vm, merge)) return
  const commandId = openCommand(step, {
    ...{ kind: 'swap-layers', nodeId: node.id, vmId, epoch, migrationId: undefined, layer: into },
  })
  const disk = { ...vm.disk, layers: [...layers] }
  sendTo(step, node, { t: 'swap-layers', commandId, vmId, epoch, disk })
}

/** It names the old layers. It is given up for what an operator wished, and for nothing else. */
function mustWaitForReplica(step: Step, vm: Vm, { isWished }: Merge): boolean {
  if (isWished) return mustEndReplica(step, vm)
  return vm.replica !== undefined
}

/**
 * The disk that the node has by the time it hears of what is sent now: a swap that it was asked for
 * comes before that.
 */
export function diskAhead(state: ClusterState, vm: Vm): DiskRef {
  const { merge, disk } = vm
  const layers =
    merge && isAsked(state, 'swap-layers', vm.id) ? replaced(disk.layers, merge) : undefined
  return layers ? { ...disk, layers } : disk
}

/** That it is not there, or busy, passes. */
const passing: readonly string[] = ['unknown-vm', 'stale-epoch', 'cancelled', 'wrong-state']

function seeSwapped(step: Step, command: PendingCommand, refusal: Fault | undefined): void {
  const [vm, merge] = mergeOf(step.state, command)
  if (!vm || !merge) return
  const isSame = vm.nodeId === command.nodeId && vm.epoch === command.epoch
  if (!refusal && isSame) take(step, vm, merge, replaced(vm.disk.layers, merge))
  else if (refusal && !passing.includes(refusal.code)) {
    if (isSame) vm.live.isDiskInDoubt = true
    end(step, vm, merge, refusal)
  } else vm.live.mergeTries = later(step, vm)
}

/** @param layers absent: its disk stays; it has the new layer already, or needs it no more. */
function take(step: Step, vm: Vm, merge: Merge, layers: readonly string[] | undefined): void {
  if (layers) vm.disk = { ...vm.disk, layers: [...layers] }
  const { into, layers: old } = merge
  if (!vm.disk.layers.includes(into)) {
    end(step, vm, merge, undefined)
    return
  }
  vm.layerWeights = weightsWith(vm, merge)
  delete vm.merge
  vm.live.mergeTries = { count: 0, nextAtMs: 0 }
  touch(step, 'vm', vm.id)
  wantSweep(step)
  const text = `${old.length} layers of the disk of ${vm.id} are one now; it has ${vm.disk.layers.length}`
  tell(step, 'layers-merged', text, { vmId: vm.id })
}

/** Only of layers that it has: what a restore brings back counts as one again. */
function weightsWith({ disk, layerWeights = {} }: Vm, { layers, into }: Merge) {
  const sum = layers.reduce((total, name) => total + (layerWeights[name] ?? 1), 0)
  const all = Object.entries({ ...layerWeights, [into]: sum })
  return Object.fromEntries(all.filter(([name]) => disk.layers.includes(name)))
}

/** Nothing comes of it. @param why absent: nobody needs it any more. */
function end(step: Step, vm: Vm, { layers }: Merge, why: Fault | undefined): void {
  delete vm.merge
  touch(step, 'vm', vm.id)
  wantSweep(step)
  if (!why) return
  vm.live.mergeTries = later(step, vm)
  const text = `${layers.length} layers of the disk of ${vm.id} were not merged: ${why.message}`
  tell(step, 'merge-failed', text, { vmId: vm.id })
}

function later({ nowMs }: Step, { live: { mergeTries } }: Vm): Vm['live']['mergeTries'] {
  const afterMs = Math.min(mergeRetryMs * 2 ** mergeTries.count, mergeRetryMsMax)
  return { count: mergeTries.count + 1, nextAtMs: nowMs + afterMs }
}
