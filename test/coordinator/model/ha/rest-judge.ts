// What must be so when nothing has been broken for a long while: everything runs that could, where
// its rules want it, nothing is under way, and nothing begins to move again. And before that: a
// node in maintenance is left by all that can leave it. Only what is plain is claimed: whom a lock,
// a pause or a silent node of its company hold is left alone.

import type { Node, Vm } from '#coordinator/core/cluster-state.ts'
import type { Sight } from './sight.ts'

export function wrongAtRest(sight: Sight): string[] {
  return [
    ...sight.nodes().flatMap((node) => (sight.isUp(node) ? [] : `${node.id} is ${node.phase}`)),
    ...[...sight.state.openMigrations].map((id) => `${id} is under way`),
    ...sight.vms().flatMap((vm) => wrongVm(sight, vm) ?? wrongReplica(sight, vm) ?? []),
    ...sight.nodes().flatMap((node) => wrongAwake(sight, node) ?? []),
  ]
}

function wrongVm(sight: Sight, vm: Vm): string | undefined {
  if (vm.phase === 'stopped') return undefined
  if (vm.phase === 'pending' || vm.phase === 'recovering') return wrongWait(sight, vm)
  if (vm.phase !== 'running') return `${vm.id} is ${vm.phase}: ${vm.fault?.message}`
  return wrongSeat(sight, vm)
}

const isSeated = ({ nodeId }: Vm): boolean => nodeId !== undefined
const wants = ({ phase }: Vm): boolean => phase !== 'stopped' && phase !== 'failed'

/** All of its company could be on a node, or join those who are there. */
function wrongWait(sight: Sight, vm: Vm): string | undefined {
  if (isHeldByOthers(sight, vm)) return undefined
  const company = sight.company(vm).filter(wants)
  const seats = new Set(company.flatMap(({ nodeId }) => nodeId ?? []))
  const bound = new Set(company.flatMap(({ pinnedTo }) => pinnedTo ?? []))
  const free = sight.nodes().find((node) => {
    if (!sight.takes(node, true) || sight.forbids(vm, node.id)) return false
    if (bound.size > 0 && (bound.size > 1 || !bound.has(node.id))) return false
    if (seats.size > 0 && (seats.size > 1 || !seats.has(node.id))) return false
    // Who is down comes before what is only kept in case.
    return sight.hasRoom(node, company, vm.phase === 'recovering')
  })
  return free && `${vm.id} waits though ${free.id} could take it: ${vm.fault?.message}`
}

/** It, or one of its company, starts after one that waits itself. */
const isHeldByOthers = (sight: Sight, vm: Vm): boolean =>
  sight.company(vm).some((mate) => {
    const first = sight.named(sight.policy(mate).after)
    return sight.vms().some((other) => first.includes(other.id) && other.phase !== 'running')
  })

function wrongSeat(sight: Sight, vm: Vm): string | undefined {
  const company = sight.company(vm)
  // Who is bound is moved by nobody, and the others may not be able to come to it.
  if (company.some(({ pinnedTo }) => pinnedTo)) return undefined
  const here = company.filter(isSeated)
  const isApart = here.some(({ nodeId }) => nodeId !== vm.nodeId)
  const node = sight.node(vm.nodeId)
  if (!node) return `${vm.id} runs nowhere`
  const able = sight.nodes().filter((one) => mayBeOn(sight, here, one))
  const rule = sight.forbids(vm, node.id)
  if ((rule !== undefined || isApart) && able.length > 0)
    return `${vm.id} is on ${node.id} ${isApart ? 'apart' : `against ${rule}`}: ${able[0]?.id} may`
  if (rule !== undefined || isApart || !here.every((mate) => sight.policy(mate).failback))
    return undefined
  return notHome(sight, here, node, able)
}

/** All of them, with those who wait for room beside them. */
const mayBeOn = (sight: Sight, here: readonly Vm[], node: Node): boolean =>
  here.every((vm) => !sight.forbids(vm, node.id)) &&
  sight.takes(node, true) &&
  sight.hasRoom(node, here)

function notHome(
  sight: Sight,
  here: readonly Vm[],
  node: Node,
  able: readonly Node[],
): string | undefined {
  const [vm] = here
  if (!vm) return undefined
  const rank = (one: Node) => sight.rank(vm, one.id)
  const steady = able.filter((one) => !sight.flaps(one) && !one.standby)
  const better = steady.find((one) => rank(one) < rank(node))
  if (better) return `${vm.id} is on ${node.id}, its rules prefer ${better.id}`
  const home = steady.find(({ id }) => here.every(({ awayFrom }) => awayFrom === id))
  if (!home || home === node || rank(home) > rank(node)) return undefined
  return `${vm.id} is on ${node.id}, and had to leave ${home.id}, which could take it again`
}

const wantsReplica = (sight: Sight, vm: Vm): boolean =>
  ['checkpoint', 'continuous'].includes(sight.policy(vm).protection ?? '')

/** Where it would be of use. */
const mayKeep = (sight: Sight, vm: Vm, node: Node): boolean =>
  node.id !== vm.nodeId && !sight.forbids(vm, node.id) && sight.takes(node, true)

/** One that is to have a replica has one, if a node could keep it that nobody waits for. */
function wrongReplica(sight: Sight, vm: Vm): string | undefined {
  const { replica, phase } = vm
  if (phase !== 'running' || sight.company(vm).length > 1) return undefined
  if (!wantsReplica(sight, vm))
    return replica && `${vm.id} has a replica on ${replica.nodeId} that nobody wants`
  const at = sight.node(replica?.nodeId)
  if (replica?.phase === 'ready' && at && mayKeep(sight, vm, at) && !at.standby) return undefined
  if (sight.vms().some(({ nodeId }) => nodeId === undefined)) return undefined
  const free = sight.nodes().find((node) => mayKeep(sight, vm, node) && hasRoomFor(sight, vm, node))
  return free && `${vm.id} has no replica (${replica?.phase}), though ${free.id} could keep it`
}

const hasRoomFor = (sight: Sight, { id, spec }: Vm, node: Node): boolean => {
  const others = sight.vms().filter((one) => one.id !== id)
  const used = others.filter((one) => one.nodeId === node.id || one.replica?.nodeId === node.id)
  const usedMib = used.reduce((sum, one) => sum + one.spec.memoryMib, 0)
  return usedMib + spec.memoryMib <= node.capacity.memoryMib
}

/** Where power is saved: a node that one replica alone keeps on, which could be with others. */
function wrongAwake(sight: Sight, node: Node): string | undefined {
  const { power, waiting } = sight.state
  const there = sight.vms().filter(({ nodeId }) => nodeId === node.id)
  const [vm, ...more] = sight.vms().filter(({ replica }) => replica?.nodeId === node.id)
  const isOther = !power.save || waiting.size > 0 || there.length > 0 || more.length > 0
  if (isOther || !vm || sight.company(vm).length > 1) return undefined
  const better = sight.nodes().find((one) => {
    const isOn = one !== node && !one.standby && sight.vms().some((v) => v.nodeId === one.id)
    if (!isOn || !mayKeep(sight, vm, one) || !hasRoomFor(sight, vm, one)) return false
    return sight.rank(vm, one.id) <= sight.rank(vm, node.id)
  })
  return better && `${node.id} is on for the replica of ${vm.id}, which ${better.id} could keep`
}

/** @returns who is still on a node in maintenance, and could be on another one. */
export function wrongInMaintenance(sight: Sight): string[] {
  return sight.vms().flatMap((vm) => {
    const node = sight.node(vm.nodeId)
    if (vm.phase !== 'running' || !node?.maintenance || !sight.isUp(node)) return []
    const company = sight.company(vm).filter((mate) => mate.nodeId === node.id)
    const isHeld = (mate: Vm) =>
      mate.phase !== 'running' || sight.policy(mate).locked || mate.pinnedTo !== undefined
    if (company.some(isHeld) || sight.company(vm).length > company.length) return []
    const other = sight.nodes().find((one) => one !== node && mayBeOn(sight, company, one))
    return other ? [`${vm.id} stays on ${node.id}, in maintenance, though ${other.id} is free`] : []
  })
}
