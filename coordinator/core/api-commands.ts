// What a person may ask for, decided at once: accepted (the answer shows what was decided; what
// comes of it is seen in views and events) or refused by a fault that names the mend. Which action
// is allowed in which phase is the table of proto/state.ts, the same that the page uses.

import type { CloneView, ForecastView, RebalanceView } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { asNodeId, asVmId, type MigrationId, type VmId } from '#proto/ids.ts'
import {
  mayAct,
  type VmAction,
  type VmPhase,
  vmActionPhases,
  vmPhaseSentences,
} from '#proto/state.ts'
import { mebibyte, pageBytes } from '#proto/units.ts'
import type { VmSpec } from '#proto/vm-spec.ts'
import { addClones, tooManyLayers, withTop } from './clones.ts'
import { type Migration, type Node, type Vm, vmLive } from './cluster-state.ts'
import { sendBalloon, sendCancel, sendSwitch, sendToOwner } from './commands-out.ts'
import { beginMaintenance, endMaintenance } from './evacuation.ts'
import { forecastOf, hopeless } from './forecasts.ts'
import { addMigration } from './migration-doors.ts'
import { endByFault } from './migration-end.ts'
import { planMigration } from './migrations.ts'
import { chooseNode, demandOf, isNode, placeWaiting, wishOf } from './placement.ts'
import { rebalance } from './rebalance.ts'
import {
  cannotRestore,
  compareSnapshots,
  dropSnapshot,
  snapshotsOf,
  takeSnapshot,
} from './snapshots.ts'
import type { ApiAnswer, ApiCommand, Step } from './step-context.ts'
import { isReachable, takeSerial, touch } from './step-context.ts'
import { dropTemplate, isTemplateName, keepTemplate, readyTemplate } from './templates.ts'
import { migrationView, nodeView, vmView } from './views.ts'
import {
  addVm,
  becomeMigrating,
  becomePending,
  becomeStopped,
  becomeStopping,
  removeVm,
  setVmFault,
} from './vm-doors.ts'

type Asked<Do extends ApiCommand['do']> = Extract<ApiCommand, { do: Do }>

/** Decides and acts. Faults change nothing. */
export function takeCommand(step: Step, command: ApiCommand): ApiAnswer {
  const answer = dispatch(step, command)
  return answer !== null && 'code' in answer ? { fault: answer } : { value: answer }
}

type Value = Extract<ApiAnswer, { value: unknown }>['value']

function dispatch(step: Step, command: ApiCommand): Value | Fault {
  switch (command.do) {
    case 'run':
      return run(step, command)
    case 'migrate':
      return onVm(step, command.vmId, 'migrate', (vm) => migrate(step, vm, command))
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
    case 'restore':
      return onVm(step, command.vmId, 'restore', (vm) => restore(step, vm, command.name))
    default:
      return dispatchOther(step, command)
  }
}

type OfVm = 'run' | 'migrate' | 'forecast' | 'clone' | 'pause' | 'resume' | 'balloon' | 'stop'
type OfVmToo = 'start' | 'remove' | 'snapshot' | 'restore'
type Other = Exclude<ApiCommand, { do: OfVm | OfVmToo }>

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
  }
}

function onVm(
  step: Step,
  vmId: VmId,
  action: VmAction,
  act: (vm: Vm) => Value | Fault,
): Value | Fault {
  const vm = step.state.vms.get(vmId)
  if (!vm) return unknownVm(vmId)
  return refusal(vm, action) ?? act(vm)
}

function pauseOrResume(step: Step, vmId: VmId, kind: 'pause' | 'resume'): Value | Fault {
  return onVm(step, vmId, kind, (vm) => {
    setVmFault(step, vm, undefined)
    return sendToOwner(step, vm, kind) ? vmView(vm) : outOfReach(vm.nodeId)
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
  return isSent ? vmView(vm) : outOfReach(vm.nodeId)
}

const outOfReach = (nodeId: string | undefined): Fault =>
  fault('link-lost', `${nodeId} cannot be reached now: ask again when it is online`)

export const unknownVm = (vmId: string): Fault =>
  fault('unknown-vm', `there is no VM ${vmId}: \`godwit vms\` lists those there are`)

/** The phase, and what it means where that is not the same. */
function standing(phase: VmPhase): string {
  const sentence = vmPhaseSentences[phase]
  return sentence === `is ${phase}` ? sentence : `is ${phase} (it ${sentence})`
}

function refusal(vm: Vm, action: VmAction): Fault | undefined {
  const allowed = vmActionPhases[action].join(' or ')
  if (!mayAct(action, vm.phase))
    return fault('wrong-state', `${vm.id} ${standing(vm.phase)}; ${action} needs it ${allowed}`)
  // Several clones of one parent may queue; everything else waits until the VM is left alone.
  if (vm.migrationId !== undefined && action !== 'clone')
    return fault(
      'wrong-state',
      `${vm.id} is ${vm.phase}, in ${vm.migrationId}: wait until that has ended, or cancel it`,
    )
  return undefined
}

function run(step: Step, { request, identity }: Asked<'run'>): Value | Fault {
  const { state } = step
  if (state.vms.has(asVmId(request.id)))
    return fault('name-taken', `there is a VM ${request.id} already: choose another name`)
  if (isTemplateName(request.id))
    return fault('name-taken', 'names that begin with template- are kept for templates')
  const template = request.template ? readyTemplate(step, request.template) : undefined
  if (template && 'code' in template) return template
  const pinnedTo = request.nodeId === undefined ? undefined : asNodeId(request.nodeId)
  if (pinnedTo !== undefined && !state.nodes.has(pinnedTo)) return unknownNode(step, pinnedTo)
  const startOn = request.startOn === undefined ? undefined : asNodeId(request.startOn)
  if (startOn !== undefined && !state.nodes.has(startOn)) return unknownNode(step, startOn)
  const id = asVmId(request.id)
  const serial = takeSerial(step)
  const spec = template ? specFrom(template.record.spec, request.spec) : request.spec
  const empty = { sizeBytes: spec.diskMib * mebibyte, layers: [] }
  const vm: Vm = {
    ...{ id, serial, identity },
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
    live: vmLive(),
  }
  addVm(step, vm)
  placeWaiting(step)
  return vmView(vm)
}

/** What runs in it is the template's; how much of a core it may have, the operator's. */
const specFrom = (made: VmSpec, wish: VmSpec): VmSpec => ({
  ...made,
  ...{ cpuShares: wish.cpuShares, cpuCapPercent: wish.cpuCapPercent, ha: wish.ha },
})

const unknownNode = (step: Step, nodeId: string): Fault =>
  fault(
    'unknown-node',
    `there is no node ${nodeId}; there are ${[...step.state.nodes.keys()].join(', ') || 'none'}`,
  )

/** The node a copy goes to: the one that was named if it can take it, or the best. */
function destinationFor(
  step: Step,
  vm: Vm,
  to: string | undefined,
  wish: { memoryMib: number; demandPercent: number },
): Node | Fault {
  if (to === undefined)
    return chooseNode(step.state, wish, { but: new Set(vm.nodeId ? [vm.nodeId] : []) })
  const only = asNodeId(to)
  if (!step.state.nodes.has(only)) return unknownNode(step, to)
  return chooseNode(step.state, wish, { only })
}

function migrate(step: Step, vm: Vm, { request }: Asked<'migrate'>): Value | Fault {
  if (request.to === vm.nodeId)
    return fault('bad-request', `${vm.id} is on ${vm.nodeId} already: name another node`)
  const wish = { memoryMib: vm.spec.memoryMib, demandPercent: demandOf(vm) }
  const node = destinationFor(step, vm, request.to, wish)
  if (!isNode(node)) return node
  const forecast = forecastOf(step.state, vm, node.id, request.params)
  if (forecast?.verdict === 'hopeless' && !request.force) return hopeless(vm, forecast)
  return migrationView(beginQueue(step, vm, node, request.cause, request.params))
}

/** What a migration would be like; nothing is changed. */
function foresee(step: Step, vm: Vm, { request }: Asked<'forecast'>): ForecastView | Fault {
  const wish = { memoryMib: vm.spec.memoryMib, demandPercent: demandOf(vm) }
  const node = destinationFor(step, vm, request.to, wish)
  if (!isNode(node)) return node
  const forecast = forecastOf(step.state, vm, node.id, request.params)
  const from = vm.nodeId ?? node.id
  return { vmId: vm.id, from, to: node.id, ...(forecast ? { forecast } : {}) }
}

/** Also what rebalancing does with each of its moves. */
export function beginQueue(
  step: Step,
  vm: Vm,
  to: Node,
  cause: string,
  params?: Asked<'migrate'>['request']['params'],
): Migration {
  const migration = planMigration(step, { purpose: 'migrate', vm, to: to.id, cause, params })
  addMigration(step, migration)
  becomeMigrating(step, vm, migration.id)
  return migration
}

function clone(step: Step, parent: Vm, { request, identities }: Asked<'clone'>): CloneView | Fault {
  const ids = request.ids.map(asVmId)
  const taken = ids.find((id, n) => step.state.vms.has(id) || ids.indexOf(id) !== n)
  if (taken !== undefined)
    return fault('name-taken', `there is a VM ${taken} already: choose other names`)
  const layered = tooManyLayers(parent)
  if (layered) return layered
  const wish = wishOf(parent.spec, ids.length)
  const own = request.to ?? parent.nodeId
  const near = destinationFor(step, parent, own, wish)
  const isFree = request.to === undefined && !isNode(near)
  const node = isFree ? destinationFor(step, parent, undefined, wish) : near
  if (!isNode(node)) return node
  const migration = planMigration(step, {
    ...{ purpose: 'clone', vm: parent, to: node.id, cause: 'operator', params: request.params },
  })
  const clones = addClones(step, migration, parent, ids, identities)
  addMigration(step, migration)
  parent.migrationId ??= migration.id
  touch(step, 'vm', parent.id)
  return { migration: migrationView(migration), vms: clones.map(vmView) }
}

function remove(step: Step, vm: Vm): null | Fault {
  const [snapshot] = snapshotsOf(step.state, vm.id)
  if (snapshot)
    return fault(
      'wrong-state',
      `${vm.id} has snapshots: \`godwit snapshot rm ${vm.id} ${snapshot.name}\` first`,
    )
  removeVm(step, vm, vm.nodeId !== undefined)
  return null
}

/**
 * What runs is stopped; when it surely is, the VM starts from the snapshot. The answer shows the
 * epoch before: the VM goes on under a later one.
 */
function restore(step: Step, vm: Vm, name: string): Value | Fault {
  const refused = cannotRestore(step, vm, name)
  if (refused) return refused
  if (vm.nodeId !== undefined && !isReachable(step.state.nodes.get(vm.nodeId)))
    return outOfReach(vm.nodeId)
  vm.restoreFrom = name
  if (vm.nodeId === undefined) becomePending(step, vm, 0)
  else {
    becomeStopping(step, vm)
    sendToOwner(step, vm, 'stop')
  }
  return vmView(vm)
}

function stop(step: Step, vm: Vm): Value | Fault {
  delete vm.restoreFrom
  if (vm.nodeId === undefined) becomeStopped(step, vm, 'as asked')
  else {
    becomeStopping(step, vm)
    sendToOwner(step, vm, 'stop')
  }
  return vmView(vm)
}

function start(step: Step, vm: Vm): Value | Fault {
  if (vm.nodeId !== undefined)
    return fault(
      'wrong-state',
      `${vm.nodeId} is lost and may still run ${vm.id}: bring ${vm.nodeId} back, or remove the VM`,
    )
  becomePending(step, vm, 0)
  placeWaiting(step)
  return vmView(vm)
}

function cancel(step: Step, id: MigrationId): Value | Fault {
  const migration = step.state.migrations.get(id)
  if (!migration) return fault('unknown-migration', `there is no migration ${id}`)
  const { phase } = migration
  if (phase !== 'queued' && phase !== 'copying')
    return fault('wrong-state', `${id} is ${phase}; cancel needs it queued or copying`)
  if (phase === 'copying' && !sendCancel(step, migration, migration.live.asked === undefined))
    return outOfReach(migration.from)
  migration.isCancelRequested = true
  touch(step, 'migration', id)
  if (phase === 'queued')
    endByFault(step, migration, fault('cancelled', 'cancelled while it was queued'))
  return migrationView(migration)
}

function switchToPostCopy(step: Step, id: MigrationId): Value | Fault {
  const migration = step.state.migrations.get(id)
  if (!migration) return fault('unknown-migration', `there is no migration ${id}`)
  const { phase, purpose } = migration
  if (purpose === 'clone') return fault('wrong-state', `${id} makes clones: it cannot switch over`)
  if (phase !== 'queued' && phase !== 'copying')
    return fault('wrong-state', `${id} is ${phase}; this needs it queued or copying`)
  if (phase === 'copying' && !sendSwitch(step, migration)) return outOfReach(migration.from)
  migration.params = { ...migration.params, mode: 'post-copy' }
  touch(step, 'migration', id)
  return migrationView(migration)
}

function maintain(
  step: Step,
  command: Asked<'maintenance'> | Asked<'end-maintenance'>,
): Value | Fault {
  const node = step.state.nodes.get(command.nodeId)
  if (!node) return unknownNode(step, command.nodeId)
  const refused =
    command.do === 'maintenance'
      ? beginMaintenance(step, node, command.params)
      : endMaintenance(step, node)
  return refused ?? nodeView(step.state, node, step.nowMs)
}

function rebalanceNow(step: Step): RebalanceView {
  const plan = rebalance(step.state, step.nowMs, { isAsked: true })
  carryOut(step, plan)
  return plan
}

/** Turns the moves of a plan into migrations. */
export function carryOut(step: Step, plan: RebalanceView): void {
  for (const move of plan.moves) {
    const vm = step.state.vms.get(asVmId(move.vmId))
    const to = step.state.nodes.get(asNodeId(move.to))
    if (vm && to) beginQueue(step, vm, to, 'rebalance')
  }
}
