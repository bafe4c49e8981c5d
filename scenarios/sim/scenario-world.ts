// The simulated world as scenarios see one: the same cluster, coordinator, agents and guests, in
// virtual time and in this very thread. Whoever runs a scenario in it lives by its clock, and lets
// it drive() what they do. Nodes that are as fast as the machine can elsewhere have a speed here.
// Not here: HTTP (sim-wire.ts). Virtual ms, MiB.

import type { Passwords } from '#coordinator/accounts/records.ts'
import type { Inflate } from '#env/env.ts'
import type { DiskFaults } from '#env/faulty-disk.ts'
import { SeededRandom, VirtualClock } from '#env/memory.ts'
import { type FaultCode, FaultError, fault } from '#proto/faults.ts'
import { asNodeId, type NodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { type ApiClient, HttpApiClient } from '../api-client.ts'
import type {
  AgentAnswer,
  ClusterSpec,
  CutLinks,
  Doors,
  ProcessView,
  Roads,
  World,
} from '../world.ts'
import { coordinatorName } from './sim-coordinator.ts'
import type { SimPlatform } from './sim-node.ts'
import type { SimProcess } from './sim-process.ts'
import { SimWire } from './sim-wire.ts'
import { SimWorld } from './sim-world.ts'

/** Of nodes that declare no speed: enough for every guest here, and little to reckon. */
const mipsDefault = 50
const logLines = 200
/** Of a world of models, which may be large: the coordinator's own pace. */
const modelsCheckEveryMs = 1000
/** About what two processes on one machine, or two machines at 2.4 Gbit/s, send to each other. */
const road = { latencyMs: 0.2, jitterMs: 0, bytesPerMs: 300_000 }

export interface ScenarioPlatform extends SimPlatform {
  /** Of who has an account. */
  readonly passwords: Passwords
}

export class ScenarioSimWorld implements World {
  readonly clock = new VirtualClock()
  readonly pageUrl = undefined
  readonly mayModel = true
  readonly inflate: Inflate
  readonly api: ApiClient
  readonly roads: Roads = {
    cut: async ({ from, to }) => this.#sim.network.cut(from, to),
    heal: async ({ from, to }) => this.#sim.network.mend(from, to),
    shape: async ({ from, to }, shape) => this.#sim.network.shape(from, to, shape),
  }
  readonly doors: Doors
  readonly #platform: SimPlatform
  readonly #wire: SimWire
  #world: SimWorld | undefined
  /** Declared, and not there yet. */
  readonly #later = new Set<NodeId>()
  /** Numbers for processes, and how each that ended did. */
  readonly #pids = new Map<SimProcess, number>()
  readonly #ends = new Map<SimProcess, string>()

  constructor({ passwords, ...platform }: ScenarioPlatform) {
    this.#platform = platform
    this.inflate = platform.inflate
    const secrets = new SeededRandom(2)
    this.#wire = new SimWire({
      ...{ random: new SeededRandom(1), secrets, passwords, sha256: platform.digest },
      coordinator: () => this.#sim.coordinator,
      stir: () => this.clock.stir(),
    })
    this.api = new HttpApiClient(this.#wire)
    this.doors = {
      own: () => this.#wire,
      wireOf: (secret) => this.#wire.of(secret),
      random: secrets,
    }
  }

  /** Virtual time passes until the work has ended. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let hasEnded = false
    const end = () => {
      hasEnded = true
    }
    work.then(end, end)
    // Its first steps need no virtual time, and make the world.
    while (!this.#world && !hasEnded) await this.#platform.turns.loop()
    return this.#world ? this.#world.drive(work) : work
  }

  async startCluster(spec: ClusterSpec): Promise<void> {
    invariant(!this.#world, 'a world starts its cluster once')
    const { nodes, leaseMs, heartbeatMs, marginMs, rebalance, fenceAfterMs } = spec
    const { models, pageLogs = false, seed = 1 } = spec
    const fence = fenceAfterMs === undefined ? {} : { fenceAfterMs }
    const traits = nodes.map(({ id, cores, mipsPerCore, memoryMib }) => {
      const mips = mipsPerCore || mipsDefault
      return [id, { cores: Math.max(1, Math.round(cores)), mips, memoryMib }] as const
    })
    this.#world = new SimWorld({
      ...this.#platform,
      ...{ seed, road, clock: this.clock },
      nodes: nodes.filter(({ isLater }) => !isLater).map(({ id }) => id),
      traits: new Map(traits),
      settings: { leaseMs, heartbeatMs, marginMs, rebalance, pageLogs, ...fence },
      isBusy: () => this.#wire.isBusy,
      ...(models && { models, checkEveryMs: modelsCheckEveryMs }),
    })
    for (const { id, isLater } of nodes) if (isLater) this.#later.add(id)
    await this.#allOnline(nodes.length - this.#later.size)
  }

  async stopNode(id: NodeId): Promise<void> {
    this.#living(id)
    const node = this.#sim.node(id)
    await node.stop()
    this.#ends.set(node.process, 'exit code 0')
  }

  async killNode(id: NodeId): Promise<void> {
    this.#kill(this.#living(id))
  }

  async hangNode(id: NodeId, forMs: number): Promise<void> {
    const process = this.#living(id)
    process.hang()
    this.clock.wakeAt(this.clock.nowMs() + forMs, () => process.goOn())
  }

  async cutNode(id: NodeId, { coordinator, peers }: CutLinks): Promise<void> {
    this.#living(id)
    for (const other of this.#others(id, coordinator, peers)) this.#sim.network.part(id, other)
  }

  async healNode(id: NodeId): Promise<void> {
    for (const other of this.#others(id, true, true)) this.#sim.network.rejoin(id, other)
  }

  async driftClock(id: NodeId, rate: number): Promise<void> {
    this.#living(id).changeRate(rate)
  }

  async breakDisk(id: NodeId, faults: DiskFaults): Promise<void> {
    this.#process(id)
    this.#sim.diskFaults.set(id, faults)
  }

  async startNode(id: NodeId): Promise<void> {
    const isNew = this.#later.delete(id)
    if (!isNew && this.#process(id).isAlive)
      throw refused('wrong-state', `Node ${id} runs already.`)
    this.#sim.restart(id)
  }

  async killCoordinator(): Promise<void> {
    this.#kill(this.#sim.coordinator.process)
  }

  async restartCoordinator(): Promise<void> {
    if (this.#sim.coordinator.process.isAlive)
      throw refused('wrong-state', 'The coordinator runs already; kill it first.')
    this.#sim.restart(coordinatorName)
  }

  processes(): readonly ProcessView[] {
    const nodes = [...this.#sim.nodes.values()].map(({ process }) => process)
    return [this.#sim.coordinator.process, ...nodes].map((process) => this.#view(process))
  }

  async copies(): Promise<readonly AgentAnswer[]> {
    const answering = ({ process }: { process: SimProcess }) =>
      process.isAlive && !process.isHanging
    return [...this.#sim.nodes].flatMap(([name, node]) => {
      if (!answering(node)) return []
      const copies = node.copies.map(({ vmId, epoch, state }) => ({ vmId, epoch, state }))
      return [{ nodeId: asNodeId(name), copies }]
    })
  }

  async logs(id: string): Promise<string> {
    const lines = this.#sim.log.lines.filter(({ fields }) => fields.node === id)
    const texts = lines.slice(-logLines).map(({ event, fields }) => `${event} ${fields.text ?? ''}`)
    return texts.join('\n')
  }

  async stop(): Promise<string[]> {
    if (!this.#world) return []
    const { coordinator, nodes } = this.#world
    for (const { process } of [coordinator, ...nodes.values()]) process.kill()
    return []
  }

  get #sim(): SimWorld {
    invariant(this.#world, 'the cluster has not been started')
    return this.#world
  }

  async #allOnline(count: number): Promise<void> {
    const { state } = this.#sim.coordinator.coordinator
    const ready = () => [...state.nodes.values()].filter(({ live }) => live.isReady).length
    while (ready() < count)
      await new Promise<void>((go) => void this.clock.wakeAt(this.clock.nowMs() + 10, go))
  }

  #others(id: NodeId, coordinator: boolean, peers: boolean): string[] {
    const others = [...this.#sim.nodes.keys()].filter((name) => name !== id)
    return [...(coordinator ? [coordinatorName] : []), ...(peers ? others : [])]
  }

  #process(id: NodeId): SimProcess {
    const node = this.#sim.nodes.get(id)
    if (node) return node.process
    const known = [...this.#sim.nodes.keys()].join(', ')
    throw refused('unknown-node', `There is no node ${id}; there are: ${known}.`)
  }

  #living(id: NodeId): SimProcess {
    const process = this.#process(id)
    if (process.isAlive) return process
    throw refused('wrong-state', `Node ${id} does not run.`)
  }

  #kill(process: SimProcess): void {
    process.kill()
    this.#ends.set(process, 'SIGKILL')
  }

  #view(process: SimProcess): ProcessView {
    const pid = this.#pids.get(process) ?? this.#pids.size + 1
    this.#pids.set(process, pid)
    const { name: id, isAlive, isHanging } = process
    if (isAlive) return { id, pid, state: isHanging ? 'hung' : 'running' }
    return { id, pid, state: 'exited', ending: this.#ends.get(process) ?? 'ended' }
  }
}

const refused = (code: FaultCode, text: string) => new FaultError(fault(code, text))
