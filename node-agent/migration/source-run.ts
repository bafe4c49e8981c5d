// Carries out what the source machine (source.ts) asks for: the link, the pages, the pCPU, the
// coordinator's ear. Not here: any decision. Whatever goes wrong here is fed back as an input and
// decided there.

import type { Digest } from '#engine/snapshots/digest.ts'
import type { Clock, Log, Zstd } from '#env/env.ts'
import { FaultError, fault, faultOf } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import type {
  MigrationProgress,
  Result,
  SourceMessage,
  StateSection,
  Want,
  Welcome,
} from '#proto/messages.ts'
import type { MessageLink } from '#proto/wire.ts'
import type { Forks } from '../cloning/forks.ts'
import type { GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import type { Sending } from '../page-map.ts'
import { StepDriver } from '../step-driver.ts'
import type { Vmm } from '../vmm.ts'
import { machineKind } from './compatibility.ts'
import { type LinkRate, newLinkRate } from './encoding/link-rate.ts'
import { PageEncoder } from './encoding/page-encoder.ts'
import { FramePool } from './frame-pool.ts'
import { GuestSpeed } from './guest-speed.ts'
import { stateBytes } from './hash.ts'
import { newPace, type Pace } from './pace.ts'
import { PageRecorder } from './page-recorder.ts'
import { PageSender } from './page-sender.ts'
import { signOfLifeMs } from './protocol.ts'
import { ServingRun } from './serving-run.ts'
import { beginSource, stepSource } from './source.ts'
import { progress } from './source-end.ts'
import { SourceLink } from './source-link.ts'
import {
  isPaused,
  newSource,
  type ServingEffect,
  type SourceEffect,
  type SourceInput,
  type SourcePlan,
  type SourceState,
} from './source-state.ts'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never
export type SourceNews = WithoutTime<SourceInput>

export interface SourcePorts {
  readonly clock: Clock
  readonly log: Log
  readonly zstd: Zstd
  /** SHA-256. */
  readonly digest: Digest
  readonly vmm: Vmm
  readonly forks: Forks
  readonly console: GuestConsole
  /** All migrations of this node together go no faster. */
  readonly nodePace: Pace
  /** What its guest did before, in millions of instructions a second. */
  mipsBefore(vm: HeldVm): number | undefined
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  /** The VM goes on here, on this disk if one is given. */
  goOn(vm: HeldVm, disk: SourcePlan['parentDisk']): Promise<void>
  /**
   * At once, before it returns: the epoch is given up. `owesPages`: what may run elsewhere from now
   * on still lacks pages from here.
   */
  release(vm: HeldVm, owesPages: boolean): void
  /** It runs over there, and fetches its last pages from here. */
  serving(vm: HeldVm): void
  /** The VM runs elsewhere: this copy goes. */
  leave(vm: HeldVm): void
  doubt(vm: HeldVm): void
  progress(message: MigrationProgress): void
  answer(result: Result): void
  /** Nothing more will come of this run. */
  ended(): void
  /** After each step, for whoever looks on. */
  seen?(state: SourceState, nowMs: number, effects: readonly SourceEffect[]): void
}

export class SourceRun {
  readonly state: SourceState
  readonly vm: HeldVm
  readonly #ports: SourcePorts
  readonly #driver: StepDriver<SourceNews, SourceEffect>
  /** The limits of this migration and of this node. */
  readonly #paces: readonly Pace[]
  #encoder: PageEncoder | undefined
  readonly #recorder: PageRecorder | undefined
  readonly #rate: LinkRate
  readonly #frames = new FramePool()
  readonly #link: SourceLink
  /** Sends what is asked for over the present link. */
  readonly #serving: ServingRun
  #log: number | undefined
  readonly #speed: GuestSpeed
  /** The round of a VM that runs. */
  #sending: PageSender | undefined
  /** Of the latest round. */
  #sender: PageSender | undefined
  /** CPU and devices, as they are when the VM has stopped. */
  #capturing: Promise<StateSection[]> | undefined
  /** The last progress, without the news in it. */
  #told: MigrationProgress | undefined
  #over = false

  constructor(plan: SourcePlan, vm: HeldVm, ports: SourcePorts) {
    const nowMs = ports.clock.nowMs()
    this.state = newSource(plan, nowMs)
    this.vm = vm
    this.#ports = ports
    this.#paces = [newPace(plan.params.bandwidthBytesPerSecMax, nowMs), ports.nodePace]
    this.#rate = newLinkRate(nowMs)
    this.#speed = new GuestSpeed(vm, ports)
    const { vmId, migrationId, params, offer } = plan
    const about = { vmId, migrationId, pageCount: offer.pageCount }
    this.#recorder = params.pageLog ? new PageRecorder(about, nowMs) : undefined
    this.#serving = new ServingRun(plan, vm, {
      ...{ ...ports, paces: this.#paces, recorder: this.#recorder },
    })
    this.#link = this.#newLink(plan)
    this.#driver = new StepDriver(
      ports.clock,
      (input) => stepSource(this.state, input as SourceInput),
      (effect) => this.#carryOut(effect),
      (nowMs, effects) => ports.seen?.(this.state, nowMs, effects),
    )
  }

  /**
   * First come the pages that it lacks itself, of a snapshot say: a destination that hears nothing
   * for as long as that takes would give it up.
   */
  begin(): void {
    this.#tell(progress(this.state, 0, 0).message)
    this.#signOfLife()
    this.#try(async () => {
      if (!this.#ports.forks.isFork(this.vm)) await this.#ports.vmm.whole(this.vm)
      if (this.#over) return
      this.#driver.carryOut(beginSource(this.state, this.#ports.clock.nowMs()))
    })
  }

  /**
   * A coordinator that hears nothing for seconds takes a migration for dead; one that waits is not.
   */
  #signOfLife(): void {
    const { clock, progress } = this.#ports
    clock.wakeAt(clock.nowMs() + signOfLifeMs, () => {
      if (this.#over) return
      if (this.#told) progress(this.#told)
      this.#signOfLife()
    })
  }

  /** How far its pages are, for who looks; undefined: it has sent none. */
  get sent(): { readonly sending: Sending; readonly log: number | undefined } | undefined {
    return this.#sender && { sending: this.#sender.sending, log: this.#log }
  }

  feed(news: SourceNews): void {
    this.#driver.feed(news)
  }

  #carryOut(effect: SourceEffect) {
    const { vm } = this
    switch (effect.do) {
      case 'connect':
        return this.#try(() => this.#link.connect(effect.address))
      case 'send':
        return this.#link.send(effect.message)
      case 'send-round':
        return this.#try(() => this.#sendRound(effect))
      case 'cut-round':
        return this.#sending?.cut()
      case 'forget':
        return this.#ports.vmm.memoryOf(vm)?.forgetTracked(effect.pages)
      case 'take-log':
        return this.#try(() => this.#takeLog(effect.pause))
      case 'finish':
        return this.#try(() => this.#finish(effect))
      case 'resume':
        return this.#resume(effect.disk)
      case 'throttle':
        return this.#try(() => this.#ports.vmm.throttle(vm, effect.percent))
      case 'release':
        return this.#ports.release(vm, this.state.missing !== undefined)
      case 'destroy':
        return this.#ports.leave(vm)
      case 'doubt':
        return this.#ports.doubt(vm)
      case 'wake-at':
        return this.#driver.wakeAt(effect.atMs, { on: 'woken' })
      case 'progress':
        return this.#tell(effect.message)
      case 'answer':
        return this.#answer(effect)
      case 'end':
        return this.#end(effect.reason)
      default:
        return this.#carryOutServing(effect)
    }
  }

  #answer({ do: _, ...result }: Extract<SourceEffect, { do: 'answer' }>): void {
    const pageLog = result.record && this.#recorder?.log()
    this.#ports.answer({ t: 'result', ...result, ...(pageLog ? { pageLog } : {}) })
  }

  #carryOutServing(effect: ServingEffect) {
    switch (effect.do) {
      case 'fork':
        return this.#try(() => this.#fork(effect.missing))
      case 'become-serving':
        return this.#ports.serving(this.vm)
      case 'serve':
        return this.#try(() => this.#serve(effect.want))
      case 'compare':
        return this.feed({ on: 'compared', isEqual: this.#serving.isEqual(effect.ramHash) })
      case 'reconnect':
        this.#serving.newLink()
        return this.#link.reconnect(effect.address, effect.afterMs)
    }
  }

  #tell(message: MigrationProgress): void {
    const { round: _, ...standing } = message
    this.#told = standing
    this.#ports.progress(message)
  }

  #try(work: () => Promise<void>): void {
    work().catch((thrown) => this.feed({ on: 'failed', fault: faultOf(thrown) }))
  }

  async #fork(missing: Uint8Array | undefined): Promise<void> {
    const { round } = this.state
    this.feed(await this.#serving.fork({ round, missing }, () => this.#linkEnds()))
  }

  async #serve(want: Want): Promise<void> {
    this.feed({ on: 'served', sent: await this.#serving.send(want, this.#linkEnds()) })
  }

  #newLink({ migrationId, offer, params }: SourcePlan): SourceLink {
    const { vmId, epoch } = offer.vms[0] ?? this.vm
    return new SourceLink(
      { t: 'join', migrationId, vmId, epoch },
      params.streams ?? 1,
      this.#ports,
      {
        welcome: (message) => this.#try(() => this.#describe(message)),
        message: (message) => this.feed({ on: 'message', message }),
        failed: (why) => this.feed({ on: 'link-failed', fault: why }),
        closed: (reason) => this.feed({ on: 'link-closed', reason }),
      },
    )
  }

  /** What the destination must be able to run; also the first time that this code runs. */
  async #describe({ protocolVersion }: Welcome): Promise<void> {
    // Over a later link nobody asks; and a clone's parent may be gone, whose image still serves.
    if (this.state.phase !== 'connecting') return this.feed({ on: 'linked', protocolVersion })
    const machine = machineKind(await this.#ports.vmm.describe(this.vm))
    this.feed({ on: 'linked', protocolVersion, machine })
  }

  async #sendRound(order: {
    readonly round: number
    readonly bitmap: 'all' | Uint8Array
  }): Promise<void> {
    await this.#openLog()
    this.#sending = this.#newSender(order.round, order.bitmap)
    const sent = await this.#sending.send()
    this.#sending = undefined
    this.feed({ on: 'round-sent', sent })
  }

  /** Before the first page is read: what is written from then on is in the log. */
  async #openLog(): Promise<void> {
    if (this.#log !== undefined) return
    await this.#ports.vmm.whole(this.vm)
    const log = await this.#ports.vmm.openLog(this.vm)
    // What it brought along from elsewhere, or from an earlier try, the destination has not got:
    // post-copy may switch before all of it was sent.
    this.#ports.vmm.memoryOf(this.vm)?.forgetTracked()
    this.#log = log
    this.#speed.look()
    if (this.#over) this.#closeLog() // It ended meanwhile, and nobody else knows of this log.
  }

  #closeLog(): void {
    const { vmm } = this.#ports
    if (this.#log !== undefined && vmm.memoryOf(this.vm))
      vmm.closeLog(this.vm, this.#log).catch(() => undefined) // It closes with the VM anyway.
    this.#log = undefined
  }

  /** What pages are sent of, from where, and over what. */
  #ends() {
    const memory = this.#ports.vmm.memoryOf(this.vm)
    if (!memory) throw new FaultError(fault('cancelled', 'the VM has gone'))
    return { memory, ...this.#linkEnds() }
  }

  #linkEnds() {
    const target = this.state.plan.offer.vms[0]
    invariant(target, 'a migration moves something')
    return { link: this.#link.pages, target }
  }

  #newSender(round: number, bitmap: 'all' | Uint8Array): PageSender {
    const { clock } = this.#ports
    const { target, memory, link } = this.#ends()
    const { vmId, epoch } = target
    this.#encoder ??= this.#newEncoder()
    const named = bitmap === 'all' ? new Uint8Array(memory.pageCount / 8).fill(0xff) : bitmap
    this.#sender = new PageSender(
      { vmId, epoch, round, bitmap: named, isLast: bitmap !== 'all' && isPaused(this.state) },
      {
        ...{ clock, link, memory, paces: this.#paces, frames: this.#frames },
        ...{ encoder: this.#encoder, rate: this.#rate, recorder: this.#recorder },
        ended: () => this.#over,
        progress: (pages, bytes) => this.feed({ on: 'sending', pages, bytes }),
      },
    )
    return this.#sender
  }

  #newEncoder(): PageEncoder {
    const { clock, zstd, digest } = this.#ports
    const { params } = this.state.plan
    // What is named may be lacking: then another round must follow.
    const mayName = this.state.hasDonor && params.mode !== 'stop-and-copy'
    const donor = mayName ? digest : undefined
    return new PageEncoder({ clock, zstd, donor }, this.state.isModern ? params.encoding : 'raw')
  }

  async #takeLog(pause: boolean): Promise<void> {
    await this.#openLog()
    if (this.#log === undefined) throw new FaultError(fault('cancelled', 'the migration has ended'))
    // From here on input would be accepted by a machine whose queue does not travel any more.
    if (pause) this.#ports.console.freeze()
    const taking = this.#ports.vmm.takeLog(this.vm, this.#log, pause)
    // Posted behind it, so that the VM stands still no longer than that takes.
    if (pause) this.#capturing = this.#ports.vmm.capture(this.vm)
    this.#capturing?.catch(() => undefined) // Whoever needs it will hear.
    const taken = await taking
    if (!pause) this.#speed.look()
    const { guestMips } = this.#speed
    this.feed({ on: 'log-taken', ...taken, ...(guestMips ? { guestMips } : {}) })
  }

  async #finish(order: { readonly round: number; readonly bitmap: Uint8Array }): Promise<void> {
    const { vmm, console } = this.#ports
    const [captured, sent] = await Promise.all([
      this.#capturing ?? vmm.capture(this.vm),
      this.#newSender(order.round, order.bitmap).send(),
    ])
    const memory = vmm.memoryOf(this.vm)
    if (!memory) throw new FaultError(fault('cancelled', 'the VM has gone'))
    // All output of the guest came before the answer to the capture: the ring is complete.
    const sections = [...captured, console.capture()]
    const hash = memory.hashBytes(stateBytes(memory.trackedHash(), sections))
    const isFull = this.state.plan.params.verify === 'full' && !this.state.missing
    const ramHash = isFull ? { ramHash: memory.fullHash() } : {}
    this.feed({ on: 'last-sent', sent, sections, hash, ...ramHash })
  }

  #resume(disk: SourcePlan['parentDisk']): void {
    this.#ports.goOn(this.vm, disk).then(
      () => this.feed({ on: 'resumed' }),
      (thrown) => this.feed({ on: 'vm-lost', fault: faultOf(thrown) }),
    )
  }

  #end(reason: string): void {
    this.#over = true
    this.#driver.silence()
    this.#closeLog()
    this.#serving.end()
    this.#link.close(reason)
    this.#ports.log.info('migration source ended', {
      ...{ vmId: this.vm.vmId, phase: this.state.phase, reason },
      ...{ migrationId: this.state.plan.migrationId, rounds: this.state.rounds.length },
    })
    if (this.state.phase === 'ended') this.#ports.ended()
  }
}
