// What a person may ask for, decided at once: accepted (the answer shows what was decided; what
// comes of it is seen in views and events) or refused by a fault that names the mend. Which action
// is allowed in which phase is the table of proto/state.ts, the same that the page uses.

import type { CloneView } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { asNodeId, asVmId, type VmId } from '#proto/ids.ts'
import type { VmAction } from '#proto/state.ts'
import { mebibyte, pageBytes } from '#proto/units.ts'
import type { VmSpec } from '#proto/vm-spec.ts'
import { outOfReach, refusal, unknownNode, unknownVm } from './action-refusals.ts'
import { clonesLike, nodeForClones } from './clone-places.ts'
import { addClones, tooManyLayers, withTop } from './clones.ts'
import { type Vm, vmLive } from './cluster-state.ts'
import { sendBalloon, sendToOwner } from './commands-out.ts'
import { tell } from './events.ts'
import { admit, declare, haView } from './ha/commands.ts'
import { circleOfNew, joinGroup, setPolicy } from './ha/groups.ts'
import { mergeNow } from './layer-merges.ts'
import { addMigration } from './migration-doors.ts'
import { planMigration } from './migrations.ts'
import {
  cancel,
  fenceNode,
  foresee,
  maintain,
  migrate,
  rebalanceNow,
  relocate,
  switchToPostCopy,
} from './move-commands.ts'
import { networkFrom, specOfNew } from './networks.ts'
import { disown, own } from './owners.ts'
import { isNode, nodeToStart, placeWaiting } from './placement.ts'
import { powerView } from './power/energy.ts'
import { setPower, sleep, wake } from './power/standby.ts'
import { overQuota, setQuota, takenByNew, takenByStart } from './quotas.ts'
import {
  cannotRestore,
  compareSnapshots,
  dropSnapshot,
  snapshotsOf,
  takeSnapshot,
} from './snapshots.ts'
import type { ApiAnswer, ApiCommand, Step } from './step-context.ts'
import { isReachable, takeSerial } from './step-context.ts'
import { type FileCommand, isFileCommand, takeFileCommand } from './template-files.ts'
import { dropTemplate, isTemplateName, keepTemplate, readyTemplate } from './templates.ts'
import { migrationView, vmView } from './views.ts'
import {
  addVm,
  becomePending,
  becomeStopped,
  becomeStopping,
  removeVm,
  setMigration,
  setVmFault,
} from './vm-doors.ts'

type Asked<Do extends ApiCommand['do']> = Extract<ApiCommand, { do: Do }>

/** Decides and acts. Faults change nothing. */
export function takeCommand(step: Step, command: ApiCommand): ApiAnswer {
  const answer = isFileCommand(command) ? takeFileCommand(step, command) : dispatch(step, command)
  return answer !== null && 'code' in answer ? { fault: answer } : { value: answer }
}

type Value = Extract<ApiAnswer, { value: unknown }>['value']

function dispatch(step: Step, command: Exclude<ApiCommand, FileCommand>): Value | Fault {
  switch (command.do) {
    case 'run':
      return run(step, command)
    case 'migrate':
      return onVm(step, command.vmId, 'migrate', (vm) => migrate(step, vm, command))
    case 'relocate':
      return onVm(step, command.vmId, 'relocate', (vm) => relocate(step, vm, command))
    case 'forecast':
      return onVm(step, command.vmId, 'migrate', (vm) => foresee(step, vm, command))
    case 'clone':
      return onVm(step, command.vmId, 'clone', (vm) => clone(step, vm, command))
    case 'pause':
    case 'resume':
      return pauseOrResume(step, command.vmId, command.do)
    case 'balloon':
      return onVm(step, command.vmId, 'balloon', (vm) => balloon(step, vm, command.memoryMib))
    case 'stop':
      return onVm(step, command.vmId, 'stop', (vm) => stop(step, vm))
    case 'start':
      return onVm(step, command.vmId, 'start', (vm) => start(step, vm))
    case 'remove':
      return onVm(step, command.vmId, 'remove', (vm) => remove(step, vm))
    case 'snapshot':
      return onVm(step, command.vmId, 'snapshot', (vm) => takeSnapshot(step, vm, command.name))
    case 'merge':
      return onVm(step, command.vmId, 'merge', (vm) => mergeNow(step, vm) ?? vmView(step.state, vm))
    case 'restore':
      return onVm(step, command.vmId, 'restore', (vm) => restore(step, vm, command.name))
    default:
      return dispatchOther(step, command)
  }
}

type OfVm =
  | 'run'
  | 'migrate'
  | 'relocate'
  | 'forecast'
  | 'clone'
  | 'pause'
  | 'resume'
  | 'balloon'
  | 'stop'
type OfVmToo = 'start' | 'remove' | 'snapshot' | 'restore' | 'merge'
type Other = Exclude<ApiCommand, FileCommand | { do: OfVm | OfVmToo }>
type OfHa = Asked<'set-policy' | 'set-group' | 'drop-group' | 'set-rule' | 'drop-rule' | 'set-ha'>

/** What is not about one VM as it is now. */
function dispatchOther(step: Step, command: Other): Value | Fault {
  switch (command.do) {
    case 'drop-snapshot':
      return dropSnapshot(step, command.vmId, command.name)
    case 'post-copy':
      return switchToPostCopy(step, command.migrationId)
    case 'keep-template':
      return keepTemplate(step, command)
    case 'drop-template':
      return dropTemplate(step, command.name)
    case 'compare-snapshots':
      return compareSnapshots(step, command)
    case 'cancel-migration':
      return cancel(step, command.migrationId)
    case 'maintenance':
    case 'end-maintenance':
      return maintain(step, command)
    case 'rebalance':
      return rebalanceNow(step)
    case 'set-power':
      return setPower(step, command.change) ?? powerView(step.state)
    case 'sleep':
    case 'wake':
      return sleepOrWake(step, command)
    case 'fence':
      return fenceNode(step, command)
    case 'own':
      return own(step, command.vmId, command.owner)
    case 'disown':
      return disown(step, command.owner)
    case 'set-quota':
      return setQuota(step, command.person, command.allowed)
    case 'note':
      tell(step, 'access', command.text, { vmId: command.vmId })
      return null
    default:
      return dispatchHa(step, command)
  }
}

function sleepOrWake(step: Step, command: Asked<'sleep' | 'wake'>): Value | Fault {
  const node = step.state.nodes.get(command.nodeId)
  if (!node) return unknownNode(step.state, command.nodeId)
  const why = 'an operator wants it so'
  const refused = command.do === 'sleep' ? sleep(step, node, why, true) : wake(step, node, why)
  return refused ?? powerView(step.state)
}

/** Policies, rules, settings: live from now on. */
function dispatchHa(step: Step, command: OfHa): Value | Fault {
  step.state.keepRulesAtMs = step.nowMs
  if (command.do === 'set-policy') {
    const vm = step.state.vms.get(command.vmId)
    return vm
      ? (setPolicy(step, vm, command.change) ?? vmView(step.state, vm))
      : unknownVm(command.vmId)
  }
  return declare(step, command) ?? haView(step.state)
}

function onVm(
  step: Step,
  vmId: VmId,
  action: VmAction,
  act: (vm: Vm) => Value | Fault,
): Value | Fault {
  const vm = step.state.vms.get(vmId)
  if (!vm) return unknownVm(vmId)
  return refusal(step.state, vm, action) ?? act(vm)
}

function pauseOrResume(step: Step, vmId: VmId, kind: 'pause' | 'resume'): Value | Fault {
  return onVm(step, vmId, kind, (vm) => {
    setVmFault(step, vm, undefined)
    return sendToOwner(step, vm, kind) ? vmView(step.state, vm) : outOfReach(vm.nodeId)
  })
}

function balloon(step: Step, vm: Vm, memoryMib: number): Value | Fault {
  const givenUpMib = vm.spec.memoryMib - memoryMib
  if (givenUpMib < 0)
    return fault(
      'bad-request',
      `${vm.id} has ${vm.spec.memoryMib} MiB, and a balloon can only take from it: ask for less`,
    )
  setVmFault(step, vm, undefined)
  const isSent = sendBalloon(step, vm, (givenUpMib * mebibyte) / pageBytes)
  return isSent ? vmView(step.state, vm) : outOfReach(vm.nodeId)
}

function run(step: Step, { request, identity, owner }: Asked<'run'>): Value | Fault {
  const { state } = step
  if (state.vms.has(asVmId(request.id)))
    return fault('name-taken', `there is a VM ${request.id} already: choose another name`)
  if (isTemplateName(request.id)) return keptForTemplates
  const template = request.template ? readyTemplate(step, request.template) : undefined
  if (template && 'code' in template) return template
  const pinnedTo = request.nodeId === undefined ? undefined : asNodeId(request.nodeId)
  if (pinnedTo !== undefined && !state.nodes.has(pinnedTo)) return unknownNode(step.state, pinnedTo)
  const startOn = request.startOn === undefined ? undefined : asNodeId(request.startOn)
  if (startOn !== undefined && !state.nodes.has(startOn)) return unknownNode(step.state, startOn)
  const id = asVmId(request.id)
  const serial = takeSerial(step)
  const wished = template ? specFrom(template.record.spec, request.spec) : request.spec
  const spec = specOfNew(wished, owner)
  const empty = { sizeBytes: spec.diskMib * mebibyte, layers: [] }
  const vm: Vm = {
    ...{ id, serial, identity, ...(owner !== undefined && { owner }) },
    phase: 'pending',
    spec,
    disk: withTop(template?.record.disk ?? empty, id, serial),
    ...(template && { deployFrom: template.id }),
    ...(pinnedTo !== undefined && { pinnedTo }),
    ...(startOn !== undefined && { startOn }),
    epoch: 0 as Vm['epoch'],
    bootEpoch: 0 as Vm['epoch'],
    recoveries: 0,
    isRecovery: false,
    ...(request.policy ? { policy: request.policy } : {}),
    live: vmLive(),
  }
  const looped = circleOfNew(state, vm)
  const refused = looped ?? overQuota(state, owner, takenByNew(spec)) ?? admitStart(step, vm)
  if (refused) return refused
  addVm(step, vm)
  joinGroup(step, vm)
  placeWaiting(step)
  return vmView(step.state, vm)
}

const keptForTemplates = fault(
  'name-taken',
  'names that begin with template- are kept for templates',
)

/** Where it would be placed, is there room for it in an outage too? */
function admitStart(step: Step, vm: Vm): Fault | undefined {
  // One that is there is counted where it is.
  if (step.state.ha.tolerate === 0 || vm.nodeId !== undefined) return undefined
  const node = nodeToStart(step.state, vm)
  return admit(step, [vm], isNode(node) ? node.id : undefined)
}

/** What runs in it is the template's; how much of a core it may have, the operator's. */
const specFrom = (made: VmSpec, wish: VmSpec): VmSpec => ({
  ...made,
  ...{ cpuShares: wish.cpuShares, cpuCapPercent: wish.cpuCapPercent, ha: wish.ha },
  network: networkFrom(made.network, wish.network),
})

function clone(step: Step, parent: Vm, { request, identities }: Asked<'clone'>): CloneView | Fault {
  const ids = request.ids.map(asVmId)
  const taken = ids.find((id, n) => step.state.vms.has(id) || ids.indexOf(id) !== n)
  if (taken !== undefined)
    return fault('name-taken', `there is a VM ${taken} already: choose other names`)
  if (ids.some(isTemplateName)) return keptForTemplates
  const [looped] = ids.flatMap((id) => circleOfNew(step.state, { id }) ?? [])
  const over = overQuota(step.state, parent.owner, takenByNew(parent.spec, ids.length))
  const layered = looped ?? over ?? tooManyLayers(parent)
  if (layered) return layered
  const node = nodeForClones(step, parent, ids, request.to)
  if (!isNode(node)) return node
  const refused = admit(step, clonesLike(parent, ids, node.id), node.id)
  if (refused) return refused
  const migration = planMigration(step, {
    ...{ purpose: 'clone', vm: parent, to: node.id, cause: 'operator', params: request.params },
  })
  const clones = addClones(step, migration, parent, ids, identities)
  addMigration(step, migration)
  setMigration(step, parent, parent.migrationId ?? migration.id)
  return { migration: migrationView(migration), vms: clones.map((vm) => vmView(step.state, vm)) }
}

function remove(step: Step, vm: Vm): null | Fault {
  const [snapshot] = snapshotsOf(step.state, vm.id)
  if (snapshot)
    return fault(
      'wrong-state',
      `${vm.id} has snapshots: \`godwit snapshot rm ${vm.id} ${snapshot.name}\` first`,
    )
  // Wherever it ran a copy may stand still, cut off, whatever was ordered since.
  removeVm(step, vm, vm.epoch > 0)
  return null
}

/**
 * What runs is stopped; when it surely is, the VM starts from the snapshot. The answer shows the
 * epoch before: the VM goes on under a later one.
 */
function restore(step: Step, vm: Vm, name: string): Value | Fault {
  const over = overQuota(step.state, vm.owner, takenByStart(vm))
  const refused = cannotRestore(step, vm, name) ?? over ?? admitStart(step, vm)
  if (refused) return refused
  if (vm.nodeId !== undefined && !isReachable(step.state.nodes.get(vm.nodeId)))
    return outOfReach(vm.nodeId)
  vm.restoreFrom = name
  if (vm.nodeId === undefined) becomePending(step, vm, 0)
  else {
    becomeStopping(step, vm)
    sendToOwner(step, vm, 'stop')
  }
  return vmView(step.state, vm)
}

function stop(step: Step, vm: Vm): Value | Fault {
  delete vm.restoreFrom
  delete vm.relocateTo
  if (vm.nodeId === undefined) becomeStopped(step, vm, 'as asked')
  else {
    becomeStopping(step, vm)
    sendToOwner(step, vm, 'stop')
  }
  return vmView(step.state, vm)
}

function start(step: Step, vm: Vm): Value | Fault {
  if (vm.nodeId !== undefined)
    return fault(
      'wrong-state',
      `${vm.nodeId} is lost and may still run ${vm.id}: bring ${vm.nodeId} back, or switch it ` +
        `off and say so: \`godwit node fence ${vm.nodeId} --off\``,
    )
  const refused = overQuota(step.state, vm.owner, takenByStart(vm)) ?? admitStart(step, vm)
  if (refused) return refused
  delete vm.tries
  becomePending(step, vm, 0)
  placeWaiting(step)
  return vmView(step.state, vm)
}
