// The links of one migration as one for pages: a frame goes where least waits. Frames of a round
// may come in any order; what must keep its place goes over the first link, by itself.
// Not here: how the others are made (source-link.ts). Bytes.

import type { MessageLink } from '#proto/wire.ts'

export type PageLink = Pick<MessageLink, 'bufferedBytes' | 'send' | 'drained'>

interface Lane {
  readonly link: PageLink
  /** Ever handed to it: where nothing waits, they take turns. */
  sent: number
}

export class PageLinks implements PageLink {
  readonly #lanes: Lane[]
  #isClosed = false

  constructor(first: PageLink) {
    this.#lanes = [{ link: first, sent: 0 }]
  }

  add(link: PageLink): void {
    this.#lanes.push({ link, sent: Math.max(...this.#lanes.map(({ sent }) => sent)) })
  }

  get bufferedBytes(): number {
    return this.#lanes.reduce((sum, { link }) => sum + link.bufferedBytes, 0)
  }

  send(bytes: Uint8Array, sent?: () => void): void {
    const lane = this.#lanes.reduce((best, other) => (isFreer(other, best) ? other : best))
    lane.sent += bytes.length
    lane.link.send(bytes, sent)
  }

  /** Resolves when no more than that waits on all of them together, or none of it will ever go. */
  async drained(belowBytes: number): Promise<void> {
    while (!this.#isClosed && this.bufferedBytes > belowBytes) {
      const waiting = this.#lanes.filter(({ link }) => link.bufferedBytes > 0)
      const [only, another] = waiting
      if (only && !another) return await only.link.drained(belowBytes)
      await Promise.race(
        waiting.map(({ link }) => link.drained(Math.floor(link.bufferedBytes / 2))),
      )
    }
  }

  closed(): void {
    this.#isClosed = true
  }
}

function isFreer(one: Lane, other: Lane): boolean {
  const [waits, waitsOther] = [one.link.bufferedBytes, other.link.bufferedBytes]
  return waits < waitsOther || (waits === waitsOther && one.sent < other.sent)
}
