// A small honest model of a cluster, in memory and on virtual time: nodes, leases, epochs,
// recovery. No pages move and no code runs. `bugs` makes it break one promise each, so that a test
// can see the judge notice. Not here: what the API does with it (fake-api.ts), and breaking it
// (fake-world.ts).

import { VirtualClock } from '#env/memory.ts'
import type { ClusterView, EventView, MigrationView, NodeView, VmView } from '#proto/api.ts'
import { type FaultCode, FaultError, fault } from '#proto/faults.ts'
import { haSettingsDefault } from '#proto/ha.ts'
import type { NodeId } from '#proto/ids.ts'
import type { VmSpec } from '#proto/vm-spec.ts'
import type { ConsoleHandlers, WatchHandlers } from '#scenarios/api-client.ts'
import type { ClusterSpec } from '#scenarios/world.ts'
import { type FakeDisk, FakeGuest } from './fake-guest.ts'
import { noPower } from './no-power.ts'

export interface Bugs {
  /** Acknowledges writes that it does not keep. */
  readonly losesWrites?: boolean
  /** A node that is cut off goes on running its VMs for ever. */
  readonly neverFencesItself?: boolean
  /** Clones answer with their parent's identity. */
  readonly clonesShareIdentity?: boolean
  /** This node's process dies by itself after so many ms. */
  readonly dies?: { readonly node: string; readonly atMs: number }
}

export interface FakeNode {
  readonly id: NodeId
  readonly memoryMib: number
  pid: number
  alive: boolean
  cut: boolean
  hungUntilMs: number
  heardAtMs: number
  phase: NodeView['phase']
  /** VM → epoch of the copies that run here. */
  readonly copies: Map<string, number>
}

export interface FakeVm {
  view: VmView
  readonly disk: FakeDisk
  guest: FakeGuest
  output: string
  readonly listeners: Set<ConsoleHandlers>
}

const tickMs = 50

export const refuse = (code: FaultCode, message: string) => new FaultError(fault(code, message))

export class FakeCluster {
  readonly clock = new VirtualClock()
  readonly bugs: Bugs
  readonly nodes = new Map<string, FakeNode>()
  readonly vms = new Map<string, FakeVm>()
  readonly migrations: MigrationView[] = []
  readonly events: EventView[] = []
  readonly watchers = new Set<WatchHandlers>()
  spec: ClusterSpec = { nodes: [], leaseMs: 0, heartbeatMs: 0, marginMs: 0, rebalance: false }
  coordinatorAlive = false
  stopped = false
  #revision = 0
  #number = 0

  constructor(bugs: Bugs) {
    this.bugs = bugs
  }

  tick(): void {
    if (this.stopped) return
    const nowMs = this.clock.nowMs()
    const { dies } = this.bugs
    if (dies !== undefined && nowMs >= dies.atMs) this.node(dies.node).alive = false
    for (const node of this.nodes.values()) this.#live(node, nowMs)
    this.clock.wakeAt(nowMs + tickMs, () => this.tick())
  }

  #live(node: FakeNode, nowMs: number): void {
    const heard = this.responds(node) && !node.cut && this.coordinatorAlive
    if (heard) {
      node.heardAtMs = nowMs
      this.#becomes(node, 'online')
      for (const [vmId, epoch] of node.copies)
        if ((this.vms.get(vmId)?.view.epoch ?? 0) > epoch) node.copies.delete(vmId)
      return
    }
    const silentMs = nowMs - node.heardAtMs
    const awake = node.hungUntilMs <= nowMs
    if (awake && silentMs > this.spec.leaseMs && !this.bugs.neverFencesItself) node.copies.clear()
    if (!this.coordinatorAlive) return
    if (silentMs > 3 * this.spec.heartbeatMs) this.#becomes(node, 'suspect')
    if (silentMs > this.spec.leaseMs + this.spec.marginMs) {
      if (node.hungUntilMs > nowMs) node.copies.clear()
      this.#becomes(node, 'fenced')
      for (const vm of this.vms.values()) if (vm.view.nodeId === node.id) this.#recover(vm)
    }
  }

  responds = (node: FakeNode): boolean => node.alive && node.hungUntilMs <= this.clock.nowMs()

  #becomes(node: FakeNode, phase: NodeView['phase']): void {
    if (node.phase === phase || (phase === 'suspect' && node.phase === 'fenced')) return
    node.phase = phase
    const kind =
      phase === 'online' ? 'node-online' : phase === 'suspect' ? 'node-suspect' : 'node-fenced'
    this.event(kind, `node ${node.id} is ${phase}`)
  }

  #recover(vm: FakeVm): void {
    if (!vm.view.spec.ha) {
      vm.view = { ...vm.view, phase: 'failed', fault: fault('link-lost', 'Its node is lost.') }
      this.changed()
      return
    }
    const nodeId = this.placeFor(vm.view.spec)
    if (nodeId === undefined) return
    const { epoch, recoveries } = vm.view
    vm.view = {
      ...vm.view,
      phase: 'starting',
      nodeId,
      epoch: epoch + 1,
      recoveries: recoveries + 1,
    }
    this.after(200, () => this.boot(vm))
  }

  boot(vm: FakeVm): void {
    const { nodeId, epoch, id, spec } = vm.view
    this.node(nodeId ?? '').copies.set(id, epoch)
    vm.view = { ...vm.view, phase: 'running' }
    vm.output = ''
    for (const { onHeader } of vm.listeners) onHeader({ vmId: id, epoch, offset: 0 })
    vm.guest.boot(spec.args)
    this.event('vm-running', `${id} runs on ${nodeId}`)
  }

  after(ms: number, fn: () => void): void {
    this.clock.wakeAt(this.clock.nowMs() + ms, fn)
    this.changed()
  }

  changed(): void {
    this.#revision += 1
    if (!this.coordinatorAlive) return
    for (const watcher of [...this.watchers]) watcher.onView(this.view())
  }

  event(kind: EventView['kind'], text: string): void {
    const atMs = this.clock.nowMs()
    this.events.push({ seq: this.events.length, wallMs: atMs, atMs, kind, text })
    this.changed()
  }

  view(): ClusterView {
    return {
      ...{ ha: haSettingsDefault, rules: [], power: noPower },
      ...{ clusterId: 'fake', version: '0', revision: this.#revision },
      nodes: [...this.nodes.values()].map((node) => this.nodeView(node)),
      vms: [...this.vms.values()].map((vm) => vm.view),
      migrations: [...this.migrations],
      events: this.events.slice(-200),
    }
  }

  nodeView({ id, phase, pid, memoryMib }: FakeNode): NodeView {
    const vms = [...this.vms.values()].filter(({ view }) => view.nodeId === id)
    const load = vms.map(({ view }) => Number(/load=(\d+)/.exec(view.spec.args)?.[1] ?? 1))
    return {
      ...{ id, phase, pid, peerAddress: 'ws://fake', leaseLeftMs: 0, memoryUsedMib: 0 },
      capacity: { cores: 1, mipsPerCore: 0, memoryMib },
      cpuDemandPercent: load.reduce((a, b) => a + b, 0),
      cpuGotPercent: 0,
      memoryReservedMib: vms.reduce((sum, { view }) => sum + view.spec.memoryMib, 0),
      vmCount: vms.length,
      power: 'on',
    }
  }

  newVm(id: string, spec: VmSpec, nodeId: string | undefined, disk: FakeDisk, parent?: FakeVm) {
    const number = String(++this.#number).padStart(12, '0')
    const fresh = {
      instanceId: `00000000-0000-4000-8000-${number}`,
      mac: `02:00:00:00:00:${number.slice(-2)}`,
      randomSeed: number.padStart(64, '0'),
    }
    const shared = parent !== undefined && this.bugs.clonesShareIdentity
    const vm: FakeVm = {
      view: {
        ...{ id, spec, phase: 'starting', epoch: 1, recoveries: 0 },
        identity: shared ? parent.view.identity : fresh,
        disk: { sizeBytes: 0, layers: [] },
        ...(nodeId === undefined ? {} : { nodeId }),
        ...(parent === undefined ? {} : { clonedFrom: parent.view.id }),
      },
      disk,
      guest: undefined as unknown as FakeGuest,
      output: '',
      listeners: new Set(),
    }
    vm.guest = new FakeGuest(
      () => vm.view.identity,
      disk,
      this.bugs.losesWrites === true,
      (line) => {
        vm.output += `${line}\n`
        const bytes = new TextEncoder().encode(`${line}\n`)
        for (const { onOutput } of vm.listeners) onOutput(bytes)
      },
    )
    this.vms.set(id, vm)
    return vm
  }

  placeFor(spec: VmSpec, notOn?: string): string | undefined {
    const views = [...this.nodes.values()].map((node) => this.nodeView(node))
    const fit = views.filter(
      ({ id, phase, capacity, memoryReservedMib }) =>
        id !== notOn &&
        phase === 'online' &&
        capacity.memoryMib - memoryReservedMib >= spec.memoryMib,
    )
    fit.sort((a, b) => a.cpuDemandPercent - b.cpuDemandPercent)
    return fit[0]?.id
  }

  node(id: string): FakeNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw refuse('unknown-node', `There is no node ${id}.`)
    return node
  }

  vm(id: string): FakeVm {
    const vm = this.vms.get(id)
    if (vm === undefined) throw refuse('unknown-vm', `There is no VM ${id}.`)
    return vm
  }
}
