// Both ends of a migration, stepped against each other without sockets, threads or time: a link
// that can be cut at any message, work that takes as long as a schedule says, and a book of who
// runs. The pages are counted, not moved. Not the real runs (source-run.ts, destination-run.ts):
// those are tried with processes (process.test.ts).

import {
  beginDestination,
  type DestinationEffect,
  type DestinationInput,
  type DestinationState,
  stepDestination,
} from '#node-agent/migration/destination.ts'
import { beginSource, stepSource } from '#node-agent/migration/source.ts'
import {
  newSource,
  type ServingEffect,
  type SourceEffect,
  type SourceInput,
  type SourcePlan,
  type SourceState,
} from '#node-agent/migration/source-state.ts'
import { asCommandId, asMigrationId, asNodeId } from '#proto/ids.ts'
import type { DestinationMessage, MigrationParams, Result, SourceMessage } from '#proto/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { params, vmOrder } from '../coordinator-double.ts'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never
type ToSource = WithoutTime<SourceInput>
type ToDestination = WithoutTime<DestinationInput>

const hash = '0123456789abcdef'
const pageCount = 8 * 256
const onePage = { frames: 1, pages: 1, zeroPages: 0, bytes: 4096 }

export const planOf = (
  purpose: 'migrate' | 'clone',
  given: Partial<MigrationParams> = {},
): SourcePlan => {
  const vm = vmOrder('vm1', 2, { memoryMib: 8 })
  const names = purpose === 'migrate' ? ['vm1'] : ['clone-1', 'clone-2']
  return {
    commandId: asCommandId('command'),
    migrationId: asMigrationId('m1'),
    vmId: vm.vmId,
    epoch: vm.epoch,
    destination: { nodeId: asNodeId('b'), address: 'ws://b' },
    params: params(given),
    ...(purpose === 'clone' ? { parentDisk: { sizeBytes: 0, layers: ['new-top'] } } : {}),
    offer: {
      t: 'offer',
      purpose,
      migrationId: asMigrationId('m1'),
      sourceNodeId: asNodeId('a'),
      vms: names.map((name) => vmOrder(name, 3, { memoryMib: 8 })),
      pageCount,
      verify: 'incremental',
    },
  }
}

export interface Twist {
  /** Pages dirtied in each round. */
  readonly dirtyPages?: readonly number[]
  readonly hashThere?: string
  readonly startFails?: boolean
  /** Post-copy: how often the destination asks for pages. */
  readonly requests?: number
  readonly damaged?: boolean
}

/** A frame of post-copy has come: in the real run its pages go past the step machine. */
const pages = { on: 'pages' } as unknown as ToDestination

export class TwoEnds {
  readonly source: SourceState
  destination: DestinationState | undefined
  /** What the coordinator and a reader of logs would see, in order. */
  readonly story: string[] = []
  readonly results: WithoutTime<Result>[] = []
  sourceRuns = true
  sourceReleased = false
  sourceDestroyed = false
  destinationRuns = false
  destinationPrepared = false
  linked = false
  /** Requests for pages that are not answered yet. */
  requestsLeft: number
  nowMs = 0
  #hasAsked = false
  readonly #twist: Twist
  readonly #toSource: ToSource[] = []
  readonly #toDestination: ToDestination[] = []
  readonly #sourceWork: ToSource[] = []
  readonly #destinationWork: ToDestination[] = []

  constructor(plan: SourcePlan, twist: Twist = {}) {
    this.#twist = twist
    this.requestsLeft = twist.requests ?? 3
    this.source = newSource(plan, 0)
    for (const effect of beginSource(this.source)) this.#forSource(effect)
  }

  get isOver(): boolean {
    return this.#queues().every((queue) => queue.length === 0)
  }

  /** How many things could come next. */
  get choices(): number {
    return this.#queues().filter((queue) => queue.length > 0).length
  }

  /** All that decides what can happen from here on; without times, which may always be over. */
  get key(): string {
    const { source, destination, linked, requestsLeft } = this
    const runs = [this.sourceRuns, this.destinationRuns, this.sourceReleased, this.#hasAsked]
    const all = [source, destination, this.#queues(), linked, requestsLeft, runs]
    return JSON.stringify(all, (name, value) => (name.endsWith('Ms') ? undefined : value))
  }

  /** Delivers the next thing of one of the queues that are not empty. */
  step(choice = 0): void {
    const waiting = this.#queues().filter((queue) => queue.length > 0)
    const queue = waiting[choice % waiting.length]
    const input = queue?.shift()
    if (input === undefined) return
    this.nowMs += 1
    if (queue === this.#toSource || queue === this.#sourceWork) this.tellSource(input as ToSource)
    else this.tellDestination(input as ToDestination)
  }

  run(choices: readonly number[] = []): this {
    for (let n = 0; !this.isOver; n++) this.step(choices[n % Math.max(1, choices.length)] ?? 0)
    return this
  }

  /** The link breaks: what is under way is gone, both ends hear of it. */
  cut(): void {
    if (!this.linked) return
    this.linked = false
    this.#toSource.splice(0)
    this.#toDestination.splice(0)
    this.#toSource.push({ on: 'link-closed', reason: 'cut' })
    if (this.destination) this.#toDestination.push({ on: 'link-closed', reason: 'cut' })
  }

  tellSource(input: ToSource): void {
    for (const effect of stepSource(this.source, { ...input, nowMs: this.nowMs } as SourceInput))
      this.#forSource(effect)
    this.#check()
  }

  tellDestination(input: ToDestination): void {
    if (!this.destination) return
    if (input === pages) {
      this.#takePages()
      return
    }
    const timed = { ...input, nowMs: this.nowMs } as DestinationInput
    for (const effect of stepDestination(this.destination, timed)) this.#forDestination(effect)
    this.#check()
  }

  #queues(): (ToSource | ToDestination)[][] {
    return [this.#toSource, this.#toDestination, this.#sourceWork, this.#destinationWork]
  }

  #check(): void {
    if (this.sourceRuns && this.destinationRuns && this.source.plan.offer.purpose === 'migrate')
      throw new Error(`two copies run: ${this.story.join(', ')}`)
  }

  #forSource(effect: SourceEffect) {
    const { round } = this.source
    const dirty = this.#twist.dirtyPages?.[round] ?? 0
    switch (effect.do) {
      case 'connect':
        this.linked = true
        return void this.#toSource.push({ on: 'linked', protocolVersion })
      case 'send':
        return this.#carry(effect.message)
      case 'send-round':
        return this.#sendRound(effect.bitmap === 'all' ? pageCount : dirty)
      case 'take-log':
        return this.#takeLog(effect.pause, dirty)
      case 'finish':
        return this.#finish()
      case 'resume':
        return this.#resume()
      case 'release':
        this.story.push('released')
        this.sourceReleased = true
        return
      case 'destroy':
        this.sourceDestroyed = true
        return void this.story.push('destroyed')
      case 'doubt':
        return void this.story.push('doubt')
      case 'answer':
        this.results.push({ t: 'result', ...effect, do: undefined } as never)
        return void this.story.push(`answer ${effect.fault?.code ?? 'done'}`)
      case 'end':
        return this.cutQuietly()
      case 'throttle':
      case 'cut-round':
      case 'wake-at':
      case 'progress':
        return
      default:
        return this.#forServing(effect)
    }
  }

  #forServing(effect: ServingEffect | { readonly do: 'forget' }) {
    switch (effect.do) {
      case 'forget':
        return
      case 'fork':
        return this.#fork()
      case 'become-serving':
        return void this.story.push('serving')
      case 'serve':
        if (this.linked) this.#toDestination.push(pages)
        return void this.#sourceWork.push({ on: 'served', sent: onePage })
      case 'compare':
        return void this.#sourceWork.push({ on: 'compared', isEqual: !this.#twist.damaged })
      case 'reconnect':
        return this.#reconnect()
    }
  }

  /** A thousandth of the true bytes: the link seems slow beside what is dirtied. */
  #sendRound(pages: number): void {
    if (this.linked) this.#toDestination.push({ on: 'frame' })
    const sent = { frames: 1, pages, zeroPages: pages, bytes: pages * 4 }
    this.#sourceWork.push({ on: 'round-sent', sent })
  }

  #takeLog(pause: boolean, pages: number): void {
    if (pause) this.#pause()
    const bitmap = new Uint8Array(pageCount / 8)
    this.#sourceWork.push({ on: 'log-taken', bitmap, pages })
  }

  #finish(): void {
    if (this.linked) this.#toDestination.push({ on: 'frame' })
    this.#sourceWork.push({ on: 'last-sent', sent: onePage, sections: [], hash })
  }

  /** The parent goes on; all but one page is still here. */
  #fork(): void {
    this.story.push('forked')
    if (this.linked) this.#toDestination.push({ on: 'frame' })
    const missing = new Uint8Array(pageCount / 8).fill(0xff)
    const state = { sent: onePage, sections: [], hash, missing }
    this.#sourceWork.push({ on: 'forked', ...state, pausedMs: 1, agoMs: 2 })
  }

  #pause(): void {
    this.sourceRuns = false
    this.story.push('paused')
  }

  #resume(): void {
    if (this.sourceReleased) throw new Error('resumed behind the point of no return')
    this.sourceRuns = true
    this.story.push('resumed')
    this.#sourceWork.push({ on: 'resumed' })
  }

  /** The source closes its link: what it sent before still arrives. */
  cutQuietly(): void {
    if (!this.linked) return
    this.linked = false
    this.#toSource.splice(0)
    if (this.destination) this.#toDestination.push({ on: 'link-closed', reason: 'closed' })
  }

  #carry(message: SourceMessage): void {
    if (!this.linked) return
    if (message.t === 'offer') {
      const begun = beginDestination(message, this.nowMs)
      this.destination = begun.state
      for (const effect of begun.effects) this.#forDestination(effect)
    } else if (message.t === 'reconnect') this.#greetAgain()
    else this.#toDestination.push({ on: 'message', message })
  }

  #reconnect(): void {
    if (this.linked) return
    this.linked = true
    this.story.push('reconnected')
    this.#toSource.push({ on: 'linked', protocolVersion })
  }

  #greetAgain(): void {
    const { destination } = this
    const isThere = destination?.isPartial && destination.phase !== 'ended'
    const fault = { code: 'unknown-migration', message: 'it is not here' } as const
    if (isThere) this.#toDestination.push({ on: 'reconnected' })
    else this.#carryBack({ t: 'refuse', migrationId: asMigrationId('m1'), fault })
  }

  #want(): void {
    const about = { migrationId: asMigrationId('m1'), request: this.requestsLeft, urgent: false }
    this.#carryBack({ t: 'want', ...about, pages: new Uint8Array(4) })
  }

  #askFirst(): void {
    if (!this.destination?.isPartial || this.#hasAsked) return
    this.#hasAsked = true
    this.#want()
  }

  #takePages(): void {
    this.requestsLeft -= 1
    if (this.requestsLeft > 0) {
      this.#want()
      return
    }
    const waits = { faults: 0, waitMsMedian: 0, waitMsP99: 0, waitMsMax: 0 }
    const whole = { t: 'whole', migrationId: asMigrationId('m1'), ramHash: hash, ...waits } as const
    this.#destinationWork.push({ on: 'whole', message: whole })
  }

  #forDestination(effect: DestinationEffect) {
    switch (effect.do) {
      case 'send':
        this.#carryBack(effect.message)
        if (effect.message.t === 'running') this.#askFirst()
        return
      case 'restore':
        return void this.#destinationWork.push({
          on: 'restored',
          hash: this.#twist.hashThere ?? hash,
        })
      case 'become-prepared':
        this.destinationPrepared = true
        return void this.story.push('prepared')
      case 'start':
        return this.#start()
      case 'ask-again':
        return this.#want()
      case 'lose':
        this.destinationRuns = false
        return void this.story.push('lost')
      case 'discard':
        this.destinationPrepared = false
        return void this.story.push('discarded')
      case 'close':
        if (this.linked) this.#toSource.push({ on: 'link-closed', reason: effect.reason })
        this.linked = false
        return
      case 'wake-at':
        return
    }
  }

  #start(): void {
    const refused = { code: 'lease-lost', message: 'no lease' } as const
    if (!this.#twist.startFails) {
      this.destinationRuns = true
      this.story.push('running')
    }
    this.#destinationWork.push({
      on: 'started',
      ...(this.#twist.startFails ? { fault: refused } : {}),
    })
  }

  #carryBack(message: DestinationMessage): void {
    if (this.linked) this.#toSource.push({ on: 'message', message })
  }
}
