// Moves the pages of one round from RAM onto the link: collected a frame at a time into private
// copies, framed, sent.
// Bounded: what waits in this process is a moment of the link's rate, and the event loop turns
// between batches, so that heartbeats, cancels and consoles do not wait for a migration.
// Not here: which pages a round has (source.ts), how a frame is laid out (proto/page-frame.ts).
// Bytes, pages of 4,096.

import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import type { Clock } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { Epoch, VmId } from '#proto/ids.ts'
import type { ByEncoding } from '#proto/messages.ts'
import { encodePageFrame, type PageEncoding, zeroPagesPerFrameMax } from '#proto/page-frame.ts'
import { pageBytes, pagesPerFullFrame } from '#proto/units.ts'
import type { Sending } from '../page-map.ts'
import { breathe } from './breath.ts'
import { inFlightBytes, type LinkRate, pieceBytes, seeLink } from './encoding/link-rate.ts'
import type { EncodedPages, PageEncoder } from './encoding/page-encoder.ts'
import type { FramePool } from './frame-pool.ts'
import { type Pace, pieceBytesMax, spendAll } from './pace.ts'
import type { PageLink } from './page-links.ts'
import type { PageRecorder } from './page-recorder.ts'
import { answerMsMax, progressMs } from './protocol.ts'
import { addEncoded, type RoundSent } from './source-state.ts'

/** Pages to be sent: a VM's RAM, or copies of some of it. */
export type SentMemory = Pick<GuestMemory, 'collect' | 'pageCount' | 'contentSum'>

export interface PageSenderPorts {
  readonly clock: Clock
  readonly link: PageLink
  readonly memory: SentMemory
  /** The limits that hold: of this migration, of this node. */
  readonly paces: readonly Pace[]
  readonly frames: FramePool
  readonly encoder: PageEncoder
  readonly rate: LinkRate
  readonly recorder: PageRecorder | undefined
  /** A link that takes nothing for so long is cut. Absent: answerMsMax. */
  readonly patienceMs?: number
  /** True: the migration has ended, stop. */
  ended(): boolean
  progress(pages: number, bytes: number): void
}

export interface Round {
  readonly vmId: VmId
  readonly epoch: Epoch
  readonly round: number
  /** One bit a page, little-endian bytes. */
  readonly bitmap: Uint8Array
  /** The VM stands still. */
  readonly isLast: boolean
}

/** A frame's worth of pages. */
type Encoded = Omit<EncodedPages, 'encoding'> & { readonly encoding: PageEncoding }

/** The event loop turns after so many bytes at the latest: about 4 ms of work. */
const bytesPerBreath = 4 << 20
/** What may still wait in this process when a round is called sent. */
const endOfRoundBytesMax = 1 << 20
const standsStill = (ms: number) =>
  fault('timed-out', `no page left this node for ${ms} ms; is the link cut?`)

export class PageSender {
  readonly #ports: PageSenderPorts
  readonly #round: Round
  readonly #noBytes = new Uint8Array(0)
  #isCut = false
  #frames = 0
  #pages = 0
  readonly #byEncoding: ByEncoding = {}
  #bytes = 0
  #bytesAtBreath = 0
  #toldAtMs: number
  #nextPage = 0

  constructor(round: Round, ports: PageSenderPorts) {
    this.#round = round
    this.#ports = ports
    this.#toldAtMs = ports.clock.nowMs()
  }

  /**
   * Resolves when all of the round was handed to the link. Rejects with `timed-out` when the link
   * stands still.
   */
  async send(): Promise<RoundSent> {
    const { memory, frames } = this.#ports
    const room = (pages: number) => frames.room(pages)
    const zeros: number[] = []
    let from = 0
    while (from < memory.pageCount && !this.#isCut) {
      const got = memory.collect(this.#round.bitmap, from, this.#pagesPerFrame(), room)
      from = got.nextPage
      this.#nextPage = from
      for (const page of got.zeroPages) zeros.push(page)
      if (got.pages.length > 0) await this.#content(got.pages, got.bytes)
      while (zeros.length >= zeroPagesPerFrameMax) await this.#zeros(zeros)
    }
    if (zeros.length > 0) await this.#zeros(zeros)
    // The answer to the round is waited for by the clock: what has not left here yet is not to
    // count.
    await this.#drain(endOfRoundBytesMax)
    return { ...this.#sent(), ...(this.#isCut ? { unsent: this.#from(from) } : {}) }
  }

  /** What of the round has been sent: for who looks. */
  get sending(): Sending {
    return { bitmap: this.#round.bitmap, nextPage: this.#nextPage }
  }

  /** It ends after the batch that is on its way. */
  cut(): void {
    this.#isCut = true
  }

  /** The pages of the round from there on. */
  #from(page: number): Uint8Array {
    const left = this.#round.bitmap.slice()
    left.fill(0, 0, page >> 3)
    if (page % 8 > 0) left[page >> 3] = (left[page >> 3] ?? 0) & (0xff << (page % 8))
    return left
  }

  #pagesPerFrame(): number {
    const { paces, rate } = this.#ports
    const pages = Math.floor(Math.min(pieceBytesMax(...paces), pieceBytes(rate)) / pageBytes)
    return Math.max(1, Math.min(pagesPerFullFrame, pages))
  }

  #sent(): RoundSent {
    const byEncoding = this.#byEncoding
    const zeroPages = byEncoding.zero?.pages ?? 0
    return { frames: this.#frames, pages: this.#pages, zeroPages, bytes: this.#bytes, byEncoding }
  }

  async #zeros(zeros: number[]): Promise<void> {
    const pages = Uint32Array.from(zeros.splice(0, zeroPagesPerFrameMax))
    this.#ports.encoder.forget(pages)
    await this.#frame({ encoding: 'zero', pages, bytes: this.#noBytes })
  }

  async #content(pages: Uint32Array, bytes: Uint8Array): Promise<void> {
    const { encoder, rate, paces, frames } = this.#ports
    const bytesPerMs = Math.min(rate.bytesPerMs, ...paces.map((pace) => pace.bytesPerMs))
    const parts = await encoder.encode(this.#round.round, pages, bytes, bytesPerMs)
    // The copy has done its work where it does not travel itself.
    const isOver = !parts.some((part) => part.bytes === bytes)
    if (isOver) frames.giveBack(bytes as Uint8Array<ArrayBuffer>)
    for (const part of parts) await this.#frame(part)
  }

  async #frame({ encoding, pages, bytes }: Encoded): Promise<void> {
    const { link, clock, memory, paces, frames, rate, recorder, ended } = this.#ports
    if (ended()) throw new FaultError(fault('cancelled', 'the migration has ended'))
    const { vmId, epoch, round } = this.#round
    const frameNumber = this.#frames++
    const isContent = encoding !== 'zero' && encoding !== 'held'
    const contentSum = isContent ? memory.contentSum(pages) : 0
    const frame = encodePageFrame({
      ...{ vmId, epoch, round, frameNumber, encoding, pages, contentSum, bytes },
    })
    link.send(frame, () => frames.giveBack(frame))
    this.#pages += pages.length
    this.#bytes += frame.length
    this.#count(encoding, pages.length, frame.length)
    const why = this.#round.isLast ? 'last' : 'round'
    recorder?.note({ round, encoding, why, bytes: frame.length, pages }, clock.nowMs())
    this.#tell()
    const nowMs = clock.nowMs()
    seeLink(rate, frame.length, link.bufferedBytes, nowMs)
    const waitMs = spendAll(paces, frame.length, nowMs)
    if (waitMs > 0) await sleep(clock, waitMs)
    await this.#makeRoom()
  }

  #count(encoding: PageEncoding, pages: number, bytes: number): void {
    addEncoded(this.#byEncoding, { [encoding]: { pages, bytes } })
  }

  async #makeRoom(): Promise<void> {
    const { link, rate } = this.#ports
    const most = inFlightBytes(rate)
    if (link.bufferedBytes > most) await this.#drain(most / 2)
    if (this.#bytes - this.#bytesAtBreath < bytesPerBreath) return
    this.#bytesAtBreath = this.#bytes
    await breathe()
  }

  /**
   * Waits until no more than that is in flight; a link on which nothing moves any more is given up.
   */
  async #drain(belowBytes: number): Promise<void> {
    const { link, clock, patienceMs = answerMsMax } = this.#ports
    if (link.bufferedBytes <= belowBytes) return
    let left = link.bufferedBytes
    let movedAtMs = clock.nowMs()
    await new Promise<void>((resolve, reject) => {
      const watch = () => {
        const nowMs = clock.nowMs()
        if (link.bufferedBytes < left) movedAtMs = nowMs
        left = link.bufferedBytes
        if (nowMs - movedAtMs >= patienceMs) return reject(new FaultError(standsStill(patienceMs)))
        seeLink(this.#ports.rate, 0, left, nowMs)
        this.#tell()
        cancel = clock.wakeAt(nowMs + progressMs, watch)
      }
      let cancel = clock.wakeAt(movedAtMs + progressMs, watch)
      void link.drained(belowBytes).then(() => {
        cancel()
        resolve()
      })
    })
  }

  /** How far the round has come: by what has left this process. */
  #tell(): void {
    const { clock, link, progress } = this.#ports
    const nowMs = clock.nowMs()
    if (nowMs - this.#toldAtMs < progressMs) return
    this.#toldAtMs = nowMs
    const bytes = Math.max(0, this.#bytes - link.bufferedBytes)
    const share = this.#bytes > 0 ? bytes / this.#bytes : 1
    progress(Math.floor(this.#pages * share), bytes)
  }
}
