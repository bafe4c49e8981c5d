// Clones: new VMs from one stop-and-copy of a running parent. The parent goes on under its own
// epoch on a new top layer of its disk; each clone gets an identity of its own and its own top
// layer over the parent's old ones. Until they run, clones are VMs in phase `starting` with a
// migrationId; a clone that never ran is removed again.

import { type Fault, fault } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { streamsVersion } from '#proto/units.ts'
import type { DiskRef, VmIdentity } from '#proto/vm-spec.ts'
import { type ClusterState, type Migration, type Node, type Vm, vmLive } from './cluster-state.ts'
import { joinGroup } from './ha/groups.ts'
import { diskLayersMax } from './limits.ts'
import { becomeCopying } from './migration-doors.ts'
import { type Step, sendTo, takeCommandId, takeEpoch, takeSerial, touch } from './step-context.ts'
import { addVm } from './vm-doors.ts'

/** The VMs that a clone request makes, on the node they will start on. */
export function addClones(
  step: Step,
  migration: Migration,
  parent: Vm,
  ids: readonly VmId[],
  identities: readonly VmIdentity[],
): Vm[] {
  migration.cloneIds = [...ids]
  return ids.map((id, n) => {
    const identity = identities[n]
    invariant(identity, `clone ${id} has no identity`)
    const epoch = takeEpoch(step)
    const clone: Vm = {
      ...{ id, identity, epoch, bootEpoch: epoch },
      serial: takeSerial(step),
      phase: 'starting',
      spec: parent.spec,
      disk: { sizeBytes: parent.disk.sizeBytes, layers: [] },
      nodeId: migration.to,
      migrationId: migration.id,
      clonedFrom: parent.id,
      ...(parent.owner !== undefined && { owner: parent.owner }),
      recoveries: 0,
      isRecovery: false,
      live: vmLive(),
    }
    addVm(step, clone)
    joinGroup(step, clone)
    return clone
  })
}

/**
 * Why this VM's disk may not get another layer. Asked at the request, and again when the clone
 * begins: those that were queued before it have given the parent layers meanwhile.
 */
export const tooManyLayers = ({ id, disk }: Vm): Fault | undefined =>
  disk.layers.length < diskLayersMax
    ? undefined
    : fault(
        'wrong-state',
        `the disk of ${id} has too many layers, and they are not merged yet: ask again in a ` +
          `moment, and see \`godwit disk show ${id}\``,
      )

/**
 * Layers are decided now and not at the request: an earlier clone of this parent may have given it
 * a new top.
 */
export function beginClone(step: Step, migration: Migration, from: Node, to: Node): void {
  const parent = step.state.vms.get(migration.vmId)
  invariant(parent, `the parent of ${migration.id} is gone`)
  const clones = migration.cloneIds.flatMap((id) => step.state.vms.get(id) ?? [])
  for (const clone of clones) {
    clone.disk = withTop(parent.disk, clone.id, takeSerial(step))
    if (parent.layerWeights) clone.layerWeights = parent.layerWeights
    touch(step, 'vm', clone.id)
  }
  const commandId = takeCommandId(step)
  // From now on a restart of the parent uses the new layers: they hold what the old ones hold, and
  // the clones own those. When the clone fails before the change, the parent's next report brings
  // its old layers back, and no other clone begins before that (migrations.ts).
  const parentDisk = withTop(parent.disk, parent.id, takeSerial(step))
  Object.assign(migration, { commandId, parentDisk })
  parent.disk = parentDisk
  touch(step, 'vm', parent.id)
  becomeCopying(step, migration)
  const { id: migrationId, vmId, epoch, params } = migration
  sendTo(step, from, {
    ...{ t: 'clone', commandId, vmId, epoch, migrationId, parentDisk },
    params: paramsFor(from, params),
    destination: { nodeId: to.id, address: to.peerAddress },
    ...kinAt(step.state, parent, from, to),
    clones: clones.map(({ id, epoch, spec, identity, disk }) => ({
      ...{ vmId: id, epoch, spec, identity, disk },
    })),
  })
}

/**
 * A disk with nothing in it, or the layers of one under a new top. A VM without a disk has no
 * layers.
 */
export function withTop(disk: DiskRef, vmId: VmId, serial: number): DiskRef {
  if (disk.sizeBytes === 0) return disk
  return { sizeBytes: disk.sizeBytes, layers: [...disk.layers, `${vmId}.${serial}.disk`] }
}

/** As this agent understands them. */
export function paramsFor(node: Node, params: MigrationParams): MigrationParams {
  const { streams: _, ...plain } = params
  return node.live.protocolVersion < streamsVersion ? plain : params
}

/** A VM's family has most of its pages in common with it: so many are named at most. */
const kinMax = 8
/** Agents before this know nothing of kin. */
const kinVersion = 2

/** Of its family and size, running at the destination; nothing where an end is too old. */
export function kinAt(state: ClusterState, vm: Vm, from: Node, to: Node): { kin?: VmId[] } {
  if (from.live.protocolVersion < kinVersion || from.id === to.id) return {}
  const root = rootOf(state, vm)
  const kin = [...to.live.vmIds].filter((id) => {
    const other = state.vms.get(id)
    if (!other || other.id === vm.id || other.phase !== 'running') return false
    return other.spec.memoryMib === vm.spec.memoryMib && rootOf(state, other) === root
  })
  return kin.length > 0 ? { kin: kin.slice(0, kinMax) } : {}
}

/** The first of its family that is remembered. */
function rootOf(state: ClusterState, vm: Vm): VmId {
  const seen = new Set<VmId>()
  let at: Vm = vm
  while (at.clonedFrom !== undefined && !seen.has(at.id)) {
    seen.add(at.id)
    const parent = state.vms.get(at.clonedFrom)
    if (!parent) return at.clonedFrom
    at = parent
  }
  return at.id
}
