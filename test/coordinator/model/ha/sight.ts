// How the judges see a cluster: what its records say of nodes, VMs and rules, and what follows from
// that by docs/high-availability.md. Written anew on purpose: nothing here asks the code that
// places, keeps rules or counts burdens. MiB, percent of one core.

import type { ClusterState, Node, Vm } from '#coordinator/core/cluster-state.ts'
import { type HaPolicy, type HaRule, haPolicyDefault } from '#proto/ha.ts'
import { asNodeId, asVmId, type NodeId, type VmId } from '#proto/ids.ts'

const flapsFrom = 3
const loadStep = 0.05

export class Sight {
  readonly state: ClusterState

  constructor(state: ClusterState) {
    this.state = state
  }

  policy = (vm: Vm): HaPolicy => vm.policy ?? haPolicyDefault

  named(names: readonly string[]): VmId[] {
    return names.flatMap((name) => {
      const group = /^group:(.*)/.exec(name)?.[1]
      const ids = group === undefined ? [name] : (this.state.groups.get(group)?.vms ?? [])
      return ids.map(asVmId)
    })
  }

  /** With all that strict rules keep together with it. */
  company(vm: Vm): Vm[] {
    const ids = new Set([vm.id])
    const binding = [...this.state.rules.values()]
      .filter(({ kind, strict }) => kind === 'keep-together' && strict)
      .map(({ vms }) => this.named(vms).filter((id) => this.state.vms.has(id)))
    for (let size = 0; size < ids.size; ) {
      size = ids.size
      for (const names of binding)
        if (names.some((id) => ids.has(id))) for (const id of names) ids.add(id)
    }
    return this.vms().filter(({ id }) => ids.has(id))
  }

  /** Where it counts: both ends of a move. */
  ends({ id, nodeId }: Vm): NodeId[] {
    const moves = [...this.state.openMigrations].flatMap((m) => this.state.migrations.get(m) ?? [])
    const to = moves
      .filter((m) => m.purpose === 'migrate' && m.vmId === id && !m.hasMoved)
      .map((m) => m.to)
    return [...new Set([...(nodeId === undefined ? [] : [nodeId]), ...to])]
  }

  /** What is reserved there, but for these VMs. @param bare without replicas */
  usedMib(nodeId: NodeId, but: readonly Vm[] = [], bare = false): number {
    let used = 0
    for (const vm of this.state.vms.values()) {
      if (but.includes(vm)) continue
      // Its replica ends before it comes where that is.
      const isKept = !bare && vm.replica?.nodeId === nodeId
      const isThere = this.ends(vm).includes(nodeId) || isKept
      if (isThere) used += vm.spec.memoryMib
    }
    return used
  }

  /** Is there room for those that are not there yet, and for what is there? */
  hasRoom(node: Node, vms: readonly Vm[], bare = false): boolean {
    const coming = vms.filter(({ nodeId }) => nodeId !== node.id)
    const wanted = coming.reduce((sum, { spec }) => sum + spec.memoryMib, 0)
    return this.usedMib(node.id, coming, bare) + wanted <= node.capacity.memoryMib
  }

  /** The strict rule that forbids it, or its company, this node. */
  forbids(vm: Vm, nodeId: NodeId): string | undefined {
    const company = this.company(vm)
    for (const rule of this.state.rules.values()) {
      if (!rule.strict) continue
      const names = this.named(rule.vms)
      if (!company.some(({ id }) => names.includes(id))) continue
      if (this.#breaks(rule, names, company, nodeId)) return rule.name
    }
    return undefined
  }

  /** The strict rule about nodes that forbids it this one. */
  affinity(vm: Vm, nodeId: string): string | undefined {
    const company = this.company(vm)
    for (const rule of this.state.rules.values()) {
      if (!rule.strict || rule.kind !== 'node-affinity') continue
      const isMeant = this.named(rule.vms).some((id) => company.some((mate) => mate.id === id))
      if (isMeant && !rule.nodes.some(({ id }) => id === nodeId)) return rule.name
    }
    return undefined
  }

  #breaks(rule: HaRule, names: VmId[], company: readonly Vm[], nodeId: NodeId): boolean {
    if (rule.kind === 'node-affinity') return !rule.nodes.some(({ id }) => id === nodeId)
    if (rule.kind === 'keep-together') return false
    return this.#others(names, company).some((other) => this.#isThere(other, nodeId))
  }

  #others(names: readonly VmId[], company: readonly Vm[]): Vm[] {
    const others = names.flatMap((id) => this.state.vms.get(id) ?? [])
    return others.filter((vm) => !company.includes(vm))
  }

  /** It, or somebody of its company. */
  #isThere(vm: Vm, nodeId: NodeId): boolean {
    return this.company(vm).some((mate) => this.ends(mate).includes(nodeId))
  }

  /** How little its rules want it there; first those about nodes. */
  rank(vm: Vm, nodeId: NodeId): number {
    const company = this.company(vm)
    let rank = 0
    for (const rule of this.state.rules.values()) {
      const names = this.named(rule.vms)
      const members = names.filter((id) => company.some((mate) => mate.id === id)).length
      if (rule.kind === 'node-affinity') rank += members * 1000 * classOf(rule.nodes, nodeId)
      else if (!rule.strict) rank += members * this.#misses(rule, names, company, nodeId)
    }
    return rank
  }

  #misses(rule: HaRule, names: VmId[], company: readonly Vm[], nodeId: NodeId): number {
    const others = this.#others(names, company)
    const there = others.filter((other) => this.#isThere(other, nodeId)).length
    if (rule.kind === 'keep-apart') return there
    const seated = others.filter((other) =>
      this.company(other).some((mate) => this.ends(mate).length > 0),
    )
    return seated.length - there
  }

  isUp = ({ phase, live }: Node): boolean =>
    phase === 'online' && live.linkId !== undefined && live.isReady && !live.isClosing

  /** New VMs may come there; one that sleeps may be woken for it. */
  takes = (node: Node, asAwake = false): boolean =>
    this.isUp(node) && !node.maintenance && (asAwake || !node.standby)

  flaps = ({ live }: Node): boolean => live.lostAtMs.length >= flapsFrom

  /** In the order in which nodes that may take it are chosen; the load counts in steps. */
  marks(vm: Vm, node: Node): number[] {
    const there = [...this.state.vms.values()].filter(
      (other) => other !== vm && this.ends(other).includes(node.id),
    )
    const expected = [...there, vm].reduce((sum, one) => sum + this.#expects(one), 0)
    const load = Math.round(expected / 100 / node.capacity.cores / loadStep)
    const leaves = node.live.isEmptying ? 1 : 0
    return [this.rank(vm, node.id), leaves, this.flaps(node) ? 1 : 0, load, there.length]
  }

  #expects = ({ live, spec }: Vm): number =>
    Math.max(live.demandPercent ?? 0, spec.cpuExpectedPercent)

  nodes = (): Node[] => [...this.state.nodes.values()]
  vms = (): Vm[] => [...this.state.vms.values()]
  node = (id: string | undefined): Node | undefined =>
    id === undefined ? undefined : this.state.nodes.get(asNodeId(id))
}

/** 0: of the highest priority. */
function classOf(nodes: readonly { id: string; priority: number }[], nodeId: NodeId): number {
  const higher = (least: number) => nodes.filter(({ priority }) => priority > least)
  const named = nodes.find(({ id }) => id === nodeId)
  return new Set(higher(named?.priority ?? -1).map(({ priority }) => priority)).size
}
