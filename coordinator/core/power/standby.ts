// Nodes go to standby when they are empty and nobody needs them, and are woken when somebody does:
// a VM that waits and would fit there, cores that are all busy, a node that cannot be evacuated, a
// strict rule that is broken and could be kept there, a replica that has no room elsewhere.
// A node in standby is online and takes nothing; waking takes its time. Not here: which VMs move so
// that nodes become empty (consolidation.ts). Monotonic ms.

import { type Fault, fault } from '#proto/faults.ts'
import type { PowerSettingsChange } from '#proto/power.ts'
import { mayActOnNode } from '#proto/state.ts'
import { burdenOf } from '../burdens.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import { whyStaysThere } from '../evacuation.ts'
import { tell } from '../events.ts'
import { mayKeepReplica } from '../ha/company-replicas.ts'
import { wantsAwake } from '../ha/keeper.ts'
import { withoutReplica } from '../ha/protection.ts'
import { loadOf } from '../load-score.ts'
import { standingOf } from '../node-doors.ts'
import {
  heldBack,
  obstacleAt,
  startWhere,
  type Where,
  wishToStart,
  wishWith,
} from '../placement.ts'
import { isReachable, type Step, touch } from '../step-context.ts'
import { watchedNodes } from '../watched-nodes.ts'

export const isAwake = (node: Node): boolean =>
  isReachable(node) && !node.maintenance && !node.standby

export function setPower(step: Step, change: PowerSettingsChange): null {
  const said = Object.entries(change).filter(([, value]) => value !== undefined)
  step.state.power = { ...step.state.power, ...Object.fromEntries(said) }
  touch(step, 'power', 'power')
  const text = said.map(([name, value]) => `${name} ${value}`).join(', ')
  tell(step, 'power-changed', `power is now: ${text}`)
  return null
}

/** @param byHand it stays so when power is not saved any more. */
export function sleep(step: Step, node: Node, why: string, byHand: boolean): null | Fault {
  const { id, live } = node
  if (!mayActOnNode('sleep', standingOf(node)))
    return node.standby
      ? fault('wrong-state', `${id} is in standby already`)
      : fault('wrong-state', `${id} has VMs: \`godwit node evacuate ${id}\` first`)
  node.standby = { sinceMs: step.nowMs, byHand }
  Object.assign(live, { isEmptying: false, emptySinceMs: undefined, wakesAtMs: undefined })
  touch(step, 'node', id)
  tell(step, 'node-standby', `${id} goes to standby: ${why}`, { nodeId: id })
  return null
}

export function wake(step: Step, node: Node, why: string): null | Fault {
  const { id, live } = node
  if (!mayActOnNode('wake', standingOf(node)))
    return fault('wrong-state', `${id} is not in standby`)
  if (live.wakesAtMs !== undefined) return null
  live.wakesAtMs = step.nowMs + step.state.power.wakeMs
  tell(step, 'node-waking', `${id} is woken: ${why}`, { nodeId: id })
  return null
}

/** Each tick: those whose time has come are on. */
export function finishWaking(step: Step): void {
  for (const node of watchedNodes(step.state)) {
    const { wakesAtMs } = node.live
    if (!node.standby || wakesAtMs === undefined || step.nowMs < wakesAtMs) continue
    delete node.standby
    Object.assign(node.live, { wakesAtMs: undefined, emptySinceMs: step.nowMs })
    touch(step, 'node', node.id)
    tell(step, 'node-awake', `${node.id} is awake`, { nodeId: node.id })
  }
}

const sleepers = (state: ClusterState): Node[] =>
  watchedNodes(state).filter(
    (node) => node.standby && isReachable(node) && node.live.wakesAtMs === undefined,
  )

/** Wakes whom somebody needs; one at a time for load, for what one brings is seen first. */
export function wakeNeeded(step: Step): void {
  const { state } = step
  if (!state.power.save)
    for (const node of sleepers(state))
      if (!node.standby?.byHand) wake(step, node, 'power is not saved any more')
  for (const id of state.waiting) {
    const vm = state.vms.get(id)
    // Only one that was looked at, and found no place; not one that would not start there either.
    if (!vm?.fault || heldBack(state, vm)) continue
    const where = { ...startWhere(state, vm), asAwake: true }
    const wish = wishToStart(state, vm)
    const free = [...state.nodes.values()].filter((n) => !obstacleAt(state, n, wish, where))
    if (free.some((node) => node.live.wakesAtMs !== undefined || !node.standby)) continue
    const [node] = free
    if (node) wake(step, node, `${id} waits for a node`)
  }
  const isWaking = watchedNodes(state).some(({ live }) => live.wakesAtMs !== undefined)
  if (!isWaking) wakeForOthers(step)
}

function wakeForOthers(step: Step): void {
  const { state } = step
  const asleep = sleepers(state)
  const [next] = asleep
  if (!next) return
  const awake = [...state.nodes.values()].filter(isAwake)
  const load = meanLoad(state, awake)
  const percent = Math.round(100 * load)
  if (load > state.power.loadMax) {
    wake(step, next, `the others are ${percent} % busy`)
    return
  }
  for (const vm of stuckVms(state)) {
    const helps = asleep.find((n) => !obstacleAt(state, n, wishWith(state, vm), asIfAwake(vm)))
    if (!helps) continue
    wake(step, helps, `${vm.nodeId} cannot be evacuated without it`)
    return
  }
  const alone = asleep.find((node) => whoseReplica(state, node))
  if (alone) {
    wake(step, alone, `the replica of ${whoseReplica(state, alone)?.id} has room on no other node`)
    return
  }
  const wanted = wantsAwake(step, asleep)
  if (wanted) wake(step, wanted.node, `a rule forbids ${wanted.vm.id} where it is`)
}

/** Who runs without a replica that it could have there, and on no node that is on. */
export function whoseReplica(state: ClusterState, node: Node): Vm | undefined {
  const isOn = (one: Node) => isAwake(one) && one !== node
  return withoutReplica(state).find(
    (vm) =>
      mayKeepReplica(state, vm, node, true) &&
      ![...state.nodes.values()].some((one) => isOn(one) && mayKeepReplica(state, vm, one, false)),
  )
}

const asIfAwake = (vm: Vm): Where => ({ vm, asAwake: true })

/** Those that only want room elsewhere: who stays anyhow is helped by nobody. */
const stuckVms = (state: ClusterState): Vm[] =>
  [...state.nodes.values()].flatMap(({ id, live }) =>
    [...(live.evacuation?.why.keys() ?? [])].flatMap((vmId) => {
      const vm = state.vms.get(vmId)
      const wantsRoom = vm?.nodeId === id && vm.phase === 'running'
      return wantsRoom && whyStaysThere(state, vm) === undefined ? [vm] : []
    }),
  )

/** Of all their cores together. */
export function meanLoad(state: ClusterState, nodes: readonly Node[]): number {
  const burdens = nodes.map((node) => burdenOf(state, node))
  const cores = burdens.reduce((sum, burden) => sum + burden.cores, 0)
  const work = burdens.reduce((sum, burden) => sum + loadOf(burden) * burden.cores, 0)
  return cores === 0 ? 0 : work / cores
}
