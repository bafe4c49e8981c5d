// Post-copy, at the source: sends the pages that the destination asks for over one link, those that
// its VM waits for before all others. A page is always what it was at the switchover. Not here:
// which pages are asked for (engine/memory/pager.ts at the destination), where they are
// (page-origin.ts).

import type { Clock } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { CloneTarget, Want } from '#proto/messages.ts'
import { encodePageFrame, type PageEncoding } from '#proto/page-frame.ts'
import { pagesPerFrameMax } from '#proto/units.ts'
import { breathe } from './breath.ts'
import { type Pace, spendAll } from './pace.ts'
import type { PageLink } from './page-links.ts'
import type { PageOrigin } from './page-origin.ts'
import type { PageRecorder } from './page-recorder.ts'
import type { RoundSent } from './source-state.ts'

/** What may wait in this process: an urgent page waits behind it. */
const bufferedBytesMax = 1 << 20

export interface PageServerPorts {
  readonly clock: Clock
  readonly link: PageLink
  /** What the VM waits for counts, but does not wait. */
  readonly paces: readonly Pace[]
  readonly recorder: PageRecorder | undefined
}

export class PageServer {
  readonly #target: Pick<CloneTarget, 'vmId' | 'epoch'>
  readonly #origin: PageOrigin
  readonly #ports: PageServerPorts
  #urgentWaiting = 0

  constructor(
    target: Pick<CloneTarget, 'vmId' | 'epoch'>,
    origin: PageOrigin,
    ports: PageServerPorts,
  ) {
    this.#target = target
    this.#origin = origin
    this.#ports = ports
  }

  /** Resolves when the link has them. Throws a FaultError for what makes no sense. */
  async send(want: Want): Promise<RoundSent> {
    const pages = pagesOf(want, this.#origin.pageCount)
    if (want.urgent) this.#urgentWaiting++
    try {
      if (!want.urgent) await this.#stepAside()
      return this.#answer(want, pages)
    } finally {
      if (want.urgent) this.#urgentWaiting--
    }
  }

  /** What nobody waits for yet goes when the link has room, and nothing urgent is there. */
  async #stepAside(): Promise<void> {
    await breathe()
    while (this.#urgentWaiting > 0) await breathe()
    const { clock, link, paces } = this.#ports
    await link.drained(bufferedBytesMax)
    const waitMs = spendAll(paces, 0, clock.nowMs())
    if (waitMs > 0) await sleep(clock, waitMs)
  }

  #answer({ request, urgent }: Want, asked: Uint32Array): RoundSent {
    const { pages, bytes, zeroPages } = this.#origin.read(asked)
    let sent = 0
    let frames = 0
    const frame = (encoding: PageEncoding, of: Uint32Array, content: Uint8Array) => {
      if (of.length === 0) return
      const contentSum = encoding === 'raw' ? this.#origin.contentSum(of) : 0
      const place = { ...this.#target, round: request, frameNumber: frames++ }
      const out = encodePageFrame({ ...place, encoding, pages: of, contentSum, bytes: content })
      this.#ports.link.send(out)
      const { paces, recorder, clock } = this.#ports
      spendAll(paces, out.length, clock.nowMs())
      const why = urgent ? 'waited-for' : 'fetched'
      const note = { round: request, encoding, why, bytes: out.length, pages: of } as const
      recorder?.note(note, clock.nowMs())
      sent += out.length
    }
    frame('raw', pages, bytes)
    frame('zero', zeroPages, new Uint8Array(0))
    return { frames, pages: pages.length, zeroPages: zeroPages.length, bytes: sent }
  }
}

function pagesOf({ pages: bytes }: Want, pageCount: number): Uint32Array {
  const count = bytes.length / 4
  if (!Number.isInteger(count) || count === 0 || count > pagesPerFrameMax)
    throw new FaultError(fault('bad-message', `${bytes.length} bytes are no list of pages`))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const pages = Uint32Array.from({ length: count }, (_, at) => view.getUint32(at * 4, true))
  const beyond = pages.find((page) => page >= pageCount)
  if (beyond !== undefined)
    throw new FaultError(fault('bad-message', `page ${beyond} is asked for, which does not exist`))
  return pages
}
