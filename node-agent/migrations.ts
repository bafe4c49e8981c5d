// The migrations under way at this node, both ends: makes the runs, and lets them reach the rest of
// the agent. Not here: decisions (migration/source.ts, migration/destination.ts), whether one may
// begin (desk.ts, admission.ts).

import type { Digest } from '#engine/snapshots/digest.ts'
import type { Clock, Log, Zstd } from '#env/env.ts'
import { type Fault, FaultError, fault, faultOf } from '#proto/faults.ts'
import type { MigrationId, NodeId } from '#proto/ids.ts'
import type {
  Join,
  MigrationProgress,
  Offer,
  Reconnect,
  ReplicaOffer,
  Result,
  SourceMessage,
  Welcome,
} from '#proto/messages.ts'
import type { MessageLink } from '#proto/wire.ts'
import { Forks } from './cloning/forks.ts'
import { cloneHere } from './cloning/local-clone.ts'
import type { Consoles } from './consoles.ts'
import type { DeskEffect, DeskInput } from './desk-state.ts'
import { type HeldVm, type HeldVms, isLive } from './held-vms.ts'
import { incompatible, machineKind } from './migration/compatibility.ts'
import { DestinationRun } from './migration/destination-run.ts'
import type { Pace } from './migration/pace.ts'
import { type SourceNews, SourceRun } from './migration/source-run.ts'
import { isPromised, type SourcePlan } from './migration/source-state.ts'
import type { TrunkEnd } from './network/network.ts'
import { type PeerRun, PeerSession } from './peer-session.ts'
import type { PrimaryLink } from './replication/replica.ts'
import type { Trail } from './tracing/trail.ts'
import type { Vmm } from './vmm.ts'

export type MigrationEffect = Extract<
  DeskEffect,
  { do: 'begin-source' | 'tell-source' | 'settle-destination' | 'lose-pages' }
>

export interface MigrationPorts {
  readonly clock: Clock
  readonly log: Log
  readonly zstd: Zstd
  readonly digest: Digest
  readonly token: string
  /** For all migrations from here together. */
  readonly nodePace: Pace
  readonly vmm: Vmm
  readonly vms: HeldVms
  readonly consoles: Consoles
  /** Looks on. */
  readonly trail: Trail
  mipsBefore(vm: HeldVm): number | undefined
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  welcome(): Welcome
  admit(offer: Offer): { readonly admitted: readonly HeldVm[] } | { readonly fault: Fault }
  admitReplica(offer: ReplicaOffer): { readonly vm: HeldVm } | { readonly fault: Fault }
  openReplica(offer: ReplicaOffer, vm: HeldVm, link: PrimaryLink): Promise<PeerRun>
  /** A link that another node has opened is not for a migration, but a trunk. */
  trunk(nodeId: NodeId, link: MessageLink, version: number): TrunkEnd
  mayLaunch(vm: HeldVm): Fault | undefined
  desk(input: DeskInput): void
  progress(message: MigrationProgress): void
  /** Tells the coordinator at once; kept until it has arrived. */
  event(vm: HeldVm, event: 'released' | 'discarded', fault?: Fault): void
  /** The VM is not held any more: its machine goes. */
  drop(vm: HeldVm): void
  ended(plan: SourcePlan, result: Result): void
}

export class Migrations {
  readonly #ports: MigrationPorts
  readonly #sources = new Map<MigrationId, SourceRun>()
  readonly #destinations = new Map<MigrationId, DestinationRun>()
  readonly #sessions = new Set<PeerSession>()
  readonly #forks: Forks

  constructor(ports: MigrationPorts) {
    this.#ports = ports
    this.#forks = new Forks(ports.vmm)
  }

  /** Runs and links that have not ended. */
  get underWay(): number {
    return this.#sources.size + this.#destinations.size + this.#sessions.size
  }

  /** Clones elsewhere live on pages from here. */
  get isServing(): boolean {
    return [...this.#sources.values()].some(({ state }) => isPromised(state))
  }

  /** How far the pages of a VM are that is leaving, for who looks. */
  sentOf(vm: HeldVm): SourceRun['sent'] {
    for (const run of this.#sources.values()) if (run.vm === vm) return run.sent
    return undefined
  }

  /** See Forks. */
  isFork(vm: HeldVm): boolean {
    return this.#forks.isFork(vm)
  }

  carryOut(effect: MigrationEffect): void {
    if (effect.do === 'begin-source') this.beginSource(effect.plan)
    else if (effect.do === 'tell-source') this.tellSource(effect.migrationId, effect.input)
    else if (effect.do === 'lose-pages') this.losePages(effect.migrationId, effect.fault)
    else this.settleDestination(effect.migrationId)
  }

  beginSource(plan: SourcePlan): void {
    const { clock, log, zstd, vmm, vms, consoles, desk } = this.#ports
    const { connect, hello, progress, nodePace, mipsBefore } = this.#ports
    const vm = vms.get(plan.vmId)
    if (!vm) return
    if (plan.offer.purpose === 'clone' && plan.destination.nodeId === plan.offer.sourceNodeId) {
      this.#cloneHere(plan, vm)
      return
    }
    const { plan: traced, ...watch } = this.#ports.trail.ofSource(plan)
    const run = new SourceRun(traced, vm, {
      ...watch,
      ...{ clock, log, zstd, digest: this.#ports.digest, vmm, connect, hello, progress },
      ...{ nodePace, mipsBefore, forks: this.#forks },
      console: consoles.of(vm),
      goOn: (of, disk) => this.goOn(of, disk),
      release: (of, owesPages) => vms.becomeReleased(of, owesPages),
      serving: (of) => vms.becomeServing(of),
      leave: (of) => this.#leave(of),
      doubt: (of) => this.#ports.event(of, 'released'),
      answer: (result) => {
        if (result.commandId === plan.commandId) this.#ports.ended(plan, result)
        desk({ on: 'answered', result })
      },
      ended: () => {
        this.#sources.delete(plan.migrationId)
        desk({ on: 'migration-ended', migrationId: plan.migrationId })
      },
    })
    this.#sources.set(plan.migrationId, run)
    run.begin()
  }

  #cloneHere(plan: SourcePlan, parent: HeldVm): void {
    const { admit, desk, mayLaunch } = this.#ports
    const { migrationId, commandId, offer } = plan
    const end = (how: Pick<Result, 'fault' | 'record'>) => {
      const result: Result = { t: 'result', commandId, ...how }
      this.#ports.ended(plan, result)
      desk({ on: 'answered', result })
      desk({ on: 'migration-ended', migrationId })
    }
    const admission = admit(offer)
    if ('fault' in admission) {
      end({ fault: admission.fault })
      return
    }
    const launched = (vm: HeldVm, fault: Fault | undefined) =>
      desk({ on: 'launched', vm, epoch: vm.epoch, ...(fault ? { fault } : {}) })
    const discard = (vm: HeldVm, fault: Fault) => this.#discard(vm, fault)
    cloneHere(plan, parent, admission.admitted, {
      ...{ ...this.#ports, forks: this.#forks, mayLaunch, launched, discard },
      span: this.#ports.trail.spanOf(commandId),
    }).then(
      (record) => end({ record }),
      (thrown) => {
        end({ fault: faultOf(thrown) })
        if (this.#ports.vms.get(parent.vmId) !== parent) return
        this.goOn(parent, undefined).catch(() => undefined) // It has been told of.
      },
    )
  }

  tellSource(migrationId: MigrationId, news: SourceNews): void {
    const run = this.#sources.get(migrationId)
    run?.feed(news)
    // Clones on this node are made before a cancel could be carried out.
    const isAsked = news.on === 'cancel' || news.on === 'post-copy'
    if (run || !isAsked || news.commandId === undefined) return
    const tooLate = fault('wrong-state', 'too late: the clones are being started')
    const { commandId } = news
    this.#ports.desk({ on: 'answered', result: { t: 'result', commandId, fault: tooLate } })
  }

  /** The coordinator has taken the copies over. */
  settleDestination(migrationId: MigrationId): void {
    this.#destinations.get(migrationId)?.feed({ on: 'settled' })
  }

  /** The source of a VM that runs here already is gone. */
  losePages(migrationId: MigrationId, why: Fault): void {
    this.#destinations.get(migrationId)?.feed({ on: 'source-lost', fault: why })
  }

  /** Another node has connected. */
  take(link: MessageLink): void {
    const { clock, log, token, welcome, admit, trunk, admitReplica, openReplica } = this.#ports
    const session = new PeerSession(link, {
      ...{ clock, log, token, welcome, admit, trunk, admitReplica, openReplica },
      open: (offer, vms, own) => this.#open(offer, vms, own),
      reconnect: (source) => {
        const run = this.#runOf(source)
        return run?.state.isPartial ? run : undefined
      },
      join: (stream, own) => this.#runOf(stream)?.join(own),
      discard: (vm, fault) => this.#discard(vm, fault),
      closed: () => this.#sessions.delete(session),
    })
    this.#sessions.add(session)
  }

  /** The run that takes this copy in. */
  #runOf({ migrationId, vmId, epoch }: Reconnect | Join): DestinationRun | undefined {
    const run = this.#destinations.get(migrationId)
    const [target] = run?.state.offer.vms ?? []
    return target?.vmId === vmId && target.epoch === epoch ? run : undefined
  }

  /** Ends every link of this node with others; what was not complete is discarded. */
  close(reason: string): void {
    for (const session of this.#sessions) session.close(reason)
  }

  async #open(offer: Offer, vms: readonly HeldVm[], session: PeerSession): Promise<DestinationRun> {
    const { clock, log, zstd, vmm, consoles, mayLaunch, desk } = this.#ports
    const first = vms[0] as HeldVm
    await vmm.openCopy(first)
    const here = machineKind(await vmm.describe(first))
    const refused = offer.machine && incompatible(offer.machine, here)
    if (refused) throw new FaultError(refused)
    // Taken away meanwhile, its RAM may be another VM's by now: then this throws.
    const memory = vmm.mustHave(first)
    const run = new DestinationRun(offer, vms, memory, session, {
      ...{ clock, log, zstd, vmm, mayLaunch },
      consoleOf: (vm) => consoles.of(vm),
      donor: (of) => this.#donorFor(of),
      prepared: (vm) => this.#ports.vms.becomePrepared(vm),
      launched: (vm, fault) =>
        desk({ on: 'launched', vm, epoch: vm.epoch, ...(fault ? { fault } : {}) }),
      lost: (vm, { message: detail }) =>
        desk({ on: 'guest-stopped', vm, reason: 'pages-lost', detail }),
      discard: (vm, fault) => this.#discard(vm, fault),
      ended: () => this.#destinations.delete(offer.migrationId),
      ...this.#ports.trail.ofDestination(offer),
    })
    this.#destinations.set(offer.migrationId, run)
    return run
  }

  /** A VM that runs here, of the same family and as large: most of their pages are the same. */
  #donorFor({ kin = [], pageCount }: Offer) {
    const { vms, vmm, digest } = this.#ports
    for (const vmId of kin) {
      const vm = vms.get(vmId)
      if (!vm || !isLive(vm) || vmm.memoryOf(vm)?.pageCount !== pageCount) continue
      const read = (page: number, into: Uint8Array): boolean => {
        const memory = vmm.memoryOf(vm)
        if (!memory || memory.isAbsent(page)) return false
        memory.readPage(page, into)
        return true
      }
      return { read, digest, lacking: [] }
    }
    return undefined
  }

  async goOn(vm: HeldVm, disk: SourcePlan['parentDisk']): Promise<void> {
    const { vmm, consoles, desk } = this.#ports
    if (disk) vm.disk = disk
    // Posted together: the pCPU does them in this order, and the VM stands still no longer than
    // that takes.
    const going = Promise.all([
      disk ? vmm.changeDisk(vm, disk, vm.epoch) : undefined,
      vmm.resume(vm),
    ])
    await going.catch((thrown) => {
      // A VM that cannot go on must not look as if it ran: it has ended here, and is told of.
      const detail = `it could not go on: ${faultOf(thrown).message}`
      desk({ on: 'guest-stopped', vm, reason: 'disk-failed', detail })
      throw thrown
    })
    consoles.thaw(vm)
  }

  /** The VM runs elsewhere. */
  #leave(vm: HeldVm): void {
    if (this.#ports.vms.get(vm.vmId) !== vm) return
    this.#ports.vms.forget(vm)
    this.#ports.drop(vm)
  }

  #discard(vm: HeldVm, fault: Fault): void {
    if (this.#ports.vms.get(vm.vmId) !== vm) return
    this.#leave(vm)
    this.#ports.event(vm, 'discarded', fault)
  }
}
