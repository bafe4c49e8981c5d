// Carries out what the destination machine (destination.ts) asks for: machines, pages, proof,
// start. Not here: any decision; the link and its greeting (peer-session.ts), whether there is room
// (admission.ts).

import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import type { Clock, Log, Zstd } from '#env/env.ts'
import { type Fault, FaultError, fault, faultOf } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import type { DestinationMessage, Offer, SourceMessage, StateSection } from '#proto/messages.ts'
import { streamsMax } from '#proto/units.ts'
import { SharedSource } from '../cloning/shared-source.ts'
import { consoleSectionKind, type GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import { type LaunchPorts, launch } from '../launch.ts'
import type { PeerRun } from '../peer-session.ts'
import { StepDriver } from '../step-driver.ts'
import { breathe } from './breath.ts'
import {
  beginDestination,
  type DestinationEffect,
  type DestinationInput,
  type DestinationState,
  stepDestination,
} from './destination.ts'
import { stateBytes } from './hash.ts'
import { type Donor, receiveFrame } from './page-receiver.ts'
import { PeerSource } from './peer-source.ts'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never
export type DestinationNews = WithoutTime<DestinationInput>

export interface DestinationPorts extends LaunchPorts {
  readonly clock: Clock
  readonly log: Log
  readonly zstd: Zstd
  consoleOf(vm: HeldVm): GuestConsole
  /** A VM here of the offered one's family. */
  donor(offer: Offer): Donor | undefined
  prepared(vm: HeldVm): void
  /** A fault when this node may not run it: it holds no lease. */
  mayLaunch(vm: HeldVm): Fault | undefined
  /** It runs, and its last pages will never come. */
  lost(vm: HeldVm, fault: Fault): void
  /** The copy is worth nothing any more, if it is still here. */
  discard(vm: HeldVm, fault: Fault): void
  ended(): void
  /** After each step, for whoever looks on. */
  seen?(state: DestinationState, nowMs: number, effects: readonly DestinationEffect[]): void
}

/** The link that the source speaks over now. */
export interface SourceLink {
  send(message: DestinationMessage): void
  close(reason: string): void
}

export class DestinationRun {
  readonly state: DestinationState
  /** In the order of the offer; the first one receives the stream. */
  readonly vms: readonly HeldVm[]
  readonly #ports: DestinationPorts
  readonly #donor: Donor | undefined
  readonly #memory: GuestMemory
  readonly #driver: StepDriver<DestinationNews, DestinationEffect>
  readonly #first: readonly DestinationEffect[]
  readonly #source: PeerSource
  #link: SourceLink
  #sections: readonly StateSection[] = []
  /** When the VM stopped at the source, by this node's clock, but for the way of one message. */
  #pausedAtMs = 0
  #isOver = false
  /** The links besides the first. */
  readonly #streams = new Set<SourceLink>()
  /** The frames of the present round that have come, if they come over several links. */
  readonly #seen = { round: 0, frames: new Set<number>() }

  constructor(
    offer: Offer,
    vms: readonly HeldVm[],
    memory: GuestMemory,
    link: SourceLink,
    ports: DestinationPorts,
  ) {
    this.#donor = ports.donor(offer)
    const begun = beginDestination(offer, ports.clock.nowMs(), this.#donor !== undefined)
    this.state = begun.state
    this.#link = link
    this.#source = new PeerSource(offer, ports.clock, (message) => this.#link.send(message))
    this.vms = vms
    this.#first = begun.effects
    this.#memory = memory
    this.#ports = ports
    this.#driver = new StepDriver(
      ports.clock,
      (input) => stepDestination(this.state, input as DestinationInput),
      (effect) => this.#carryOut(effect),
      (nowMs, effects) => ports.seen?.(this.state, nowMs, effects),
    )
  }

  begin(): void {
    this.#driver.carryOut(this.#first)
    this.#rehearse().catch(() => undefined) // The real one will tell.
  }

  /**
   * What will be done while the guest stands still is done once before, on an empty machine: code
   * that runs for the first time takes several times as long.
   */
  async #rehearse(): Promise<void> {
    const { vmm } = this.#ports
    const vm = this.#vm(0)
    const sections = await vmm.capture(vm)
    if (this.state.phase === 'incoming') await vmm.restore(vm, sections)
    this.#memory.hashBytes(stateBytes(this.#memory.trackedHash(), sections))
  }

  feed(news: DestinationNews): void {
    this.#driver.feed(news)
    this.#endIfOver()
  }

  /** Whatever it ended by: news, or an alarm. */
  #endIfOver(): void {
    if (this.#isOver || this.state.phase !== 'ended') return
    this.#isOver = true
    this.#driver.silence()
    this.#ports.ended()
  }

  hear(message: SourceMessage): void {
    this.feed({ on: 'message', message })
  }

  /** Post-copy goes on over a new link. */
  reconnect(link: SourceLink): void {
    this.#link.close('replaced')
    this.#link = link
    this.#closeStreams('replaced')
    for (const vm of this.vms) if (vm.pageSource) vm.pageSource = 'linked'
    this.feed({ on: 'reconnected' })
  }

  /** A link has ended: perhaps one that was replaced before. */
  closed(link: SourceLink, reason: string): void {
    if (link !== this.#link) return
    // Not before: a source that loses one of them takes the migration for lost.
    this.#closeStreams(reason)
    for (const vm of this.vms) if (vm.pageSource) vm.pageSource = 'lost'
    this.feed({ on: 'link-closed', reason })
  }

  #closeStreams(reason: string): void {
    for (const stream of this.#streams) stream.close(reason)
    this.#streams.clear()
  }

  /** One page frame, kind byte removed. */
  receive(bytes: Uint8Array): void {
    if (this.state.isPartial) {
      this.#takePages(bytes)
      return
    }
    if (this.state.phase !== 'incoming') {
      this.feed({ on: 'frame' })
      return
    }
    const { vmId, epoch } = this.#vm(0)
    const { zstd } = this.#ports
    const place = this.#place()
    const refused = receiveFrame(
      bytes,
      { vmId, epoch, memory: this.#memory, zstd, donor: this.#donor },
      place,
    )
    this.feed({ on: 'frame', ...(refused ? { fault: refused } : {}) })
  }

  #place() {
    const { round, frames: frameNumber, isStriped } = this.state
    if (this.#seen.round !== round) Object.assign(this.#seen, { round, frames: new Set() })
    return { round, frameNumber, ...(isStriped ? { seen: this.#seen.frames } : {}) }
  }

  /** Another link that brings frames, and says nothing; what takes them. */
  join(link: SourceLink): PeerRun | undefined {
    const { phase, isPartial, frames, round } = this.state
    const isWanted = phase === 'incoming' || isPartial
    if (!isWanted || this.#streams.size >= streamsMax) return undefined
    this.#streams.add(link)
    if (!this.state.isStriped && this.#seen.round === round)
      for (let n = 0; n < frames; n++) this.#seen.frames.add(n)
    this.feed({ on: 'joined' })
    return {
      begin: () => undefined,
      hear: () => link.close('bad-message'),
      receive: (bytes) => this.receive(bytes),
      closed: () => void this.#streams.delete(link),
    }
  }

  /** What makes no sense ends its link; the source makes another one. */
  #takePages(bytes: Uint8Array): void {
    const refused = this.#source.receive(bytes)
    if (refused) this.#link.close(refused.code)
  }

  #carryOut(effect: DestinationEffect) {
    switch (effect.do) {
      case 'send':
        this.#link.send(this.#withLacking(effect.message))
        if (effect.message.t === 'running') this.#source.open()
        return
      case 'ask-again':
        return this.#source.askAgain()
      case 'lose':
        return this.#lose(effect.fault)
      case 'restore':
        return this.#try(() => this.#restore(effect))
      case 'become-prepared':
        for (const vm of this.vms) this.#ports.prepared(vm)
        return
      case 'start':
        return this.#start()
      case 'discard':
        for (const vm of this.vms) this.#ports.discard(vm, effect.fault)
        return
      case 'wake-at':
        return this.#driver.wakeAt(effect.atMs, { on: 'woken' })
      case 'close':
        this.#link.close(effect.reason)
        return this.#endIfOver()
    }
  }

  /** With the answer to a round goes what was only named in it, and is not here. */
  #withLacking(message: DestinationMessage): DestinationMessage {
    const lacking = this.#donor?.lacking.splice(0) ?? []
    if (message.t !== 'round-applied' || lacking.length === 0) return message
    const bytes = new Uint8Array(lacking.length * 4)
    const view = new DataView(bytes.buffer)
    for (const [at, page] of lacking.entries()) view.setUint32(at * 4, page, true)
    return { ...message, lacking: bytes }
  }

  #try(work: () => Promise<void>): void {
    work().catch((thrown) => this.feed({ on: 'failed', fault: faultOf(thrown) }))
  }

  /**
   * Restores, then captures again: the hash is over what is in the machine, not over what arrived.
   */
  async #restore(order: Extract<DestinationEffect, { do: 'restore' }>): Promise<void> {
    const { vmm, clock, consoleOf } = this.#ports
    this.#pausedAtMs = clock.nowMs() - order.pausedMs
    const vm = this.#vm(0)
    const ring = order.sections.find((section) => section.kind === consoleSectionKind)
    if (!ring) throw new FaultError(fault('bad-message', `no section ${consoleSectionKind} came`))
    this.#sections = order.sections.filter((section) => section !== ring)
    if (order.missing) this.#memory.makeAbsent(order.missing)
    if (order.missing) vm.pageSource = 'linked'
    const beginsAtMs = clock.nowMs()
    const there = await vmm.restoredAs(vm, this.#sections)
    const restoredAtMs = clock.nowMs() - there.tookMs
    const console = consoleOf(vm)
    console.restore(ring)
    const sections = [...there.sections, console.capture()]
    const hash = this.#memory.hashBytes(stateBytes(this.#memory.trackedHash(), sections))
    const ramHash = order.full ? { ramHash: this.#memory.fullHash() } : {}
    const took = {
      stateMs: restoredAtMs - beginsAtMs,
      verificationMs: clock.nowMs() - restoredAtMs,
    }
    if (this.state.offer.purpose === 'clone') await this.#copyToSiblings()
    this.feed({ on: 'restored', hash, ...ramHash, took })
  }

  /** The other clones get the RAM of the first before any of them has run. */
  async #copyToSiblings(): Promise<void> {
    for (const vm of this.vms.slice(1)) {
      const memory = await this.#ports.vmm.openCopy(vm)
      memory.copyFrom(this.#memory)
      if (this.state.isPartial) vm.pageSource = 'linked'
      await breathe()
    }
  }

  /** From before the first instruction on; until no page is absent, or all of them are gone. */
  async #fetchPages(): Promise<void> {
    const { vmm } = this.#ports
    const [, another] = this.vms
    const { pageCount } = this.#memory
    const source = another ? new SharedSource(this.#source, pageCount) : this.#source
    await Promise.all(
      this.vms.map(async (vm) => {
        await vmm.bringPages(vm, source)
        vm.pageSource = undefined
      }),
    )
    if (!this.vms.some((vm) => vmm.memoryOf(vm))) return this.feed({ on: 'settled' })
    const { migrationId } = this.state.offer
    const ramHash = this.#memory.trackedHash()
    this.feed({
      on: 'whole',
      message: { t: 'whole', migrationId, ramHash, ...this.#source.waited() },
    })
  }

  #lose(why: Fault): void {
    this.#source.fail(why)
    for (const vm of this.vms) this.#ports.lost(vm, why)
  }

  #start(): void {
    this.#launchAll().then(
      () => this.feed({ on: 'started' }),
      (thrown) => this.feed({ on: 'started', fault: faultOf(thrown) }),
    )
  }

  async #launchAll(): Promise<void> {
    const refused = this.vms.map((vm) => this.#ports.mayLaunch(vm)).find((value) => value)
    if (refused) throw new FaultError(refused)
    if (this.state.isPartial) this.#fetchPages().catch(() => undefined) // They were lost before.
    await Promise.all(this.vms.map((vm) => this.#launch(vm)))
  }

  /** The guest finds the time passed that passed; a clone finds itself somebody else. */
  async #launch(vm: HeldVm): Promise<void> {
    const isFirst = vm === this.#vm(0)
    const elapsedMs = this.#ports.clock.nowMs() - this.#pausedAtMs
    const isClone = this.state.offer.purpose === 'clone'
    const state = isFirst ? {} : { sections: this.#sections }
    await launch(vm, { ...state, elapsedMs, isClone }, this.#ports)
  }

  #vm(index: number): HeldVm {
    const vm = this.vms[index]
    invariant(vm, 'a migration moves something')
    return vm
  }
}
