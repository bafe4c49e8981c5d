// One node: feeds the pure core (desk.ts) with what happens, and carries out what it decides.
// Not here: decisions, threads and files (process.ts makes them), the link and the lease
// (membership.ts), the two ends of a migration (migrations.ts).
// It never ends because of what the coordinator or a peer says. Times in ms of the injected clock.

import type { PcpuEvent } from '#engine/vm-config.ts'
import type { Listener } from '#env/env.ts'
import { type Fault, faultOf } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import type { Hello, Result, VmEvent, VmReport } from '#proto/messages.ts'
import { isTemplateOrder } from '#proto/templates/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import type { MessageLink } from '#proto/wire.ts'
import { admit, admitReplica, mayLaunch } from './admission.ts'
import { limits, trunkAnswerMsMax, trunkLimits } from './agent-limits.ts'
import { numbersOf } from './agent-numbers.ts'
import type { AgentOptions } from './agent-options.ts'
import type { Consoles } from './consoles.ts'
import { waysTo } from './coordinator-link.ts'
import { stepDesk } from './desk.ts'
import { type DeskEffect, type DeskInput, type DeskState, newDesk } from './desk-state.ts'
import { GuestEvents } from './guest-events.ts'
import { GuestViews, isViewMessage } from './guest-views.ts'
import { type HeldVm, HeldVms } from './held-vms.ts'
import { LayerWork } from './layer-work.ts'
import { sumOfLoads } from './load.ts'
import { LoadMeter, sampleMs } from './load-meter.ts'
import { type MemberMessage, Membership } from './membership.ts'
import { NodeMetrics } from './metrics.ts'
import { newPace, type Pace } from './migration/pace.ts'
import { answerMsMax } from './migration/protocol.ts'
import { Migrations } from './migrations.ts'
import { Network } from './network/network.ts'
import { carryOutReplica, stir } from './replication/replica-work.ts'
import { Replication } from './replication/replication.ts'
import { SentBytes } from './sent-bytes.ts'
import { allServed } from './serving-end.ts'
import type { Sights } from './sights.ts'
import { SnapshotWork } from './snapshots/snapshot-work.ts'
import { StepDriver } from './step-driver.ts'
import { Trail } from './tracing/trail.ts'
import { newSights } from './what-is-seen.ts'

export class Agent {
  readonly metrics: NodeMetrics
  readonly #options: AgentOptions
  readonly #desk: DeskState
  readonly #deskDriver: StepDriver<DeskInput, DeskEffect>
  readonly #consoles: Consoles
  readonly #views: GuestViews
  readonly #meter: LoadMeter
  readonly #migrations: Migrations
  readonly #snapshots: SnapshotWork
  readonly #layers: LayerWork
  readonly #replication: Replication
  readonly #guests: GuestEvents
  readonly #membership: Membership
  readonly #network: Network
  readonly #nodePace: Pace
  readonly #sights: Sights
  readonly #sent = new SentBytes()
  readonly #trail: Trail
  #listener: Listener | undefined
  #stopped = false

  constructor(options: AgentOptions) {
    this.#options = options
    const { env, vmm } = options
    const { clock, log } = env
    const vms = new HeldVms(options.capacity.memoryMib)
    this.#trail = new Trail(env)
    this.#desk = newDesk(options.nodeId, vms)
    const decide = (input: DeskInput) => stepDesk(this.#desk, input)
    this.#deskDriver = new StepDriver(clock, decide, (effect) => this.#carryOut(effect))
    this.#membership = this.#makeMembership()
    const held = (vmId: VmId) => vms.get(vmId)
    const holds = (vm: HeldVm, send: () => void) => this.#replication.holdPicture(vm, send)
    this.#views = new GuestViews({ env, vmm, held, holds, link: this.#membership })
    this.#consoles = this.#views.consoles
    this.#meter = new LoadMeter(clock, log, vmm)
    this.#network = this.#makeNetwork()
    this.#nodePace = newPace(options.migrationBytesPerSecMax, clock.nowMs())
    this.#replication = this.#makeReplication()
    this.#guests = new GuestEvents({
      ...{ vmm, log, vms, consoles: this.#consoles, network: this.#network },
      replication: this.#replication,
      desk: (input) => this.#deskDriver.feed(input),
    })
    this.#migrations = this.#makeMigrations()
    this.#snapshots = new SnapshotWork({
      ...{ vmm, store: options.snapshots, consoles: this.#consoles },
      ...{ layers: options.layers, zstd: env.zstd, log },
      send: (message) => this.#membership.send(message),
      tell: (result) => this.#tell(result),
      goOn: (vm, disk) => this.#migrations.goOn(vm, disk),
      desk: (input) => this.#deskDriver.feed(input),
    })
    this.#layers = new LayerWork({ vms, vmm, store: options.layers, clock, log })
    this.#sights = newSights(clock, this.#membership, {
      ...{ vms, vmm, migrations: this.#migrations, network: this.#network, sent: this.#sent },
    })
    const measured = { vms, meter: this.#meter, network: this.#network }
    this.metrics = new NodeMetrics(() => numbersOf({ ...measured, membership: this.#membership }))
  }

  /** Listens for peers, then joins. @returns where it listens */
  async start(): Promise<string> {
    const { env, listen } = this.#options
    const listener = await env.transport.listen(listen, limits, (link) =>
      this.#migrations.take(link),
    )
    this.#listener = listener
    this.#membership.start()
    this.#sample()
    // Where it listens, not what it advertises: behind a door those differ, and the door must know.
    return listener.address
  }

  /** Its VMs are moved away first, if that is what the cluster does then. */
  leave(): Promise<void> {
    return this.#membership.askLeave().then(() => this.stop())
  }

  /** Stops every VM, says so, and leaves. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    await allServed(this.#desk.vms, () => this.#migrations.isServing, this.#options.env.clock)
    await this.#replication.finish()
    this.#deskDriver.feed({ on: 'closing' })
    this.#layers.stopAll()
    await Promise.all(this.#options.vmm.machines().map(({ vm }) => this.#options.vmm.destroy(vm)))
    this.#stopped = true
    this.#sights.stop()
    this.#network.close('shutting-down')
    this.#migrations.close('shutting-down')
    await this.#membership.stop('shutting-down')
    await this.#listener?.close()
    await this.#options.vmm.stop()
  }

  /** The node can do its work: it has a coordinator and holds its lease. */
  get isHealthy(): boolean {
    return this.#membership.isUp && this.#membership.holdsLease
  }

  /** What is here now: for whoever looks whether something was left behind. */
  get holdings() {
    const migrations = this.#migrations.underWay
    return { vms: this.#desk.vms.all(), migrations, replicas: this.#replication.underWay }
  }

  /** What a pCPU tells without being asked. */
  hearPcpu(pcpu: number, event: PcpuEvent): void {
    this.#guests.hear(pcpu, event)
  }

  /** A pCPU died: a bug of ours, and the end of its VMs. The coordinator starts them again. */
  losePcpu(pcpu: number, reason: string): void {
    this.#guests.losePcpu(pcpu, reason)
  }

  // ---- the coordinator --------------------------------------------------------------------------

  #makeMembership(): Membership {
    return new Membership({
      ...waysTo(this.#options),
      hello: () => this.#hello('agent'),
      heartbeat: () => {
        this.metrics.heartbeat()
        return {
          nodeId: this.#options.nodeId,
          ...sumOfLoads(this.#meter.loads()),
          memoryUsedMib: this.#options.processMemoryMib(),
          vms: this.#reports(),
        }
      },
      runUntil: (atMs) => {
        this.#options.runUntilMs[0] = atMs
      },
      leaseLost: () => this.#deskDriver.feed({ on: 'lease-lost' }),
      down: () => {
        this.#views.forgetViewers()
        this.#snapshots.files.stopAll()
        this.#layers.stopAll()
      },
      replaced: this.#options.replaced,
      beat: () => this.#consoles.pump(),
      hear: (message) => this.#hear(message),
    })
  }

  #hello(role: 'agent' | 'peer'): Hello {
    const { nodeId, incarnation, pid, token, capacity } = this.#options
    return {
      t: 'hello',
      protocolVersion,
      role,
      ...{ nodeId, incarnation, pid, token, capacity },
      peerAddress: this.#peerAddress(),
      vms: role === 'agent' ? this.#reports() : [],
    }
  }

  #peerAddress(): string {
    return this.#options.advertise ?? this.#listener?.address ?? this.#options.listen
  }

  /** What it holds now: asked past the coordinator by whoever checks that no VM runs twice. */
  get copies(): VmReport[] {
    return this.#desk.vms.asExecuting(this.#reports(), this.#options.env.clock.nowMs())
  }

  #reports(): VmReport[] {
    return this.#desk.vms.reports((vmId) => {
      const vm = this.#desk.vms.get(vmId)
      return vm ? this.#meter.loadOf(vm) : undefined
    })
  }

  #hear(message: MemberMessage) {
    if (isViewMessage(message)) return this.#views.hear(message)
    if (isTemplateOrder(message)) return this.#snapshots.files.hear(message)
    if (message.t === 'neighbours') return this.#network.become(message.nodes)
    if (message.t === 'look') return this.#sights.hear(message)
    this.#trail.heard(message)
    return this.#deskDriver.feed({ on: 'command', command: message })
  }

  #sample(): void {
    const { clock, log } = this.#options.env
    const again = () => {
      if (!this.#stopped) clock.wakeAt(clock.nowMs() + sampleMs, () => this.#sample())
    }
    this.#meter.sample().then(again, (thrown) => {
      log.warn('load not measured', { why: faultOf(thrown).message })
      again()
    })
  }

  #tell(message: Result | VmEvent): void {
    if (message.t === 'vm-event' && message.event === 'fenced') this.metrics.fenced()
    this.#trail.told(message)
    this.#membership.tell(message)
  }

  #carryOut(effect: DeskEffect) {
    const { vmm } = this.#options
    switch (effect.do) {
      case 'boot':
        return this.#boot(effect)
      case 'take-snapshot':
      case 'drop-snapshot':
      case 'compare-snapshots':
      case 'keep-template':
        return this.#snapshots.carryOut(effect)
      case 'sweep-layers':
      case 'merge-layers':
      case 'swap-layers':
        return this.#then(effect.order.commandId, this.#layers.carryOut(effect))
      case 'set-network':
        return this.#rejoin(effect)
      case 'replicate':
      case 'end-replication':
      case 'set-lease':
      case 'take-over':
        return carryOutReplica(effect, {
          ...{ vmm, replication: this.#replication, desk: (input) => this.#deskDriver.feed(input) },
          thaw: (vm) => this.#consoles.thaw(vm),
        })
      case 'pause':
      case 'resume':
      case 'balloon':
      case 'strand':
        return this.#then(effect.by, stir(effect, { vmm, replication: this.#replication }))
      case 'launch':
        return this.#launch(effect)
      case 'destroy':
        return this.#destroy(effect)
      case 'send':
        return this.#tell(effect.message)
      default:
        return this.#migrations.carryOut(effect)
    }
  }

  #rejoin({ vm, by }: { readonly vm: HeldVm; readonly by: Result['commandId'] }): void {
    this.#network.rejoin(vm)
    this.#then(by, Promise.resolve())
  }

  #boot(effect: Extract<DeskEffect, { do: 'boot' }>): void {
    const { vm, by } = effect
    this.#snapshots.begin(vm, effect).then(
      () => this.#deskDriver.feed({ on: 'booted', vm, by }),
      (thrown) => this.#deskDriver.feed({ on: 'booted', vm, by, fault: faultOf(thrown) }),
    )
  }

  #launch({ vm, epoch, by }: Extract<DeskEffect, { do: 'launch' }>): void {
    this.#options.vmm.launch(vm, epoch).then(
      () => {
        this.#deskDriver.feed({ on: 'launched', vm, epoch, by })
        this.#consoles.thaw(vm)
      },
      (thrown) => this.#deskDriver.feed({ on: 'launched', vm, epoch, by, fault: faultOf(thrown) }),
    )
  }

  #destroy({ vm, by }: Extract<DeskEffect, { do: 'destroy' }>): void {
    this.#then(by, this.#drop(vm))
  }

  #then(by: Result['commandId'] | undefined, work: Promise<void>): void {
    const done = (value?: Fault) =>
      by && this.#deskDriver.feed({ on: 'done', by, ...(value && { fault: value }) })
    work.then(
      () => done(),
      (thrown) => done(faultOf(thrown)),
    )
  }

  #drop(vm: HeldVm): Promise<void> {
    this.#replication.forget(vm)
    this.#views.forget(vm)
    this.#meter.forget(vm)
    return this.#options.vmm.destroy(vm)
  }

  // ---- migrations -------------------------------------------------------------------------------

  #makeMigrations(): Migrations {
    const { env, token, vmm } = this.#options
    const { clock, log, zstd } = env
    return new Migrations({
      ...{ clock, log, zstd, token, vmm, vms: this.#desk.vms, consoles: this.#consoles },
      trail: this.#trail,
      digest: this.#options.snapshots.ports.digest,
      nodePace: this.#nodePace,
      mipsBefore: (vm) => this.#meter.loadOf(vm)?.mips,
      connect: (address) => this.#connect(address),
      hello: () => this.#hello('peer'),
      welcome: () => this.#membership.welcomePeer(),
      admit: (offer) => this.#admitted(admit(this.#desk, offer, this.#membership.holdsLease)),
      admitReplica: (offer) => this.#admitted(admitReplica(this.#desk, offer)),
      openReplica: (offer, vm, link) => this.#replication.open(offer, vm, link),
      trunk: (nodeId, link, version) => this.#network.accept(nodeId, link, version),
      mayLaunch: (vm) => mayLaunch(this.#desk, vm, this.#membership.holdsLease),
      desk: (input) => this.#deskDriver.feed(input),
      progress: (message) => this.#membership.send(message),
      event: (vm, event, value) => {
        const { vmId, epoch } = vm
        this.#tell({ t: 'vm-event', vmId, epoch, event, ...(value ? { fault: value } : {}) })
      },
      drop: (vm) => void this.#drop(vm),
      ended: (plan, { fault: failed, record }) => {
        if (record) this.metrics.migrationEnded(plan.offer.purpose, failed?.code ?? 'done', record)
      },
    })
  }

  /** What has to make way goes first. */
  #admitted<A extends { readonly effects?: readonly DeskEffect[] } | object>(admission: A): A {
    if ('effects' in admission) this.#deskDriver.carryOut(admission.effects as DeskEffect[])
    return admission
  }

  /** For pages: what goes out is counted. */
  async #connect(address: string): Promise<MessageLink> {
    const link = await this.#options.env.transport.connect(address, limits, answerMsMax)
    return this.#sent.counted(this.#network.nameAt(address), link)
  }

  #makeReplication(): Replication {
    const { env, vmm, nodeId } = this.#options
    const { clock, log, zstd } = env
    return new Replication({
      ...{ clock, log, zstd, vmm, nodeId, consoles: this.#consoles, nodePace: this.#nodePace },
      connect: (address) => this.#connect(address),
      hello: () => this.#hello('peer'),
      frames: (vm, { frames, lost }) => this.#network.hear(vm, frames, lost),
      mayLaunch: (vm) => mayLaunch(this.#desk, vm, this.#membership.holdsLease),
      changed: () => this.#membership.beatNow(),
      diskFailed: (vm, { message }) => this.#guests.lose(vm, 'disk-failed', message),
    })
  }

  #makeNetwork(): Network {
    const { env, nodeId, vmm } = this.#options
    const { clock, random, log, transport } = env
    const network = new Network({
      ...{ clock, random, log, nodeId },
      connect: (address) => transport.connect(address, trunkLimits, trunkAnswerMsMax),
      hello: () => this.#hello('peer'),
      deliver: (vm, frames) => vmm.deliver(vm, frames),
    })
    vmm.watch({ begins: (vm) => network.attach(vm), ends: (vm) => network.detach(vm) })
    return network
  }
}
