// One direction between two processes, as all connections between them share it: cut or not, and as
// slow, narrow and lossy as somebody has made it. A flow is one connection's part of it: what one
// socket says is what the other hears, in order, each piece at its time. A cut is silence: nothing
// passes, no end is told, nothing is lost. Not here: which roads there are (loopback-network.ts),
// the two flows of a connection (tcp-proxy.ts). Times in ms, sizes in bytes.

import type { Duplex } from 'node:stream'
import type { Cancel, Clock, Random } from '#env/env.ts'
import { type LinkShape, rateOf, wayMs } from '../link-shape.ts'

/** On their way at most, whatever the shape: what a window of TCP may hold. */
const windowBytesMax = 4 << 20
/** And at least, or a narrow road would stop between two pieces. */
const windowBytesMin = 64 << 10

export class Road {
  readonly clock: Clock
  readonly #random: Random
  readonly #isCut: () => boolean
  readonly #flows = new Set<Flow>()
  #shape: LinkShape | undefined
  /** When what was sent before has left. */
  #freeAtMs = 0

  constructor(clock: Clock, random: Random, isCut: () => boolean) {
    this.clock = clock
    this.#random = random
    this.#isCut = isCut
  }

  get isCut(): boolean {
    return this.#isCut()
  }

  get isShaped(): boolean {
    return this.#shape !== undefined
  }

  /** What may be on its way: the product of rate and delay, twice. */
  get windowBytes(): number {
    const { latencyMs = 0, jitterMs = 0 } = this.#shape ?? {}
    const product = 2 * rateOf(this.#shape ?? {}) * (latencyMs + jitterMs)
    return Math.min(windowBytesMax, Math.max(windowBytesMin, product || 0))
  }

  enter(flow: Flow): void {
    this.#flows.add(flow)
  }

  leave(flow: Flow): void {
    this.#flows.delete(flow)
  }

  /** From now on; what is on its way arrives as if it had been sent now. */
  reshape(shape: LinkShape | undefined): void {
    this.#shape = shape
    this.#freeAtMs = 0
    for (const flow of this.#flows) flow.sendAnew()
  }

  /** When a piece that is sent now arrives. */
  arrivalMs(bytes: number): number {
    const nowMs = this.clock.nowMs()
    const shape = this.#shape ?? {}
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + bytes / rateOf(shape)
    return this.#freeAtMs + wayMs(shape, bytes, this.#random)
  }
}

interface Piece {
  readonly bytes: Uint8Array
  atMs: number
}

/** Begins held: review() lets it go. */
export class Flow {
  readonly #from: Duplex
  readonly #to: Duplex
  readonly #road: Road
  readonly #onEnd: () => void
  readonly #pieces: Piece[] = []
  #waitingBytes = 0
  #lastAtMs = 0
  #hasEnded = false
  #isHeld = true
  #cancel: Cancel | undefined

  /** `onEnd`: all was passed on, and its end. */
  constructor(from: Duplex, to: Duplex, { road, onEnd }: { road: Road; onEnd: () => void }) {
    this.#from = from
    this.#to = to
    this.#road = road
    this.#onEnd = onEnd
    road.enter(this)
    from.pause()
    from.on('data', (bytes: Uint8Array) => this.#take(bytes))
    from.on('end', () => {
      this.#hasEnded = true
      this.#pass()
    })
    to.on('drain', () => this.#goOn())
  }

  /** Something of it has not arrived yet. */
  get isCarrying(): boolean {
    return this.#pieces.length > 0
  }

  /** Looks again whether the road is cut. */
  review(): void {
    const { isCut } = this.#road
    if (isCut === this.#isHeld) return
    this.#isHeld = isCut
    if (isCut) this.#from.pause()
    else this.#pass()
  }

  /** The road is another: all that waits is sent once more. */
  sendAnew(): void {
    this.#lastAtMs = 0
    for (const piece of this.#pieces) piece.atMs = this.#arrivalMs(piece.bytes.length)
    this.#pass()
  }

  close(): void {
    this.#cancel?.()
    this.#pieces.length = 0
    this.#road.leave(this)
  }

  #take(bytes: Uint8Array): void {
    const atMs = this.#road.isShaped ? this.#arrivalMs(bytes.length) : 0
    this.#pieces.push({ bytes, atMs })
    this.#waitingBytes += bytes.length
    this.#pass()
  }

  #arrivalMs(bytes: number): number {
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#road.arrivalMs(bytes))
    return this.#lastAtMs
  }

  /** All that has arrived, and the end behind it. */
  #pass(): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#isHeld) return
    const { clock } = this.#road
    for (let first = this.#pieces[0]; first; first = this.#pieces[0]) {
      if (first.atMs > clock.nowMs()) {
        this.#cancel = clock.wakeAt(first.atMs, () => this.#pass())
        break
      }
      this.#pieces.shift()
      this.#waitingBytes -= first.bytes.length
      this.#to.write(first.bytes)
    }
    if (this.#hasEnded && this.#pieces.length === 0) this.#finish()
    else this.#goOn()
  }

  #finish(): void {
    this.#to.end()
    this.#onEnd()
  }

  #goOn(): void {
    const isFull = this.#waitingBytes >= this.#road.windowBytes || this.#to.writableNeedDrain
    if (this.#isHeld || isFull) this.#from.pause()
    else this.#from.resume()
  }
}
