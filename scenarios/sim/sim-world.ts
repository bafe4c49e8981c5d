// A cluster in one thread and in virtual time: the same coordinator, agents, migrations and engine
// as anywhere else, on a network and on disks in memory. One seed, one transcript. It watches one
// law by itself, at every slice of every pCPU: no VM runs under an epoch older than one that has
// run. Not here: scenarios and faults, which are the caller's. Virtual ms.

import { defaultSettings, type Settings } from '#coordinator/core/cluster-state.ts'
import type { ApiAnswer, ApiCommand } from '#coordinator/core/step-context.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { type DiskFaults, noDiskFaults } from '#env/faulty-disk.ts'
import {
  MemoryDisk,
  MemoryLog,
  type MemoryTracer,
  SeededRandom,
  VirtualClock,
} from '#env/memory.ts'
import type { HeldVm } from '#node-agent/held-vms.ts'
import { breathsPending } from '#node-agent/migration/breath.ts'
import { SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import { asVmId, type VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import { Coordinators } from './coordinators.ts'
import { ModelNode } from './models/model-node.ts'
import type { Trace } from './models/traces.ts'
import { addressOf, isCoordinator, type SimCoordinator } from './sim-coordinator.ts'
import { SimNetwork } from './sim-network.ts'
import { type NodeTraits, SimNode, type SimPlatform } from './sim-node.ts'
import { exactly, type Reading, SimProcess } from './sim-process.ts'
import type { RoadTraits } from './sim-road.ts'
import type { Turns } from './turns.ts'

/** A world whose VMs are models: see docs/decisions/0011-models-of-vms.md. */
export interface WorldOfModels {
  readonly traces: ReadonlyMap<string, Trace>
}

export interface SimWorldOptions extends Partial<Omit<SimPlatform, 'turns'>> {
  readonly turns: Turns
  /** Absent: its VMs are real guests, and it needs all of a platform. */
  readonly models?: WorldOfModels
  /** How often the coordinator holds its whole state against its invariants; 0: at each step. */
  readonly checkEveryMs?: number
  readonly nodes: readonly string[]
  /** Of nodes that are not like the others. */
  readonly traits?: ReadonlyMap<string, NodeTraits>
  /** The world's, when others live by it too. */
  readonly clock?: VirtualClock
  /** A node that the fence device has ended is started again after this; absent: by nobody. */
  readonly fenceRebootMs?: number
  /** Several, of which one leads, on an etcd. */
  readonly coordinators?: number
  /** What the coordinator remembers is durable so much later. */
  readonly storeLagMs?: number
  /** How much later agents hear of what their pCPUs have done. */
  readonly pcpuLagMs?: number
  /** Somebody outside has something to do that takes no virtual time. */
  readonly isBusy?: () => boolean
  readonly seed: number
  readonly settings?: Partial<Settings>
  readonly memoryMib?: number
  /** Of every core: what makes time pass for guests. */
  readonly mips?: number
  /** Clocks go wrong by up to that share, either way, and begin anywhere; 0: all are the same. */
  readonly driftMost?: number
  readonly road?: RoadTraits
  /** Keeps the spans of all processes (of models: the coordinator's); absent: none are made. */
  readonly tracer?: MemoryTracer
}

const token = 'secret'
/** Where agents listen for each other; where an elder still does, another one listens beside it. */
const firstPort = 7000
const elderPort = 7100
/** One turn of the loop costs as much as some alarms do. */
const quietRingsMax = 256

export class SimWorld {
  readonly clock: VirtualClock
  readonly network: SimNetwork
  readonly coordinators: Coordinators
  readonly log = new MemoryLog()
  readonly disk = new MemoryDisk()
  readonly nodes = new Map<string, SimNode | ModelNode>()
  /** By node: how the store fails for it, whether its process runs or is another by now. */
  readonly diskFaults = new Map<string, DiskFaults>()
  /** Broken laws, as sentences. */
  readonly violations: string[] = []
  readonly #options: SimWorldOptions
  readonly #random: SeededRandom
  readonly #snapshots = new MemoryDisk()
  /** Of models: where each executes. */
  readonly #executing = new Map<VmId, { readonly process: SimProcess; readonly vm: HeldVm }>()
  readonly #highest = new Map<VmId, { readonly epoch: number; readonly node: string }>()
  readonly #elders = new Set<SimNode | ModelNode>()
  #incarnations = 0
  /** When it settled last, and alarms since then. */
  #linesTold = 0
  #quietRings = 0

  constructor(options: SimWorldOptions) {
    this.#options = options
    this.clock = options.clock ?? new VirtualClock()
    this.#random = new SeededRandom(options.seed)
    const passes = options.models !== undefined
    this.network = new SimNetwork(this.clock, this.#random, options.road, passes)
    this.coordinators = this.#makeCoordinators()
    for (const name of options.nodes) this.#startNode(name)
  }

  /** Of several the one that led last: before one of them ever has, nobody may ask. */
  get coordinator(): SimCoordinator {
    return this.coordinators.leader
  }

  get nowMs(): number {
    return this.clock.nowMs()
  }

  /** The store of snapshots, as one more node would see it. */
  openStore(): SnapshotStore {
    const { digest } = this.#platform()
    const { clock } = this
    return new SnapshotStore({ clock, random: this.#random, digest, disk: this.#snapshots })
  }

  /** The first of that name that is alive; throws when there is none. */
  node(name: string): SimNode | ModelNode {
    const node = this.nodes.get(name)
    if (!node) throw new Error(`there is no node ${name}`)
    // Of two the one that speaks last has the name: it may be the one that was there before.
    const elder = node.process.isAlive ? undefined : this.#elderOf(name)
    if (elder) this.nodes.set(name, elder)
    return elder ?? node
  }

  process(name: string): SimProcess {
    return isCoordinator(name) ? this.coordinators.process(name) : this.node(name).process
  }

  /** A process that was killed begins anew, on what is on its disk; a node may be a new one. */
  restart(name: string): void {
    if (isCoordinator(name)) {
      this.coordinators.restart(name)
      return
    }
    if (this.nodes.has(name)) this.process(name).kill()
    this.#startNode(name)
  }

  /** Another process takes the name while the one that has it hangs; that one goes on after it. */
  replace(name: string, hangsMs: number): void {
    const elder = this.node(name)
    const { process } = elder
    process.hang()
    this.#elders.add(elder)
    this.#startNode(name)
    this.network.later(() => process.goOn(), hangsMs)
  }

  /** Those whose name another one has, and that have not ended. */
  get elders(): readonly SimProcess[] {
    return [...this.#elders].flatMap((elder) => {
      const { process } = elder
      return process.isAlive && this.nodes.get(process.name) !== elder ? process : []
    })
  }

  #elderOf(name: string): SimNode | ModelNode | undefined {
    return [...this.#elders].findLast(({ process }) => process.isAlive && process.name === name)
  }

  // ---- what a person asks for ----

  ask(command: ApiCommand): ApiAnswer {
    return this.coordinator.coordinator.ask(command)
  }

  run(id: string, spec: VmSpecInput, startOn?: string): ApiAnswer {
    const request = { id, spec: VmSpec.parse(spec), ...(startOn ? { startOn } : {}) }
    return this.ask({ do: 'run', request, identity: freshIdentity(this.#random) })
  }

  migrate(vmId: string, to: string, params: Partial<MigrationParams> = {}): ApiAnswer {
    const request = { to, params, cause: 'sim', force: true }
    return this.ask({ do: 'migrate', vmId: asVmId(vmId), request })
  }

  // ---- time ----

  /** Everything that is due within so many ms happens, each thing at its own time. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms
    await this.#settle()
    for (;;) {
      const rung = this.clock.ringNext(untilMs)
      if (!rung) break
      if (!this.#mayGoOn(rung)) await this.#settle()
    }
    this.clock.advance(untilMs - this.nowMs)
  }

  /** Time passes until it is so. Throws when that takes longer than `withinMs`. */
  async until(what: string, isSo: () => boolean, withinMs = 60_000): Promise<void> {
    const untilMs = this.nowMs + withinMs
    await this.#settle()
    while (!isSo()) {
      const rung = this.nowMs <= untilMs && this.clock.ringNext()
      if (rung && this.#mayGoOn(rung)) continue
      if (!rung) throw new Error(`not within ${withinMs} ms: ${what}; last: ${this.#lastWords()}`)
      await this.#settle()
    }
  }

  /** Time passes until something outside has ended that lives by this world's clock. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let hasEnded = false
    const end = () => {
      hasEnded = true
    }
    work.then(end, end)
    await this.until('what lives by this clock to end', () => hasEnded, Number.POSITIVE_INFINITY)
    return work
  }

  // ---- how ----

  /**
   * Nobody has to be let go on. What was told of may have let others begin that wait by promises
   * (the coordinator's queue of migrations); and whatever else does, waits for few alarms.
   */
  #mayGoOn(rung: 'quiet' | 'rang'): boolean {
    const { length } = this.log.lines
    if (rung === 'quiet' && length === this.#linesTold && ++this.#quietRings < quietRingsMax)
      return true
    this.#linesTold = length
    this.#quietRings = 0
    return false
  }

  /** All promises, and whoever waits for a turn of the event loop, go as far as they can. */
  async #settle(): Promise<void> {
    const { turns, isBusy } = this.#options
    await turns.promises()
    while (breathsPending() > 0 || isBusy?.()) await turns.loop()
  }

  #lastWords(): string {
    const told = this.log.lines.slice(-6).map(({ event, fields }) => fields.text ?? event)
    return told.join(' · ')
  }

  #reading(): Reading {
    const { driftMost = 0 } = this.#options
    if (driftMost === 0) return exactly
    const rate = 1 + driftMost * (2 * this.#random.float() - 1)
    return { startMs: this.#random.below(1_000_000), rate }
  }

  #makeCoordinators(): Coordinators {
    const { checkEveryMs = 0, storeLagMs = 0, coordinators = 1, tracer } = this.#options
    return new Coordinators({
      ...{ count: coordinators, checkEveryMs, storeLagMs, token, tracer },
      ...{ clock: this.clock, network: this.network, random: this.#random, log: this.log },
      settings: { ...defaultSettings, rebalance: false, ...this.#options.settings },
      begin: (name, isQuiet) => this.#process(name, isQuiet),
      broken: (law) => this.#violate(law),
      fence: {
        end: async ({ nodeId }) => {
          this.clock.stir()
          // As power does: whoever has the name.
          this.nodes.get(nodeId)?.process.kill()
          for (const elder of this.elders) if (elder.name === nodeId) elder.kill()
          this.#rebootLater(nodeId)
          return undefined
        },
      },
    })
  }

  #rebootLater(name: string): void {
    const { fenceRebootMs } = this.#options
    if (fenceRebootMs === undefined) return
    this.clock.wakeAt(this.nowMs + fenceRebootMs, () => {
      if (!this.node(name).process.isAlive) this.restart(name)
    })
  }

  #startNode(name: string): void {
    const { memoryMib = 64, mips = 2, models } = this.#options
    const own = this.#options.traits?.get(name) ?? { memoryMib, mips, cores: 1 }
    const process = this.#process(name)
    const incarnation = `${name}-${++this.#incarnations}`
    const isTaken = this.#elderOf(name) !== undefined
    const port = isTaken ? elderPort + this.#incarnations : firstPort
    const shared = {
      ...{ token, network: this.network, random: this.#random, log: this.log, ...own },
      ...{ coordinators: this.coordinators.names.map(addressOf), listen: `ws://${name}:${port}` },
    }
    const node = models
      ? new ModelNode(process, incarnation, {
          ...shared,
          traces: models.traces,
          begins: (vm) => this.#begins(process, vm),
          ends: (vm) => this.#ends(process, vm),
          goesOn: (vms) => this.#goesOn(process, vms),
        })
      : new SimNode(process, incarnation, {
          ...shared,
          ...this.#platform(),
          ...{ disk: this.disk, snapshots: this.#snapshots },
          diskFaults: () => this.diskFaults.get(name) ?? noDiskFaults,
          tracer: this.#options.tracer?.of(name),
          pcpuLagMs: this.#options.pcpuLagMs,
          ran: (vm) => this.#see(name, vm),
        })
    this.nodes.set(name, node)
  }

  #process(name: string, mayBeQuiet = true): SimProcess {
    const isQuiet = mayBeQuiet && this.#options.models !== undefined
    return new SimProcess(name, this.clock, this.#reading(), isQuiet)
  }

  #platform(): SimPlatform {
    const { module, image, zstd, deflate, inflate, digest, turns } = this.#options
    invariant(module && image && zstd && deflate && inflate && digest, 'guests need a platform')
    return { module, image, zstd, deflate, inflate, digest, turns }
  }

  /** A model executes from now on: nowhere else, and under no older epoch than it has. */
  #begins(process: SimProcess, vm: HeldVm): void {
    const { vmId } = vm
    const other = this.#executing.get(vmId)?.process
    this.#executing.set(vmId, { process, vm })
    this.#see(process.name, vm)
    // One that hangs executes nothing, and finds its lease over before it does.
    if (!other?.isAlive || other.isHanging) return
    this.#violate(`${vmId} began to run on ${process.name} while it ran on ${other.name}`)
  }

  /** … or does not find it over. @param vms what executes when it has gone on */
  #goesOn(process: SimProcess, vms: Iterable<HeldVm>): void {
    for (const { vmId } of vms) {
      const other = this.#executing.get(vmId)?.process
      if (!other?.isAlive || other.isHanging || other === process) continue
      const on = `${process.name}, which had hung, while it ran on ${other.name}`
      this.#violate(`${vmId} ran on ${on}`)
    }
  }

  #ends(process: SimProcess, vm: HeldVm): void {
    const { vmId } = vm
    const known = this.#executing.get(vmId)
    if (known?.process === process && known.vm === vm) this.#executing.delete(vmId)
  }

  /** Told to run again under a new epoch, it does so before it has said that it does. */
  #see(node: string, vm: HeldVm): void {
    const { vmId } = vm
    const epoch = vm.launching ?? vm.epoch
    const highest = this.#highest.get(vmId)
    if (!highest || epoch > highest.epoch) this.#highest.set(vmId, { epoch, node })
    else if (epoch < highest.epoch || node !== highest.node)
      this.#violate(
        `${vmId} ran on ${node} under epoch ${epoch}, ` +
          `after it had run on ${highest.node} under ${highest.epoch}`,
      )
  }

  #violate(law: string): void {
    this.violations.push(`at ${this.nowMs.toFixed(1)} ms ${law}`)
  }
}
