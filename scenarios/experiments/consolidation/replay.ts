// A day of load traces on a fleet, replayed after the model of Beloglazov and Buyya 2012: every
// five minutes a round is planned and its migrations begin; each takes as long as the VM's memory
// takes over half of the node's link. No VMs run and nothing is decided by Godwit's own
// coordinator: that is own-coordinator.ts. Deterministic: the same traces, policy and seed give
// the same numbers, to the last digit. Seconds.

import type { Random } from '#env/env.ts'
import type { Trace } from '../../sim/models/traces.ts'
import { type Measures, measuresOf } from './account.ts'
import { Fleet, type ReplayNode, type ReplayVm } from './fleet.ts'
import { type DetectorName, detector } from './overload.ts'
import { type Move, type Policy, planRound } from './plan.ts'
import type { Reading } from './reading.ts'
import { type SelectorName, selector } from './selection.ts'
import { intervalSec, migrationSec, wattsAt } from './set-up.ts'

/** `npa`: every node draws its most, all day. `dvfs`: VMs stay, nodes draw what they use. */
export type Consolidation =
  | { readonly is: 'npa' | 'dvfs' }
  | {
      readonly is: 'dynamic'
      readonly detector: DetectorName
      readonly parameter: number
      readonly selector: SelectorName
    }

export interface Replay {
  readonly nodes: number
  readonly traces: readonly Trace[]
  readonly consolidation: Consolidation
  readonly reading: Reading
  /** Of random selection. */
  readonly random: Random
}

export interface ReplayResult {
  readonly measures: Measures
  /** Nodes that were on after each round. */
  readonly nodesOn: readonly number[]
  readonly lookEverySec: number
}

/** The first look comes a little after the first interval: loads are heard between two samples. */
const firstSec = 0.1

export function replay(what: Replay): ReplayResult {
  const steps = replaying(what)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

/** Round by round, for those who want to do something meanwhile. */
export function* replaying(what: Replay): Generator<void, ReplayResult> {
  const { consolidation, reading, traces, random } = what
  const fleet = new Fleet(what.nodes, traces, reading)
  const policy = policyOf(consolidation, reading, random)
  startAll(fleet, policy)
  const nodesOn: number[] = []
  const rounds = Math.max(...traces.map(({ percents }) => percents.length)) - 1
  let [atSec, migrations] = [firstSec, 0]
  for (let round = 1; round <= rounds; round++) {
    atSec = round * intervalSec + firstSec
    fleet.advance(atSec)
    fleet.remember()
    if (policy) migrations += migrate(fleet, planRound(fleet.nodes, policy), atSec)
    nodesOn.push(consolidation.is === 'npa' ? what.nodes : countOn(fleet))
    yield
  }
  const joules = consolidation.is === 'npa' ? allAtMost(fleet.nodes) * atSec : fleet.joules
  const measures = measuresOf(fleet, { joules, migrations, nodesOn })
  return { measures, nodesOn, lookEverySec: intervalSec }
}

const countOn = ({ nodes }: Fleet): number => nodes.filter(({ usedMips }) => usedMips > 0).length

const allAtMost = (nodes: readonly ReplayNode[]): number =>
  nodes.reduce((sum, { kind }) => sum + (kind.watts.at(-1) ?? 0), 0)

function policyOf(one: Consolidation, reading: Reading, random: Random): Policy | undefined {
  if (one.is !== 'dynamic') return undefined
  const isOver = detector(one.detector, one.parameter, reading.weighsSamples)
  return { isOver, select: selector(one.selector, random), reading }
}

/**
 * Before anything is known of their loads: for all that they may ever ask for, with their memory;
 * where each costs the least power, as if the others were not there, or (without migrations) where
 * there is room first.
 */
function startAll({ nodes, vms }: Fleet, policy: Policy | undefined): void {
  const free = new Map(nodes.map((node) => [node, { mips: node.totalMips, ...memoryOf(node) }]))
  for (const vm of vms) {
    const able = nodes.filter((node) => {
      const left = free.get(node)
      if (!left || vm.kind.mips > node.kind.coreMips) return false
      return left.mips >= vm.kind.mips && left.mib >= vm.memoryMib
    })
    const to = policy ? cheapest(able, vm) : able[0]
    const left = to && free.get(to)
    if (!to || !left) continue
    left.mips -= vm.kind.mips
    left.mib -= vm.memoryMib
    to.vms.push(vm)
    vm.at = to
  }
}

const memoryOf = ({ kind }: ReplayNode) => ({ mib: kind.memoryMib })

function cheapest(nodes: readonly ReplayNode[], vm: ReplayVm): ReplayNode | undefined {
  let [best, least] = [undefined as ReplayNode | undefined, Number.POSITIVE_INFINITY]
  for (const node of nodes) {
    const use = vm.kind.mips / node.totalMips
    const costs = wattsAt(node.kind, use) - wattsAt(node.kind, 0)
    if (costs < least) [best, least] = [node, costs]
  }
  return best
}

/** Begins and ends them. How many: one that is planned twice counts twice. */
function migrate(fleet: Fleet, moves: readonly Move[], atSec: number): number {
  for (const { vm, to } of moves) {
    vm.moves = true
    if (to.comingIn.has(vm)) continue
    to.comingIn.add(vm)
    to.vms.push(vm)
  }
  for (const node of new Set(moves.flatMap(({ vm, to }) => (vm.at ? [to, vm.at] : [to]))))
    node.shareOut(atSec)
  const byEnd = new Map<number, Move[]>()
  for (const move of moves) {
    const endSec = atSec + migrationSec(move.vm.memoryMib)
    byEnd.set(endSec, [...(byEnd.get(endSec) ?? []), move])
  }
  for (const [endSec, ending] of [...byEnd].sort(([a], [b]) => a - b)) {
    fleet.advance(endSec)
    for (const move of ending) arrive(move)
    fleet.advance(endSec)
  }
  return moves.length
}

function arrive({ vm, to }: Move): void {
  vm.at?.remove(vm)
  to.comingIn.delete(vm)
  to.remove(vm)
  to.vms.push(vm)
  vm.at = to
  vm.moves = false
}
