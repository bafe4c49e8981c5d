// A round of consolidation on paper, after Beloglazov and Buyya 2012, algorithms 1 and 2: VMs leave
// overloaded nodes until these are not overloaded any more, and go where they cost the least power
// (power-aware best fit decreasing, PABFD); then, the least used first, nodes are emptied wholly
// when all of their VMs find a place elsewhere. Details as in the released program, or as asked for
// (reading.ts). Pure. MIPS, MiB, W.

import { historyMax, type ReplayNode, type ReplayVm } from './fleet.ts'
import type { Detector, Load } from './overload.ts'
import type { Reading } from './reading.ts'
import type { Selector } from './selection.ts'
import { wattsAt } from './set-up.ts'

export interface Move {
  readonly vm: ReplayVm
  readonly to: ReplayNode
}

export interface Policy {
  readonly isOver: Detector
  readonly select: Selector
  readonly reading: Reading
}

/** What some VMs are to a node. Their history is added up only for those who ask. */
class Burden implements Load {
  readonly use: number
  readonly cappedMips: number
  readonly reservedMib: number
  readonly memoryMibMax: number
  readonly #before: Burden | undefined
  readonly #added: readonly ReplayVm[]
  readonly #node: ReplayNode
  #sums: Float64Array | undefined

  constructor(node: ReplayNode, added: readonly ReplayVm[], before?: Burden) {
    this.#node = node
    this.#added = added
    this.#before = before
    let askedMips = before ? before.use * node.totalMips : 0
    let [cappedMips, reservedMib] = [before?.cappedMips ?? 0, before?.reservedMib ?? 0]
    let memoryMibMax = before?.memoryMibMax ?? 0
    for (const vm of added) {
      askedMips += vm.askedMips
      cappedMips += Math.min(vm.askedMips, node.kind.coreMips)
      reservedMib += vm.memoryMib
      memoryMibMax = Math.max(memoryMibMax, vm.memoryMib)
    }
    this.use = askedMips / node.totalMips
    this.cappedMips = cappedMips
    this.reservedMib = reservedMib
    this.memoryMibMax = memoryMibMax
  }

  get history(): Float64Array {
    const sums = this.#historySums()
    let length = sums.length
    while (length > 0 && sums[length - 1] === 0) length--
    return sums.subarray(0, length)
  }

  #historySums(): Float64Array {
    if (this.#sums) return this.#sums
    const before = this.#before
    const sums = before ? before.#historySums().slice() : new Float64Array(historyMax)
    for (const { kind, history } of this.#added) {
      const part = kind.mips / this.#node.totalMips
      for (let i = 0; i < history.length; i++)
        sums[i] = (sums[i] as number) + (history[i] as number) * part
    }
    this.#sums = sums
    return sums
  }
}

/** What a node would bear if all that is planned so far were done. */
class Draft {
  readonly node: ReplayNode
  readonly vms: ReplayVm[]
  #load: Burden | undefined

  constructor(node: ReplayNode) {
    this.node = node
    this.vms = [...node.vms]
  }

  add(vm: ReplayVm): void {
    this.vms.push(vm)
    this.#load = undefined
  }

  remove(vm: ReplayVm): void {
    this.vms.splice(this.vms.indexOf(vm), 1)
    this.#load = undefined
  }

  get load(): Burden {
    this.#load ??= new Burden(this.node, this.vms)
    return this.#load
  }

  with(vm: ReplayVm): Load {
    return new Burden(this.node, [vm], this.load)
  }
}

/** The moves of one round, in the order in which they begin. */
export function planRound(nodes: readonly ReplayNode[], policy: Policy): Move[] {
  const drafts = nodes.map((node) => new Draft(node))
  const over = new Set(drafts.filter((draft) => policy.isOver(draft.load)))
  const leaving = [...over].flatMap((draft) => relieve(draft, policy))
  const moves: Move[] = []
  const firstTo = new Set<Draft>()
  for (const vm of leaving.sort(byUse)) {
    const to = placeFor(vm, drafts, over, policy)
    if (!to) continue
    to.add(vm)
    firstTo.add(to)
    moves.push({ vm, to: to.node })
  }
  return [...moves, ...emptyNodes(drafts, over, firstTo, policy)]
}

/** The most demanding first. */
const byUse = (a: ReplayVm, b: ReplayVm): number => b.askedMips - a.askedMips

function relieve(draft: Draft, { select, isOver }: Policy): ReplayVm[] {
  const leaving: ReplayVm[] = []
  do {
    const vm = select(draft.vms)
    if (!vm) break
    draft.remove(vm)
    leaving.push(vm)
  } while (isOver(draft.load))
  return leaving
}

/** The first of those where it costs the least power. */
function placeFor(
  vm: ReplayVm,
  drafts: readonly Draft[],
  without: ReadonlySet<Draft>,
  { isOver, reading }: Policy,
): Draft | undefined {
  let [best, least] = [undefined as Draft | undefined, Number.POSITIVE_INFINITY]
  for (const draft of drafts) {
    if (without.has(draft) || !fits(draft, vm, reading)) continue
    const costs = addedWatts(draft, vm, reading)
    if (costs >= least) continue
    if (!isAsleep(draft, reading) && isOver(draft.with(vm))) continue
    ;[best, least] = [draft, costs]
  }
  return best
}

function fits({ node, load }: Draft, vm: ReplayVm, { keepsMemory }: Reading): boolean {
  const { coreMips, memoryMib } = node.kind
  if (vm.askedMips > coreMips) return false
  const freeMips = Math.max(0, node.totalMips - load.cappedMips)
  if (vm.askedMips > freeMips) return false
  return !keepsMemory || load.reservedMib + vm.memoryMib <= memoryMib
}

function addedWatts(draft: Draft, vm: ReplayVm, reading: Reading): number {
  const { node, load } = draft
  const planned = load.cappedMips / node.totalMips
  const before = reading.plans === 'counted' ? planned : node.use
  const after = (reading.plans === 'uncounted' ? before : planned) + vm.askedMips / node.totalMips
  const isFree = reading.countsWaking && isAsleep(draft, reading)
  return wattsAt(node.kind, after) - (isFree ? 0 : wattsAt(node.kind, before))
}

const isAsleep = ({ node, load, vms }: Draft, { plans }: Reading): boolean =>
  plans === 'uncounted' ? node.usedMips === 0 : vms.length === 0 || load.cappedMips === 0

function emptyNodes(
  drafts: readonly Draft[],
  over: ReadonlySet<Draft>,
  firstTo: ReadonlySet<Draft>,
  policy: Policy,
): Move[] {
  const moves: Move[] = []
  const asleep = drafts.filter(({ node }) => node.usedMips === 0)
  const noPlace = new Set([...over, ...asleep])
  const stays = new Set([...noPlace, ...(policy.reading.plans === 'counted' ? firstTo : [])])
  const leastUsed = drafts
    .filter(({ node }) => node.use < 1)
    .sort((a, b) => a.node.use - b.node.use)
  for (const draft of leastUsed) {
    if (stays.has(draft) || draft.vms.length === 0) continue
    noPlace.add(draft)
    const found = placesForAll(draft, drafts, noPlace, policy)
    for (const { to } of found) stays.add(to)
    moves.push(...found.map(({ vm, to }) => ({ vm, to: to.node })))
  }
  return moves
}

/** None when one of them finds none. */
function placesForAll(
  { vms }: Draft,
  drafts: readonly Draft[],
  noPlace: ReadonlySet<Draft>,
  policy: Policy,
): { readonly vm: ReplayVm; readonly to: Draft }[] {
  const found: { vm: ReplayVm; to: Draft }[] = []
  for (const vm of [...vms].sort(byUse)) {
    const to = placeFor(vm, drafts, noPlace, policy)
    if (!to) {
      for (const one of found) one.to.remove(one.vm)
      return []
    }
    to.add(vm)
    found.push({ vm, to })
  }
  return found
}
