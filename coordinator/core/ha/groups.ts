// Groups of VMs: one policy for all of them, and one name wherever VMs are named (`group:web`, in
// rules and in the order of starts). What was said of a VM itself comes before what its group says.
// A name in a group may be that of a VM that is still to come. Checked as a whole before anything
// is changed. Not here: rules (rules.ts, commands.ts), what a policy does (placement.ts).

import { type Fault, fault } from '#proto/faults.ts'
import {
  groupNamed,
  groupPrefix,
  type HaGroup,
  type HaPolicy,
  type HaPolicyChange,
  type HaPolicySaid,
  type HaRule,
  haPolicyDefault,
  saidAfter,
} from '#proto/ha.ts'
import { asVmId, type VmId } from '#proto/ids.ts'
import type { ClusterState, Vm } from '../cluster-state.ts'
import { tell } from '../events.ts'
import { type Step, touch } from '../step-context.ts'

/** The VMs that names mean, those of groups among them; in the order of the names. */
export function vmsNamed(state: ClusterState, names: readonly string[]): readonly string[] {
  if (state.groups.size === 0 || !names.some(groupNamed)) return names
  return names.flatMap((name) => {
    const group = groupNamed(name)
    return group === undefined ? name : (state.groups.get(group)?.vms ?? [])
  })
}

/** A rule as it is about VMs. */
export const spelledOut = (state: ClusterState, rule: HaRule): HaRule => {
  const vms = vmsNamed(state, rule.vms)
  return vms === rule.vms ? rule : { ...rule, vms: [...vms] }
}

export const groupOf = (state: ClusterState, id: string): HaGroup | undefined =>
  state.groups.size === 0
    ? undefined
    : [...state.groups.values()].find(({ vms }) => vms.includes(id))

/** What was said of it; of one that nobody asked, whatever its policy has besides the defaults. */
export function ownOf({ ownPolicy, policy }: Pick<Vm, 'ownPolicy' | 'policy'>): HaPolicySaid {
  if (ownPolicy || !policy) return ownPolicy ?? {}
  const isDefault = ([name, value]: [string, unknown]) =>
    JSON.stringify(value) === JSON.stringify(haPolicyDefault[name as keyof HaPolicy])
  return Object.fromEntries(Object.entries(policy).filter((one) => !isDefault(one)))
}

/** The policy that follows from what its group says, and this of itself. */
const policyWith = (state: ClusterState, id: VmId, own: HaPolicySaid): HaPolicy =>
  Object.assign({ ...haPolicyDefault }, saidAfter(groupOf(state, id)?.policy ?? {}, own))

/** This was said of it, and its policy is what follows from that. */
function say(state: ClusterState, vm: Vm, own: HaPolicySaid): void {
  Object.assign(vm, { ownPolicy: own, policy: policyWith(state, vm.id, own) })
}

/** Says something of one VM, or no more: then its group may. */
export function setPolicy(step: Step, vm: Vm, change: HaPolicyChange): null | Fault {
  const before = { policy: vm.policy, ownPolicy: vm.ownPolicy }
  say(step.state, vm, saidAfter(ownOf(vm), change))
  if (!waitsForItself(step.state, vm)) {
    declared(step, vm)
    return null
  }
  const { after } = policyOf(vm)
  Object.assign(vm, before)
  return circle(vm.id, after)
}

export const policyOf = (vm: Vm): HaPolicy => vm.policy ?? haPolicyDefault

function declared(step: Step, vm: Vm): void {
  Object.assign(vm.live, { retryAtMs: step.nowMs, lookAgainAtMs: step.nowMs })
  touch(step, 'vm', vm.id)
}

const circle = (id: VmId, after: readonly string[]): Fault =>
  fault('bad-request', `${id} would wait for itself: look at what ${after.join(', ')} wait for`)

const waitsForItself = (state: ClusterState, vm: Vm): boolean =>
  vmsNamed(state, policyOf(vm).after).some((id) => waitsFor(state, asVmId(id), vm.id, new Set()))

/** Does `id` start only after `target`, or is it that? */
function waitsFor(state: ClusterState, id: VmId, target: VmId, seen: Set<VmId>): boolean {
  if (id === target) return true
  if (seen.has(id)) return false
  seen.add(id)
  const vm = state.vms.get(id)
  if (!vm) return false
  return vmsNamed(state, policyOf(vm).after).some((n) => waitsFor(state, asVmId(n), target, seen))
}

/** Why one that is to come would never start again: it waits for one that waits for it. */
export function circleOfNew(
  state: ClusterState,
  { id, policy }: Pick<Vm, 'id' | 'policy'>,
): Fault | undefined {
  const { after } = policyWith(state, id, ownOf({ policy }))
  const isLooped = vmsNamed(state, after).some((n) => waitsFor(state, asVmId(n), id, new Set()))
  return isLooped ? circle(id, after) : undefined
}

/** A VM that is new: its group may have been there before. */
export function joinGroup(step: Step, vm: Vm): void {
  if (!groupOf(step.state, vm.id)) return
  say(step.state, vm, ownOf(vm))
  touch(step, 'vm', vm.id)
}

/** @param against what rules have against it, if anything: asked when the group is in place. */
export function setGroup(
  step: Step,
  group: HaGroup,
  against: (rule: HaRule) => string | undefined,
): null | Fault {
  const { state } = step
  const wrong = wrongWith(state, group)
  if (wrong !== undefined) return fault('bad-request', `group ${group.name}: ${wrong}`)
  const before = state.groups.get(group.name)
  const undo = put(step, group.name, group)
  const refused = troubleWith(state, group, against)
  if (refused) {
    undo()
    return refused
  }
  const vms = new Set([...(before?.vms ?? []), ...group.vms])
  settle(step, group.name, vms)
  const what = before ? 'changed' : 'set'
  tell(step, 'ha-changed', `group ${group.name} is ${what}: ${group.vms.join(', ') || 'nobody'}`)
  return null
}

function wrongWith(state: ClusterState, { name, vms }: HaGroup): string | undefined {
  const twice = vms.find((id, at) => vms.indexOf(id) !== at)
  if (twice !== undefined) return `it names ${twice} twice`
  for (const other of state.groups.values()) {
    const shared = other.name === name ? undefined : vms.find((id) => other.vms.includes(id))
    if (shared !== undefined) return `${shared} is in group ${other.name} already`
  }
  return undefined
}

function troubleWith(
  state: ClusterState,
  { name, vms }: HaGroup,
  against: (rule: HaRule) => string | undefined,
): Fault | undefined {
  for (const rule of state.rules.values()) {
    const why = rule.vms.includes(groupPrefix + name) ? against(rule) : undefined
    if (why !== undefined) return fault('against-rule', `group ${name}: rule ${rule.name}: ${why}`)
  }
  // Who waits for the group may be a VM of it, or wait for one.
  const touched = [...state.vms.values()].filter(
    ({ id, policy }) => vms.includes(id) || policy?.after.includes(groupPrefix + name),
  )
  const looped = touched.find((vm) => waitsForItself(state, vm))
  return looped && circle(looped.id, policyOf(looped).after)
}

/** As if it were so; the function it returns undoes that. */
function put(step: Step, name: string, group: HaGroup | undefined): () => void {
  const { groups, vms } = step.state
  const before = groups.get(name)
  const names = new Set([...(before?.vms ?? []), ...(group?.vms ?? [])])
  const members = [...names].flatMap((id) => vms.get(asVmId(id)) ?? [])
  const policies = members.map((vm) => {
    const { policy, ownPolicy } = vm
    return { vm, own: ownOf(vm), was: { policy, ownPolicy } }
  })
  if (group) groups.set(name, group)
  else groups.delete(name)
  for (const { vm, own } of policies) say(step.state, vm, own)
  return () => {
    if (before) groups.set(name, before)
    else groups.delete(name)
    for (const { vm, was } of policies) Object.assign(vm, was)
  }
}

function settle(step: Step, name: string, names: ReadonlySet<string>): void {
  touch(step, 'group', name)
  for (const id of names) {
    const vm = step.state.vms.get(asVmId(id))
    if (vm) declared(step, vm)
  }
}

export function dropGroup(step: Step, name: string): null | Fault {
  const { groups, rules } = step.state
  const group = groups.get(name)
  if (!group) {
    const names = [...groups.keys()].join(', ') || 'none'
    return fault('unknown-rule', `there is no group ${name}; there are ${names}`)
  }
  const user = [...rules.values()].find(({ vms }) => vms.includes(groupPrefix + name))
  if (user)
    return fault(
      'against-rule',
      `rule ${user.name} is about group ${name}: drop or change it first`,
    )
  put(step, name, undefined)
  settle(step, name, new Set(group.vms))
  tell(step, 'ha-changed', `group ${name} is dropped`)
  return null
}
