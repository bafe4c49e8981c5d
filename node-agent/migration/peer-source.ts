// Post-copy, at the destination: the pages of a VM that runs here already, from its source, over
// one link after the other. A page source: which pages are wanted when is decided elsewhere
// (engine/memory/pager.ts). Times in ms.

import type { BroughtPages, PageSource, Urgency } from '#engine/memory/page-source.ts'
import type { Clock } from '#env/env.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import type { DestinationMessage, Offer } from '#proto/messages.ts'
import { decodePageFrame } from '#proto/page-frame.ts'
import { pageBytes } from '#proto/units.ts'
import { ReadAhead } from './read-ahead.ts'

interface Pending {
  readonly pages: Uint32Array
  readonly urgency: Urgency
  readonly askedAtMs: number
  readonly brought: { pages: Uint32Array; bytes: Uint8Array; zeroPages: Uint32Array }
  readonly resolve: (brought: BroughtPages) => void
  readonly reject: (why: unknown) => void
}

const none = new Uint32Array(0)

export class PeerSource implements PageSource {
  readonly #offer: Offer
  readonly #clock: Clock
  readonly #send: (message: DestinationMessage) => void
  readonly #pending = new Map<number, Pending>()
  /** Pages that the VM stands still for, and since when. */
  readonly #waiting = new Map<number, number>()
  readonly #waitsMs: number[] = []
  readonly #readAhead = new ReadAhead()
  #requests = 0
  /** The source has been told that the VM runs: before that it must not be asked. */
  #isOpen = false

  constructor(offer: Offer, clock: Clock, send: (message: DestinationMessage) => void) {
    this.#offer = offer
    this.#clock = clock
    this.#send = send
  }

  get requestsAhead(): number {
    return this.#readAhead.requests
  }

  request(pages: Uint32Array, urgency: Urgency): Promise<BroughtPages> {
    return new Promise((resolve, reject) => {
      const request = this.#requests++
      const brought = { pages: none, bytes: new Uint8Array(0), zeroPages: none }
      const askedAtMs = this.#clock.nowMs()
      this.#pending.set(request, { pages, urgency, askedAtMs, brought, resolve, reject })
      this.#ask(request, pages, urgency)
    })
  }

  waits(page: number): void {
    this.#waiting.set(page, this.#clock.nowMs())
  }

  came(pages: readonly number[]): void {
    for (const page of pages) {
      const sinceMs = this.#waiting.get(page)
      if (sinceMs !== undefined) this.#waitsMs.push(this.#clock.nowMs() - sinceMs)
      this.#waiting.delete(page)
    }
  }

  /** `running` has been sent. */
  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.askAgain()
  }

  /** Over a new link: what the old one has not answered. */
  askAgain(): void {
    for (const [request, { pages, urgency }] of this.#pending) this.#ask(request, pages, urgency)
  }

  /** The pages will never come. */
  fail(why: Fault): void {
    for (const { reject } of this.#pending.values()) reject(new FaultError(why))
    this.#pending.clear()
  }

  /** One page frame, kind byte removed. A fault when it answers nothing that was asked for. */
  receive(bytes: Uint8Array): Fault | undefined {
    const [target] = this.#offer.vms
    const decoded = decodePageFrame(bytes, this.#offer.pageCount)
    if ('fault' in decoded) return decoded.fault
    const { frame } = decoded
    const pending = this.#pending.get(frame.round)
    if (frame.vmId !== target?.vmId || frame.epoch !== target.epoch)
      return fault('bad-frame', `a page frame of VM ${frame.vmId} epoch ${frame.epoch}`)
    if (!pending) return undefined // Its answer came twice, over two links.
    const isRaw = frame.encoding === 'raw'
    // Anything else would become zeros, or leave the VM to wait for what it has asked for.
    if (!isRaw && frame.encoding !== 'zero')
      return fault('bad-frame', `pages that were asked for came as ${frame.encoding}`)
    const other = frame.pages.find((page) => !pending.pages.includes(page))
    if (other !== undefined) return fault('bad-frame', `page ${other} was not asked for`)
    if (isRaw) Object.assign(pending.brought, { pages: frame.pages, bytes: frame.bytes })
    else pending.brought.zeroPages = frame.pages
    this.#settle(frame.round, pending)
    return undefined
  }

  /** How often the VM had to wait, and how long, from the news of it to the page's being there. */
  waited() {
    const sorted = this.#waitsMs.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
    return {
      faults: sorted.length,
      waitMsMedian: at(0.5),
      waitMsP99: at(0.99),
      waitMsMax: at(1),
    }
  }

  #ask(request: number, pages: Uint32Array, urgency: Urgency): void {
    if (!this.#isOpen) return
    const { migrationId } = this.#offer
    const bytes = new Uint8Array(pages.length * 4)
    const view = new DataView(bytes.buffer)
    for (const [at, page] of pages.entries()) view.setUint32(at * 4, page, true)
    this.#send({ t: 'want', migrationId, request, urgent: urgency !== 'background', pages: bytes })
  }

  #settle(request: number, { pages, brought, urgency, askedAtMs, resolve }: Pending): void {
    if (brought.pages.length + brought.zeroPages.length < pages.length) return
    if (brought.bytes.length !== brought.pages.length * pageBytes) return
    this.#pending.delete(request)
    if (urgency === 'background' && brought.zeroPages.length === 0)
      this.#readAhead.answered(this.#clock.nowMs() - askedAtMs)
    resolve(brought)
  }
}
