// How the loads of nodes and VMs went over the last half hour, for people: looks at the cluster
// once a second, and decides nothing. In memory only: a coordinator that starts begins anew.
// Not here: how means are kept (load-history.ts), what is kept for longer (metrics, Prometheus).

import type { Cancel, Clock } from '#env/env.ts'
import type { ClusterLoadsView, NodeLoadsView, VmLoadsView } from '#proto/loads.ts'
import { mebibyte } from '#proto/units.ts'
import { burdenOf } from '../core/burdens.ts'
import type { ClusterState, Node, Vm } from '../core/cluster-state.ts'
import { wattsAwake, wattsOf } from '../core/power/energy.ts'
import { isThere, isUnknown } from '../core/views.ts'
import { type HistoryShape, LoadHistory, type Look, type Means } from './load-history.ts'

const lookEveryMs = 1000
/** 450 means of 4 s are half an hour, and 7 KiB a VM. */
const shape: HistoryShape = { quantities: 4, looksPerMean: 4, kept: 450 }
const everyMs = lookEveryMs * shape.looksPerMean

export class LoadLog {
  readonly #state: ClusterState
  readonly #clock: Clock
  readonly #nodes = new LoadHistory<string>(shape)
  /** By serial: a VM that takes a name has not done what another did under it. */
  readonly #vms = new LoadHistory<number>(shape)
  readonly #cluster = new LoadHistory<'all'>({ ...shape, quantities: 7 })
  #next: Cancel | undefined

  constructor(state: ClusterState, clock: Clock) {
    this.#state = state
    this.#clock = clock
  }

  /** Until then it knows of nothing. */
  start(): void {
    this.#next = this.#clock.wakeAt(this.#clock.nowMs() + lookEveryMs, () => this.#look())
  }

  stop(): void {
    this.#next?.()
  }

  ofVm({ serial }: Vm): VmLoadsView {
    const { wallMs, columns } = this.#dated(this.#vms.meansOf(serial))
    const [cpuGotPercent = [], cpuDemandPercent = [], dirtyPagesPerSec = [], touchedMib = []] =
      columns
    return {
      ...{ everyMs, wallMs, cpuGotPercent, cpuDemandPercent, dirtyPagesPerSec, touchedMib },
    }
  }

  ofNode({ id }: Node): NodeLoadsView {
    const { wallMs, columns } = this.#dated(this.#nodes.meansOf(id))
    const [cpuGotPercent = [], cpuDemandPercent = [], memoryReservedMib = [], watts = []] = columns
    return { ...{ everyMs, wallMs, cpuGotPercent, cpuDemandPercent, memoryReservedMib, watts } }
  }

  ofCluster(): ClusterLoadsView {
    const { wallMs, columns } = this.#dated(this.#cluster.meansOf('all'))
    const [cpuGotPercent = [], cpuDemandPercent = [], memoryReservedMib = [], ...more] = columns
    const [watts = [], wattsAwake = [], nodesOnline = [], vmsRunning = []] = more
    return {
      ...{ everyMs, wallMs, cpuGotPercent, cpuDemandPercent, memoryReservedMib },
      ...{ watts, wattsAwake, nodesOnline, vmsRunning },
    }
  }

  /** As the wall clock reads now, which may have been set meanwhile: in order in any case. */
  #dated({ atMs, columns }: Means) {
    const startedMs = this.#clock.wallMs() - this.#clock.nowMs()
    return { columns, wallMs: atMs.map((ms) => Math.round(startedMs + ms)) }
  }

  #look(): void {
    const { nodes, vms } = this.#state
    const nowMs = this.#clock.nowMs()
    this.#nodes.look(
      nowMs,
      looks(nodes.values(), ({ id }) => id, this.#ofNode),
    )
    this.#vms.look(
      nowMs,
      looks(vms.values(), ({ serial }) => serial, this.#ofVm),
    )
    this.#cluster.look(nowMs, new Map([['all', this.#ofAll()]]))
    this.start()
  }

  #ofAll(): Look {
    const { nodes, vms } = this.#state
    const [all, state] = [[...nodes.values()], this.#state]
    const online = all.filter(({ phase }) => phase === 'online')
    const running = [...vms.values()].filter((vm) => isThere(vm) && vm.phase !== 'paused')
    return [
      sum(online, ({ live }) => live.cpuGotPercent),
      sum(online, ({ live }) => live.cpuDemandPercent),
      sum(online, (node) => burdenOf(state, node).reservedMib),
      sum(all, (node) => wattsOf(state, node)),
      sum(all, (node) => wattsAwake(state, node)),
      online.length,
      running.filter((vm) => !isUnknown(state, vm)).length,
    ]
  }

  /** What is set aside on a silent node is known; what it does is not. */
  readonly #ofNode = (node: Node): Look => {
    const { cpuGotPercent, cpuDemandPercent } = node.live
    const measured = node.phase === 'online' ? [cpuGotPercent, cpuDemandPercent] : nothing
    return [...measured, burdenOf(this.#state, node).reservedMib, wattsOf(this.#state, node)]
  }

  readonly #ofVm = (vm: Vm): Look => {
    const load = isUnknown(this.#state, vm) ? undefined : vm.live.load
    return [
      ...[load?.cpuGotPercent, load?.cpuDemandPercent, load?.dirtyPagesPerSec],
      load && load.touchedBytes / mebibyte,
    ]
  }
}

const nothing = [undefined, undefined]

const sum = <T>(list: readonly T[], of: (one: T) => number): number =>
  list.reduce((total, one) => total + of(one), 0)

const looks = <Subject, Key>(
  subjects: Iterable<Subject>,
  keyOf: (subject: Subject) => Key,
  lookAt: (subject: Subject) => Look,
): Map<Key, Look> =>
  new Map(Array.from(subjects, (subject) => [keyOf(subject), lookAt(subject)] as const))
