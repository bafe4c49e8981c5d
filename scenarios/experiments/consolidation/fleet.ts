// Nodes and VMs of the replay, and who gets how much CPU: all that is asked for, or equal parts of
// it when a node has less; a VM that moves a tenth less, and a tenth at the node to which it moves
// (as CloudSim's VmSchedulerTimeSharedOverSubscription does; Beloglazov and Buyya 2012, section
// 3.4). Loads lie on straight lines between the samples of their traces. Seconds, MIPS, MiB.

import type { Trace } from '../../sim/models/traces.ts'
import { NodeAccount, VmAccount } from './account.ts'
import type { Reading } from './reading.ts'
import {
  intervalSec,
  kindOf,
  mipsOf,
  type NodeKind,
  nodeKindOf,
  shareAtDestination,
  shareAtSource,
  type VmKind,
  wattsAt,
} from './set-up.ts'

/** Of the uses of a VM so many are remembered. */
export const historyMax = 30

export class ReplayVm {
  readonly account = new VmAccount()
  readonly #percents: Uint8Array
  /** Newest first. */
  readonly history: number[] = []
  at: ReplayNode | undefined
  moves = false
  /** Of its own core, 0 to 1. */
  use = 0

  readonly kind: VmKind

  constructor(kind: VmKind, percents: Uint8Array) {
    this.kind = kind
    this.#percents = percents
  }

  get memoryMib(): number {
    return this.kind.memoryMib
  }

  get askedMips(): number {
    return this.use * this.kind.mips
  }

  /** After the last sample it stays. */
  hear(atSec: number): void {
    const at = atSec / intervalSec
    const before = Math.floor(at)
    const sample = (index: number) =>
      (this.#percents[Math.min(index, this.#percents.length - 1)] as number) / 100
    const from = sample(before)
    const delta = (sample(before + 1) - from) / intervalSec
    this.use = from + delta * (atSec - before * intervalSec)
  }

  remember(): void {
    this.history.unshift(this.use)
    if (this.history.length > historyMax) this.history.pop()
  }
}

export class ReplayNode {
  readonly account = new NodeAccount()
  readonly totalMips: number
  /** Also those that are just moving here. */
  readonly vms: ReplayVm[] = []
  readonly comingIn = new Set<ReplayVm>()
  usedMips = 0

  readonly kind: NodeKind

  constructor(kind: NodeKind) {
    this.kind = kind
    this.totalMips = mipsOf(kind)
  }

  get use(): number {
    return this.usedMips / this.totalMips
  }

  get watts(): number {
    return wattsAt(this.kind, this.use)
  }

  remove(vm: ReplayVm): void {
    const at = this.vms.indexOf(vm)
    if (at >= 0) this.vms.splice(at, 1)
  }

  shareOut(atSec: number): void {
    const share = (vm: ReplayVm) => (this.comingIn.has(vm) ? shareAtDestination : 1)
    const wanted = (vm: ReplayVm) => Math.min(vm.askedMips, this.kind.coreMips)
    let [required, used, asked] = [0, 0, 0]
    for (const vm of this.vms) required += wanted(vm) * share(vm)
    const scale = required > this.totalMips ? this.totalMips / required : undefined
    for (const vm of this.vms) {
      const isComing = this.comingIn.has(vm)
      const part = isComing ? shareAtDestination : vm.moves ? shareAtSource : 1
      const got = scale === undefined ? wanted(vm) * part : Math.floor(wanted(vm) * scale * part)
      if (!isComing) vm.account.note(atSec, got, vm.askedMips, vm.moves)
      // What the move itself costs is work of the node, too.
      used += vm.moves && !isComing ? got / shareAtSource : got
      asked += vm.askedMips
    }
    this.usedMips = used
    this.account.note(atSec, used, asked)
  }
}

export class Fleet {
  readonly nodes: readonly ReplayNode[]
  readonly vms: readonly ReplayVm[]
  readonly #keepsIdleVms: boolean
  #atSec = 0
  joules = 0

  constructor(nodes: number, traces: readonly Trace[], { keepsIdleVms }: Reading) {
    this.#keepsIdleVms = keepsIdleVms
    this.nodes = Array.from({ length: nodes }, (_, i) => new ReplayNode(nodeKindOf(i)))
    this.vms = traces.map(({ percents }, i) => new ReplayVm(kindOf(i, traces.length), percents))
  }

  /** Time has passed: energy is added up, new loads are heard. */
  advance(atSec: number): void {
    for (const vm of this.vms) if (vm.at) vm.hear(atSec)
    const passedSec = atSec - this.#atSec
    for (const node of this.nodes) {
      if (node.vms.length === 0 && node.usedMips === 0) continue
      const [useBefore, wattsBefore] = [node.use, node.watts]
      node.shareOut(atSec)
      // A node that was off draws nothing until the next look at it.
      if (useBefore > 0) this.joules += ((wattsBefore + node.watts) / 2) * passedSec
      if (!this.#keepsIdleVms) dropIdle(node)
    }
    this.#atSec = atSec
  }

  remember(): void {
    for (const vm of this.vms) if (vm.at) vm.remember()
  }
}

/** Whoever asks for nothing counts as completed, and does not come back. */
function dropIdle(node: ReplayNode): void {
  for (const vm of [...node.vms]) {
    if (vm.moves || vm.use > 0) continue
    node.remove(vm)
    vm.at = undefined
  }
}
