// Pages of a modelled VM on a link: nothing but how many, in batches whose size on the road is that
// of the pages they stand for. The link's interface sets the pace, shared with all others there,
// and a limit of bandwidth besides. Not here: which pages (dirty-sets.ts), the rounds (node-
// agent/migration/source.ts). Pages of 4,096 bytes, virtual ms.

import type { Cancel, Clock } from '#env/env.ts'
import type { RoundSent } from '#node-agent/migration/source-state.ts'
import { pageBytes } from '#proto/units.ts'
import { frameKind } from '#proto/wire.ts'
import type { SimLink } from '../sim-link.ts'

/** What a real agent sends at once; of large rounds more, so that none is many events. */
const pagesPerBatch = 256
const batchesMax = 64
const pagesPerBatchMax = 4096
/** Of a frame, besides its pages: a header, and a number for each page (proto/page-frame.ts). */
const headerBytes = 64
const bytesPerNumber = 4

export interface Batch {
  readonly pages: number
}

export function encodeBatch({ pages }: Batch): Uint8Array {
  const bytes = new Uint8Array(5)
  bytes[0] = frameKind
  new DataView(bytes.buffer).setUint32(1, pages, true)
  return bytes
}

/** @param bytes kind byte removed; undefined: it is none. */
export function decodeBatch(bytes: Uint8Array): Batch | undefined {
  if (bytes.length !== 4) return undefined
  return { pages: new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) }
}

export interface StreamPorts {
  readonly clock: Clock
  readonly link: SimLink
  /** Of a page on the road, in parts of its size. */
  readonly pageShare: number
  /** 0: none. */
  readonly bytesPerSecMax: number
  progress(pages: number, bytes: number): void
}

export class PageStream {
  readonly #ports: StreamPorts
  readonly #batchPages: number
  #left: number
  #frames = 0
  #pages = 0
  #bytes = 0
  /** When the bandwidth that is allowed is used up to now. */
  #paidUntilMs: number
  #pause: Cancel = () => undefined
  #isOver = false

  constructor(pages: number, ports: StreamPorts) {
    this.#ports = ports
    this.#left = pages
    this.#paidUntilMs = ports.clock.nowMs()
    const even = Math.ceil(pages / batchesMax)
    this.#batchPages = Math.min(pagesPerBatchMax, Math.max(pagesPerBatch, even))
  }

  /** @param zeroPages told of in a few bytes each. `done`: the last byte has left this node. */
  send(zeroPages: number, done: (sent: RoundSent) => void): void {
    if (zeroPages > 0) this.#bytes += zeroPages * bytesPerNumber
    this.#next(zeroPages, done)
  }

  cancel(): void {
    this.#isOver = true
    this.#pause()
  }

  #next(zeroPages: number, done: (sent: RoundSent) => void): void {
    if (this.#isOver) return
    if (this.#left === 0) {
      const [frames, bytes] = [this.#frames, this.#bytes]
      done({ frames, bytes, pages: this.#pages + zeroPages, zeroPages })
      return
    }
    const { clock, link, pageShare, bytesPerSecMax, progress } = this.#ports
    const pages = Math.min(this.#left, this.#batchPages)
    const size = Math.round(pages * (pageBytes * pageShare + bytesPerNumber)) + headerBytes
    this.#left -= pages
    this.#frames += 1
    this.#pages += pages
    this.#bytes += size
    const paceMs = bytesPerSecMax > 0 ? (1000 * size) / bytesPerSecMax : 0
    this.#paidUntilMs = Math.max(this.#paidUntilMs, clock.nowMs()) + paceMs
    link.sendSized(encodeBatch({ pages }), size, () => {
      progress(this.#pages, this.#bytes)
      const again = () => this.#next(zeroPages, done)
      if (paceMs === 0 || this.#paidUntilMs <= clock.nowMs()) again()
      else this.#pause = clock.wakeAt(this.#paidUntilMs, again)
    })
  }
}
