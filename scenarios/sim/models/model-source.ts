// The source end of a modelled VM's migration: carries out what the very step machine of a real one
// (node-agent/migration/source.ts) asks for. Rounds, stop rule, remedies, switchover and doubt are
// that machine's; only the pages are numbers. Nothing here waits: all that takes time is an alarm
// or a message. Not here: the other end (model-destination.ts). Virtual ms.

import { countPages } from '#engine/memory/page-bitmap.ts'
import type { Clock } from '#env/env.ts'
import { signOfLifeMs } from '#node-agent/migration/protocol.ts'
import { beginSource, stepSource } from '#node-agent/migration/source.ts'
import {
  newSource,
  type SourceEffect,
  type SourceInput,
  type SourcePlan,
  type SourceState,
} from '#node-agent/migration/source-state.ts'
import { StepDriver } from '#node-agent/step-driver.ts'
import { type Fault, fault, faultOf } from '#proto/faults.ts'
import {
  DestinationMessage,
  type MigrationProgress,
  mayPostCopy,
  type Result,
  type SourceMessage,
} from '#proto/messages.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'
import type { SimLink } from '../sim-link.ts'
import { modelHash, modelSection } from './model-state.ts'
import type { ModelledVm, ModelledVms } from './modelled-vms.ts'
import { PageStream } from './page-stream.ts'
import { contentPages } from './vm-model.ts'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never
export type SourceNews = WithoutTime<SourceInput>

export interface ModelSourcePorts {
  readonly clock: Clock
  readonly models: ModelledVms
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  goOn(one: ModelledVm): void
  /** It stands still from now on. */
  halted(one: ModelledVm): void
  release(owesPages: boolean): void
  serving(): void
  /** The VM runs elsewhere: this copy goes. */
  leave(): void
  doubt(): void
  progress(message: MigrationProgress): void
  answer(result: Result): void
  ended(): void
}

export class ModelSource {
  readonly state: SourceState
  readonly #one: ModelledVm
  readonly #ports: ModelSourcePorts
  readonly #driver: StepDriver<SourceNews, SourceEffect>
  #channel: WireChannel<DestinationMessage, SourceMessage> | undefined
  #stream: PageStream | undefined
  /** Its running time when the dirty log was taken last. */
  #loggedMs = 0
  #isReconnecting = false
  #told: MigrationProgress | undefined
  #isOver = false

  constructor(plan: SourcePlan, one: ModelledVm, ports: ModelSourcePorts) {
    // A model is sent as a whole: it has no image of what it was.
    const isClone = plan.offer.purpose === 'clone'
    const rounds = { mode: 'pre-copy', whenStuck: 'stop' } as const
    const params = {
      ...{ ...plan.params, independent: true },
      ...(isClone && mayPostCopy(plan.params) ? rounds : {}),
    }
    this.state = newSource({ ...plan, params }, ports.clock.nowMs())
    this.#one = one
    this.#ports = ports
    this.#driver = new StepDriver(
      ports.clock,
      (input) => stepSource(this.state, input as SourceInput),
      (effect) => this.#carryOut(effect),
    )
  }

  begin(): void {
    this.#driver.carryOut(beginSource(this.state))
    this.#signOfLife()
  }

  feed(news: SourceNews): void {
    this.#driver.feed(news)
  }

  #signOfLife(): void {
    const { clock, progress } = this.#ports
    clock.wakeAt(clock.nowMs() + signOfLifeMs, () => {
      if (this.#isOver) return
      if (this.#told) progress(this.#told)
      this.#signOfLife()
    })
  }

  #carryOut(effect: SourceEffect) {
    const { models, clock } = this.#ports
    switch (effect.do) {
      case 'connect':
        return void this.#connect(effect.address)
      case 'send':
        return this.#channel?.send(effect.message)
      case 'send-round':
        return this.#sendRound(effect.bitmap)
      case 'take-log':
        return this.#takeLog(effect.pause)
      case 'finish':
        return this.#finish(effect.bitmap)
      case 'resume':
        this.#ports.goOn(this.#one)
        return this.feed({ on: 'resumed' })
      case 'throttle':
        return models.throttle(this.#one, effect.percent, clock.nowMs())
      case 'wake-at':
        return this.#driver.wakeAt(effect.atMs, { on: 'woken' })
      case 'progress':
        return this.#tell(effect.message)
      case 'answer': {
        const { do: _, ...result } = effect
        return this.#ports.answer({ t: 'result', ...result })
      }
      case 'end':
        return this.#end(effect.reason)
      default:
        return this.#carryOutEnd(effect)
    }
  }

  #carryOutEnd(effect: Exclude<SourceEffect, { do: 'connect' | 'send' | 'progress' | 'wake-at' }>) {
    switch (effect.do) {
      case 'release':
        return this.#ports.release(this.state.missing !== undefined)
      case 'destroy':
        return this.#ports.leave()
      case 'doubt':
        return this.#ports.doubt()
      case 'become-serving':
        return this.#ports.serving()
      case 'serve':
        return this.#pages(effect.want.pages.length / 4, 0, (sent) =>
          this.feed({ on: 'served', sent }),
        )
      case 'compare':
        return this.feed({ on: 'compared', isEqual: effect.ramHash === this.#hash() })
      case 'reconnect':
        return this.#reconnect(effect)
      default:
        // A round is never cut short here, and nothing is named that the other end lacks.
        return undefined
    }
  }

  async #connect(address: string): Promise<void> {
    let link: MessageLink
    try {
      link = await this.#ports.connect(address)
    } catch (thrown) {
      return this.feed({ on: 'link-failed', fault: unreachable(address, thrown) })
    }
    if (this.#isOver) return link.close('cancelled')
    const isCurrent = () => this.#channel?.link === link
    this.#channel = new WireChannel<DestinationMessage, SourceMessage>(link, DestinationMessage, {
      message: (message) => {
        if (message.t !== 'welcome') return this.feed({ on: 'message', message })
        const { protocolVersion } = message
        this.feed({ on: 'linked', protocolVersion })
      },
      closed: (reason, refused) => {
        if (!isCurrent()) return
        this.feed(refused ? { on: 'link-failed', fault: refused } : { on: 'link-closed', reason })
      },
    })
    this.#channel.send(this.#ports.hello())
  }

  #reconnect({ address, afterMs }: Extract<SourceEffect, { do: 'reconnect' }>): void {
    const { clock } = this.#ports
    if (this.#isReconnecting) return
    this.#isReconnecting = true
    this.#channel?.close('link-lost')
    clock.wakeAt(clock.nowMs() + afterMs, () => {
      this.#isReconnecting = false
      if (!this.#isOver) void this.#connect(address)
    })
  }

  #sendRound(bitmap: 'all' | Uint8Array): void {
    const { clock, models } = this.#ports
    const content = contentPages(this.#one.model)
    if (bitmap === 'all') this.#loggedMs = models.ranMs(this.#one, clock.nowMs())
    const pages = bitmap === 'all' ? content : countPages(bitmap)
    const zeroPages = bitmap === 'all' ? this.state.plan.offer.pageCount - content : 0
    this.#pages(pages, zeroPages, (sent) => this.feed({ on: 'round-sent', sent }))
  }

  #pages(pages: number, zeroPages: number, done: Parameters<PageStream['send']>[1]) {
    const link = this.#channel?.link as SimLink | undefined
    if (!link) return this.feed({ on: 'failed', fault: fault('link-lost', 'there is no link') })
    this.#stream?.cancel()
    this.#stream = new PageStream(pages, {
      ...{ clock: this.#ports.clock, link, pageShare: this.#one.model.pageShare },
      bytesPerSecMax: this.state.plan.params.bandwidthBytesPerSecMax,
      progress: () => undefined,
    })
    this.#stream.send(zeroPages, done)
  }

  #takeLog(pause: boolean): void {
    const { clock, models } = this.#ports
    const nowMs = clock.nowMs()
    const bitmap = new Uint8Array(this.state.plan.offer.pageCount / 8)
    // Stop-and-copy has no log yet: everything is left to send anyway.
    const fromMs = this.#loggedMs || models.ranMs(this.#one, nowMs)
    const { pages, toMs } = models.logSince(this.#one, fromMs, bitmap, nowMs)
    this.#loggedMs = toMs
    if (pause) this.#ports.halted(this.#one)
    this.feed({ on: 'log-taken', bitmap, pages })
  }

  #finish(bitmap: Uint8Array): void {
    const { clock, models } = this.#ports
    // Of all pages those that are zero are told of, not sent.
    const content = contentPages(this.#one.model)
    const marked = countPages(bitmap)
    const pages = Math.min(marked, content)
    this.#pages(pages, marked - pages, (sent) => {
      const sections = [modelSection(models.ranMs(this.#one, clock.nowMs()))]
      this.feed({ on: 'last-sent', sent, sections, hash: this.#hash() })
    })
  }

  #hash(): string {
    return modelHash(this.state.plan.migrationId, this.#ports.models.ranMs(this.#one, 0))
  }

  #tell(message: MigrationProgress): void {
    const { round: _, ...standing } = message
    this.#told = standing
    this.#ports.progress(message)
  }

  #end(reason: string): void {
    this.#isOver = true
    this.#driver.silence()
    this.#stream?.cancel()
    this.#channel?.close(reason)
    if (this.state.phase === 'ended') this.#ports.ended()
  }
}

const unreachable = (address: string, thrown: unknown): Fault =>
  fault('link-lost', `the destination at ${address} does not answer: ${faultOf(thrown).message}`)
