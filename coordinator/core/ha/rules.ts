// What the rules say about a VM and a node: pure questions to the state. A strict rule forbids, any
// other one only ranks. VMs that a strict rule keeps together are one company: what holds for one
// of them holds for all, and they move together. A VM on the move counts at both ends.
// Not here: what else stands against a node (placement.ts), moves (keeper.ts).

import type { HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId, type NodeId, type VmId } from '#proto/ids.ts'
import type { VmPhase } from '#proto/state.ts'
import { type ClusterState, isOpen, type Node, type Vm } from '../cluster-state.ts'
import { isDoubtful } from '../node-doors.ts'
import { isReachable } from '../step-context.ts'
import { vmsNamed } from './groups.ts'

export { policyOf } from './groups.ts'

export const rulesOf = (state: ClusterState, vm: Vm): HaRule[] =>
  [...state.rules.values()].filter((rule) => vmsNamed(state, rule.vms).includes(vm.id))

/** The VMs of the cluster that a rule names, but for some. */
const namedBut = (state: ClusterState, rule: HaRule, but: ReadonlySet<VmId>): Vm[] =>
  vmsNamed(state, rule.vms).flatMap((name) => {
    const vm = state.vms.get(asVmId(name))
    return vm && !but.has(vm.id) ? [vm] : []
  })

/** The VMs of the cluster that any rule names. */
export const vmsInRules = (state: ClusterState): Vm[] => [
  ...new Set([...state.rules.values()].flatMap((rule) => namedBut(state, rule, new Set()))),
]

/** The VMs that strict rules keep together with this one, itself first. */
export function companyOf(state: ClusterState, vm: Vm): Vm[] {
  const binding = [...state.rules.values()].filter(isBinding)
  const company = [vm]
  if (binding.length === 0) return company
  const ids = new Set<VmId>([vm.id])
  for (const member of company)
    for (const rule of binding) {
      if (!vmsNamed(state, rule.vms).includes(member.id)) continue
      for (const other of namedBut(state, rule, ids)) {
        ids.add(other.id)
        company.push(other)
      }
    }
  return company
}

/** VMs that it names are one company. */
export const isBinding = ({ kind, strict }: HaRule): boolean => kind === 'keep-together' && strict

/** Where copies of a VM are or may come to be: both ends, while it moves. */
export function nodesOf(state: ClusterState, vm: Vm): NodeId[] {
  if (vm.migrationId === undefined) return vm.nodeId === undefined ? [] : [vm.nodeId]
  const migration = state.migrations.get(vm.migrationId)
  const isMove = migration?.purpose === 'migrate' && isOpen(migration)
  return [...new Set([...(vm.nodeId ? [vm.nodeId] : []), ...(isMove ? [migration.to] : [])])]
}

/** How another arrangement than the present one is asked about: on paper (admission.ts). */
export type Seats = (vm: Vm) => readonly NodeId[]

/** Why strict rules forbid a node to a VM and its company; undefined: they do not. */
export function forbids(
  state: ClusterState,
  vm: Vm,
  nodeId: NodeId,
  seats: Seats = (other) => nodesOf(state, other),
): string | undefined {
  if (state.rules.size === 0) return undefined
  const company = companyOf(state, vm)
  const ids = new Set(company.map(({ id }) => id))
  for (const member of company)
    for (const rule of rulesOf(state, member)) {
      if (!rule.strict) continue
      if (rule.kind === 'node-affinity' && !rule.nodes.some(({ id }) => id === nodeId))
        return `rule ${rule.name} allows ${member.id} only ${onNodes(rule.nodes)}`
      if (rule.kind !== 'keep-apart') continue
      const isThere = (other: Vm) => seatsWithCompany(state, other, seats).includes(nodeId)
      const there = namedBut(state, rule, ids).find(isThere)
      if (there) return `rule ${rule.name} keeps ${member.id} apart from ${there.id}`
    }
  return undefined
}

/**
 * Where it is, or where it would have to be: its company is there. What a rule says of it and
 * another VM holds for both alike, or each of them would make the other one move.
 */
const seatsWithCompany = (state: ClusterState, vm: Vm, seats: Seats): readonly NodeId[] =>
  companyOf(state, vm).flatMap(seats)

const onNodes = (nodes: readonly { id: string }[]): string =>
  `on ${nodes.map(({ id }) => id).join(', ')}`

/** How little a node is wanted by rules that only wish; 0: nothing better can be. */
export function rankOf(
  state: ClusterState,
  vm: Vm,
  nodeId: NodeId,
  seats: Seats = (other) => nodesOf(state, other),
): number {
  if (state.rules.size === 0) return 0
  const company = companyOf(state, vm)
  const ids = new Set(company.map(({ id }) => id))
  let rank = 0
  for (const member of company)
    for (const rule of rulesOf(state, member)) {
      if (rule.kind === 'node-affinity') rank += affinityWeight * classOf(rule.nodes, nodeId)
      else if (!rule.strict) {
        const others = namedBut(state, rule, ids).map((vm) => seatsWithCompany(state, vm, seats))
        rank += missesOf(others, rule, nodeId)
      }
    }
  return rank
}

/** An operator who names nodes means it more than one who names company: it is counted first. */
const affinityWeight = 1000

/** 0: of the highest priority; 1: of the next … and last: not named at all. */
function classOf(nodes: readonly { id: string; priority: number }[], nodeId: NodeId): number {
  const classes = [...new Set(nodes.map(({ priority }) => priority))].sort((a, b) => b - a)
  const named = nodes.find(({ id }) => id === nodeId)
  return named ? classes.indexOf(named.priority) : classes.length
}

function missesOf(others: readonly (readonly NodeId[])[], rule: HaRule, nodeId: NodeId): number {
  const there = others.filter((nodes) => nodes.includes(nodeId)).length
  if (rule.kind === 'keep-apart') return there
  return others.filter((nodes) => nodes.length > 0).length - there
}

const isGoing: readonly VmPhase[] = ['recovering', 'stopping', 'failed']

export interface Anchor {
  readonly nodeId: NodeId
  readonly with: VmId
  /** It is not there yet, and may be nowhere else. */
  readonly isBound?: boolean
}

/**
 * The node that a VM must go to, because its company is there, or may be nowhere else. @param along
 * those that move with it: where they are binds nobody. A company that is on a node that takes
 * nothing is on its way from there, unless that node is only silent: then its fate is waited for.
 */
export function anchorOf(
  state: ClusterState,
  vm: Vm,
  along: ReadonlySet<VmId> = new Set(),
): Anchor | undefined {
  if (state.rules.size === 0) return undefined
  const bound = boundMate(state, vm, along)
  if (bound) return bound
  const seated = companyOf(state, vm).flatMap((mate) => {
    if (mate.id === vm.id || along.has(mate.id) || isGoing.includes(mate.phase)) return []
    const nodeId = nodesOf(state, mate).at(-1)
    return nodeId === undefined ? [] : [{ nodeId, with: mate.id }]
  })
  const holds = ({ nodeId }: { nodeId: NodeId }) => {
    const node = state.nodes.get(nodeId)
    return isReachable(node) && !node.maintenance && !forbids(state, vm, nodeId)
  }
  const good = seated.filter(holds)
  const count = (nodeId: NodeId) => good.filter((one) => one.nodeId === nodeId).length
  good.sort((a, b) => count(b.nodeId) - count(a.nodeId) || (a.nodeId < b.nodeId ? -1 : 1))
  return good[0] ?? seated.find(({ nodeId }) => isSilent(state.nodes.get(nodeId)))
}

/** A VM, and those of its company that will follow it where it goes. */
export function comingWith(state: ClusterState, vm: Vm): Vm[] {
  const anchor = anchorOf(state, vm)
  return companyOf(state, vm).filter((mate) => {
    if (mate.id === vm.id) return true
    return anchor ? state.waiting.has(mate.id) : mate.phase !== 'stopped' && mate.phase !== 'failed'
  })
}

/** One that waits for the node that it is bound to. Who is bound elsewhere cannot follow it. */
function boundMate(state: ClusterState, vm: Vm, along: ReadonlySet<VmId>): Anchor | undefined {
  if (vm.pinnedTo !== undefined) return undefined
  for (const { id, pinnedTo, nodeId, phase } of companyOf(state, vm)) {
    const waits = nodeId === undefined && (phase === 'pending' || phase === 'recovering')
    if (waits && pinnedTo !== undefined && !along.has(id))
      return { nodeId: pinnedTo, with: id, isBound: true }
  }
  return undefined
}

const isSilent = (node: Node | undefined): boolean => node !== undefined && isDoubtful(node)

/** What is not as a rule says, as sentences. VMs that are nowhere break nothing. */
export function brokenBy(state: ClusterState, rule: HaRule): string[] {
  const seated = namedBut(state, rule, new Set()).flatMap((vm) =>
    vm.nodeId === undefined ? [] : [{ id: vm.id, nodeId: vm.nodeId }],
  )
  if (rule.kind === 'node-affinity')
    return seated
      .filter(({ nodeId }) => !rule.nodes.some(({ id }) => asNodeId(id) === nodeId))
      .map(({ id, nodeId }) => `${id} is on ${nodeId}`)
  const groups = Map.groupBy(seated, ({ nodeId }) => nodeId)
  const text = [...groups].map(
    ([nodeId, vms]) => `${vms.map(({ id }) => id).join(', ')} on ${nodeId}`,
  )
  if (rule.kind === 'keep-together') return groups.size > 1 ? [text.join('; ')] : []
  return text.filter((_, n) => ([...groups.values()][n]?.length ?? 0) > 1)
}
