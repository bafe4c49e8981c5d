// What each link carries, from what its senders count: a rate that follows within a second, and no
// more of a link whose sender has fallen silent. Pure. Bytes, ms.

import type { NodeId } from '#proto/ids.ts'
import type { LinkSight, LinkView } from '#proto/sights.ts'

interface Seen extends LinkSight {
  /** By the sender's clock. */
  readonly atMs: number
  /** By ours. */
  readonly heardAtMs: number
  readonly trunkBytesPerSec: number
  readonly pageBytesPerSec: number
}

/** A change shows to two thirds after that long: quick, and no flicker. */
const settleMs = 600
/** A sender that has told nothing for so long sends nothing that anybody knows of. */
const silentMsMax = 2000
/** What is left of a burst after its end is nothing, sooner or later. */
const leastBytesPerSec = 1

export class LinkRates {
  readonly #links = new Map<string, { readonly from: NodeId; readonly seen: Seen }>()

  see(from: NodeId, atMs: number, nowMs: number, links: readonly LinkSight[]): void {
    for (const link of links) {
      const name = `${from}>${link.to}`
      const before = this.#links.get(name)?.seen
      this.#links.set(name, { from, seen: next(before, link, atMs, nowMs) })
    }
  }

  /** Of links whose senders are heard, by names. */
  views(nowMs: number): LinkView[] {
    for (const [name, { seen }] of this.#links)
      if (nowMs - seen.heardAtMs > silentMsMax) this.#links.delete(name)
    const all = [...this.#links.entries()].sort(([a], [b]) => (a < b ? -1 : 1))
    return all.map(([, { from, seen }]) => {
      const { to, isTrunkUp, trunkBytes, pageBytes, trunkBytesPerSec, pageBytesPerSec } = seen
      return {
        ...{ from, to, isTrunkUp, trunkBytes, pageBytes },
        trunkBytesPerSec: Math.round(trunkBytesPerSec),
        pageBytesPerSec: Math.round(pageBytesPerSec),
      }
    })
  }
}

function next(before: Seen | undefined, link: LinkSight, atMs: number, nowMs: number): Seen {
  const now = { ...link, atMs, heardAtMs: nowMs }
  // Counters that run backwards are those of another process.
  const isSame =
    before && before.trunkBytes <= link.trunkBytes && before.pageBytes <= link.pageBytes
  const passedMs = atMs - (before?.atMs ?? atMs)
  if (!isSame || passedMs <= 0) return { ...now, trunkBytesPerSec: 0, pageBytesPerSec: 0 }
  const share = 1 - Math.exp(-passedMs / settleMs)
  const rate = (was: number, bytes: number) => {
    const smooth = was + share * ((bytes * 1000) / passedMs - was)
    return smooth < leastBytesPerSec ? 0 : smooth
  }
  return {
    ...now,
    trunkBytesPerSec: rate(before.trunkBytesPerSec, link.trunkBytes - before.trunkBytes),
    pageBytesPerSec: rate(before.pageBytesPerSec, link.pageBytes - before.pageBytes),
  }
}
