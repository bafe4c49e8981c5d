// The destination end of a modelled VM's migration: carries out what the very step machine of a
// real one (node-agent/migration/destination.ts) asks for. Not here: the greeting and the offer
// (node-agent/peer-session.ts), the other end (model-source.ts). Virtual ms.

import { countPages } from '#engine/memory/page-bitmap.ts'
import type { Clock } from '#env/env.ts'
import type { HeldVm } from '#node-agent/held-vms.ts'
import {
  beginDestination,
  type DestinationEffect,
  type DestinationInput,
  type DestinationState,
  stepDestination,
} from '#node-agent/migration/destination.ts'
import type { PeerRun } from '#node-agent/peer-session.ts'
import { StepDriver } from '#node-agent/step-driver.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { DestinationMessage, Offer, SourceMessage } from '#proto/messages.ts'
import { modelHash, ranMsOf } from './model-state.ts'
import { decodeBatch } from './page-stream.ts'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never
export type DestinationNews = WithoutTime<DestinationInput>

export interface ModelDestinationPorts {
  readonly clock: Clock
  prepared(vm: HeldVm): void
  /** It runs, and had run for so long; a fault when it may not. */
  launch(vm: HeldVm, ranMs: number): Fault | undefined
  lost(vm: HeldVm, fault: Fault): void
  discard(vm: HeldVm, fault: Fault): void
  ended(): void
}

/** The link that the source speaks over now. */
export interface SourceLink {
  send(message: DestinationMessage): void
  close(reason: string): void
}

export class ModelDestination implements PeerRun {
  readonly state: DestinationState
  readonly #vm: HeldVm
  readonly #ports: ModelDestinationPorts
  readonly #driver: StepDriver<DestinationNews, DestinationEffect>
  readonly #first: readonly DestinationEffect[]
  #link: SourceLink
  /** Pages that are not here yet. */
  #missing = 0
  #ranMs = 0
  #isOver = false

  constructor(offer: Offer, vm: HeldVm, link: SourceLink, ports: ModelDestinationPorts) {
    const begun = beginDestination(offer, ports.clock.nowMs())
    this.state = begun.state
    this.#first = begun.effects
    this.#vm = vm
    this.#link = link
    this.#ports = ports
    this.#driver = new StepDriver(
      ports.clock,
      (input) => stepDestination(this.state, input as DestinationInput),
      (effect) => this.#carryOut(effect),
    )
  }

  begin(): void {
    this.#driver.carryOut(this.#first)
  }

  feed(news: DestinationNews): void {
    this.#driver.feed(news)
    this.#endIfOver()
  }

  hear(message: SourceMessage): void {
    this.feed({ on: 'message', message })
  }

  receive(bytes: Uint8Array) {
    const batch = decodeBatch(bytes)
    const bad = batch ? undefined : fault('bad-frame', 'no batch of a modelled VM')
    if (!this.state.isPartial) return this.feed({ on: 'frame', ...(bad ? { fault: bad } : {}) })
    this.#missing -= batch?.pages ?? 0
    if (this.#missing <= 0) this.#tellWhole()
  }

  reconnect(link: SourceLink): void {
    this.#link.close('replaced')
    this.#link = link
    this.#vm.pageSource = 'linked'
    this.feed({ on: 'reconnected' })
  }

  closed(link: SourceLink, reason: string): void {
    if (link !== this.#link) return
    if (this.#vm.pageSource) this.#vm.pageSource = 'lost'
    this.feed({ on: 'link-closed', reason })
  }

  #carryOut(effect: DestinationEffect) {
    switch (effect.do) {
      case 'send':
        this.#link.send(effect.message)
        if (effect.message.t === 'running' && this.state.isPartial) this.#ask()
        return
      case 'ask-again':
        return this.#ask()
      case 'restore':
        return this.#restore(effect)
      case 'become-prepared':
        return this.#ports.prepared(this.#vm)
      case 'start':
        return this.#start()
      case 'lose':
        return this.#ports.lost(this.#vm, effect.fault)
      case 'discard':
        return this.#ports.discard(this.#vm, effect.fault)
      case 'wake-at':
        return this.#driver.wakeAt(effect.atMs, { on: 'woken' })
      case 'close':
        this.#link.close(effect.reason)
        return this.#endIfOver()
    }
  }

  #restore({ sections, missing }: Extract<DestinationEffect, { do: 'restore' }>) {
    const ranMs = ranMsOf(sections)
    if (typeof ranMs !== 'number') return this.feed({ on: 'failed', fault: ranMs })
    this.#ranMs = ranMs
    this.#missing = missing ? countPages(missing) : 0
    if (missing) this.#vm.pageSource = 'linked'
    const { migrationId } = this.state.offer
    const took = { stateMs: 0, verificationMs: 0 }
    this.feed({ on: 'restored', hash: modelHash(migrationId, ranMs), took })
  }

  #start(): void {
    const refused = this.#ports.launch(this.#vm, this.#ranMs)
    this.feed({ on: 'started', ...(refused ? { fault: refused } : {}) })
  }

  /** All at once: nobody can say which page a model would touch first. */
  #ask(): void {
    const { migrationId } = this.state.offer
    const pages = new Uint8Array(4 * Math.max(0, this.#missing))
    this.#link.send({ t: 'want', migrationId, request: 0, urgent: false, pages })
  }

  #tellWhole(): void {
    this.#vm.pageSource = undefined
    const { migrationId } = this.state.offer
    const ramHash = modelHash(migrationId, this.#ranMs)
    const waits = { faults: 0, waitMsMedian: 0, waitMsP99: 0, waitMsMax: 0 }
    this.feed({ on: 'whole', message: { t: 'whole', migrationId, ramHash, ...waits } })
  }

  #endIfOver(): void {
    if (this.#isOver || this.state.phase !== 'ended') return
    this.#isOver = true
    this.#driver.silence()
    this.#ports.ended()
  }
}
