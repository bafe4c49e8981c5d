// What a person may ask for about where VMs are: migrations and what is done with them, forecasts,
// maintenance of a node, a rebalance. Decided at once; faults change nothing. VMs that a rule keeps
// together go together. Not here: everything else that may be asked for (api-commands.ts).

import type { ForecastView, RebalanceView } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { asNodeId, asVmId, type MigrationId } from '#proto/ids.ts'
import { migrationHasEnded } from '#proto/state.ts'
import { outOfReach, refusal, standing, unknownNode } from './action-refusals.ts'
import { type Wish, wishOfAll } from './burdens.ts'
import type { Migration, Node, Vm } from './cluster-state.ts'
import { sendCancel, sendSwitch, sendToOwner } from './commands-out.ts'
import { beginMaintenance, endMaintenance } from './evacuation.ts'
import { fenceByHand } from './fencing.ts'
import { forecastOf, hopeless } from './forecasts.ts'
import { chooseKeeping } from './ha/admission.ts'
import { admit } from './ha/commands.ts'
import { companyOf } from './ha/rules.ts'
import { seeFence } from './membership.ts'
import { addMigration } from './migration-doors.ts'
import { endByFault } from './migration-end.ts'
import { type MigrationPlan, planMigration } from './migrations.ts'
import { chooseNode, isNode, type Where } from './placement.ts'
import { overQuota, takenByStart } from './quotas.ts'
import { rebalance } from './rebalance.ts'
import type { ApiAnswer, ApiCommand, Step } from './step-context.ts'
import { isReachable, touch } from './step-context.ts'
import { migrationView, nodeView, vmView } from './views.ts'
import { becomeMigrating, becomePending, becomeStopping } from './vm-doors.ts'

type Asked<Do extends ApiCommand['do']> = Extract<ApiCommand, { do: Do }>
type Value = Extract<ApiAnswer, { value: unknown }>['value']

/** The node a copy goes to: the one that was named if it can take it, or the best. */
export function destinationFor(
  step: Step,
  vm: Vm,
  to: string | undefined,
  wish: Wish,
  rules: Pick<Where, 'vm' | 'along' | 'coming'> = {},
): Node | Fault {
  if (to === undefined) {
    const but = new Set(vm.nodeId ? [vm.nodeId] : [])
    return chooseKeeping(step.state, wish, { ...rules, but }, rules.coming ?? [vm])
  }
  const only = asNodeId(to)
  if (!step.state.nodes.has(only)) return unknownNode(step.state, to)
  return chooseNode(step.state, wish, { ...rules, only })
}

export function migrate(step: Step, vm: Vm, { request }: Asked<'migrate'>): Value | Fault {
  const journey = journeyOf(step, vm, request.to)
  if ('code' in journey) return journey
  const { node, moving } = journey
  const forecast = forecastOf(step.state, vm, node.id, request.params)
  if (forecast?.verdict === 'hopeless' && !request.force) return hopeless(vm, forecast)
  const { cause, params } = request
  const own = beginQueue(step, vm, node, { cause, params })
  const why = `a rule keeps it together with ${vm.id}`
  for (const mate of moving)
    if (mate !== vm && mate.nodeId !== node.id) beginQueue(step, mate, node, { cause, why, params })
  return migrationView(own)
}

/** Where it would go, and who goes along; or why it may not. */
function journeyOf(
  step: Step,
  vm: Vm,
  to: string | undefined,
): { readonly node: Node; readonly moving: readonly Vm[] } | Fault {
  if (to === vm.nodeId)
    return fault('bad-request', `${vm.id} is on ${vm.nodeId} already: name another node`)
  const company = companyOf(step.state, vm).filter(({ nodeId }) => nodeId !== undefined)
  const busy = company.find((mate) => mate !== vm && refusal(step.state, mate, 'migrate'))
  if (busy)
    return fault(
      'wrong-state',
      `a rule keeps ${vm.id} together with ${busy.id}, which ${standing(busy.phase)}: it cannot move`,
    )
  const along = new Set(company.map(({ id }) => id))
  const moving = company.filter(({ nodeId }) => nodeId !== to)
  const companions = { vm, along, coming: moving }
  const node = destinationFor(step, vm, to, wishOfAll(moving), companions)
  return isNode(node) ? { node, moving } : node
}

/** Cold: it is stopped, and boots on another node. The answer shows it as it is before. */
export function relocate(step: Step, vm: Vm, { to }: Asked<'relocate'>): Value | Fault {
  if (to !== undefined && to === vm.nodeId)
    return fault('bad-request', `${vm.id} is on ${vm.nodeId} already: name another node`)
  const node = destinationFor(step, vm, to, wishOfAll([vm]), { vm })
  if (!isNode(node)) return node
  if (vm.nodeId !== undefined && !isReachable(step.state.nodes.get(vm.nodeId)))
    return outOfReach(vm.nodeId)
  const refused = vm.nodeId === undefined ? beginsAnew(step, vm, node) : undefined
  if (refused) return refused
  vm.relocateTo = node.id
  // As when it is migrated: it stays bound, to where it was sent.
  if (vm.pinnedTo !== undefined) vm.pinnedTo = node.id
  if (vm.nodeId === undefined) becomePending(step, vm, 0)
  else {
    becomeStopping(step, vm)
    sendToOwner(step, vm, 'stop')
  }
  return vmView(step.state, vm)
}

/** It is nowhere, so it is started: as much is asked of that as of any other start. */
const beginsAnew = (step: Step, vm: Vm, { id }: Node): Fault | undefined =>
  overQuota(step.state, vm.owner, takenByStart(vm)) ?? admit(step, [vm], id)

/** What a migration would be like, or why there would be none; nothing is changed. */
export function foresee(step: Step, vm: Vm, { request }: Asked<'forecast'>): ForecastView | Fault {
  const journey = journeyOf(step, vm, request.to)
  if ('code' in journey) return journey
  const { node } = journey
  const forecast = forecastOf(step.state, vm, node.id, request.params)
  const from = vm.nodeId ?? node.id
  return { vmId: vm.id, from, to: node.id, ...(forecast ? { forecast } : {}) }
}

/** Also what rebalancing does with each of its moves. */
export function beginQueue(
  step: Step,
  vm: Vm,
  to: Node,
  how: Pick<MigrationPlan, 'cause' | 'why' | 'params'>,
): Migration {
  const migration = planMigration(step, { ...how, purpose: 'migrate', vm, to: to.id })
  addMigration(step, migration)
  becomeMigrating(step, vm, migration.id)
  return migration
}

export function cancel(step: Step, id: MigrationId): Value | Fault {
  const migration = step.state.migrations.get(id)
  if (!migration) return fault('unknown-migration', `there is no migration ${id}`)
  const { phase } = migration
  if (phase !== 'queued' && !isHeld(migration))
    return fault('wrong-state', `${id} is ${phase}: ${whyTooLate(migration)}`)
  if (phase !== 'queued' && !sendCancel(step, migration, migration.live.asked === undefined))
    return outOfReach(migration.from)
  migration.isCancelRequested = true
  touch(step, 'migration', id)
  if (phase === 'queued')
    endByFault(step, migration, fault('cancelled', 'cancelled while it was queued'))
  return migrationView(migration)
}

function whyTooLate({ phase, purpose }: Migration): string {
  if (migrationHasEnded(phase)) return 'it has ended'
  if (purpose === 'clone') return 'its clones run; stop those that are not wanted'
  return 'its VM has left; migrate it back instead'
}

/** Its source may still go on with the VM, as far as is known. */
const isHeld = ({ phase, sourceReleased, hasMoved }: Migration): boolean =>
  phase === 'copying' || (phase === 'switching' && !sourceReleased && !hasMoved)

export function switchToPostCopy(step: Step, id: MigrationId): Value | Fault {
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

export function maintain(
  step: Step,
  command: Asked<'maintenance'> | Asked<'end-maintenance'>,
): Value | Fault {
  const node = step.state.nodes.get(command.nodeId)
  if (!node) return unknownNode(step.state, command.nodeId)
  const refused =
    command.do === 'maintenance'
      ? beginMaintenance(step, node, command.params)
      : endMaintenance(step, node)
  return refused ?? nodeView(step.state, node, step.nowMs)
}

/** By the device; or an operator has switched it off. */
export function fenceNode(step: Step, { nodeId, isOff }: Asked<'fence'>): Value | Fault {
  const node = step.state.nodes.get(nodeId)
  if (!node) return unknownNode(step.state, nodeId)
  const refused = fenceByHand(step, node, isOff)
  if (refused) return refused
  const { incarnation } = node
  if (isOff) seeFence(step, { nodeId, incarnation, fault: undefined }, 'an operator says it is off')
  return nodeView(step.state, node, step.nowMs)
}

export function rebalanceNow(step: Step): RebalanceView {
  const plan = rebalance(step.state, step.nowMs, { isAsked: true })
  carryOut(step, plan)
  return plan
}

/** Turns the moves of a plan into migrations. */
export function carryOut(step: Step, plan: RebalanceView): void {
  for (const move of plan.moves) {
    const vm = step.state.vms.get(asVmId(move.vmId))
    const to = step.state.nodes.get(asNodeId(move.to))
    const { why } = move
    if (vm && to) beginQueue(step, vm, to, { cause: 'rebalance', why, params: undefined })
  }
}
