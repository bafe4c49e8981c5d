// Turns a batch of pages into frames: as they are, compressed, or as what has changed since they
// were sent last. Compression is done by threads of Node's pool, so that this one goes on.
// A delta is the page XOR what the destination has of it, compressed: mostly zeros.
// Not here: which encoding is worth it (encoding-choice.ts), zero pages (they cost 4 bytes).

import type { Clock, Zstd } from '#env/env.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { heldBytes } from '#proto/page-frame.ts'
import { pageBytes } from '#proto/units.ts'
import {
  type EncodingChoice,
  fastLinkBytesPerMs,
  isWorth,
  learn,
  newEncodingChoice,
  type Packing,
} from './encoding-choice.ts'
import { SentPages } from './sent-pages.ts'

export interface EncodedPages {
  readonly encoding: 'raw' | 'held' | Packing
  readonly pages: Uint32Array
  readonly bytes: Uint8Array
}

/** The fastest levels: a link that would pay for more is rare, and the cores are the guests'. */
const levels: Record<Packing, number> = { zstd: 1, delta: -3 }
/** Packed, but not much smaller: it is cheaper to unpack nothing. */
const worthwhile = 0.9
const wordsPerPage = pageBytes / 4

export interface PageEncoderPorts {
  readonly clock: Clock
  readonly zstd: Zstd
  /** There is a VM of the same family over there: its pages are named by this, not sent. */
  readonly donor: ((page: Uint8Array) => Uint8Array) | undefined
}

export class PageEncoder {
  readonly #clock: Clock
  readonly #zstd: Zstd
  readonly #donor: PageEncoderPorts['donor']
  readonly #wish: MigrationParams['encoding']
  readonly #choice: EncodingChoice = newEncodingChoice()
  readonly #sent = new SentPages()

  /** @param wish `raw` also for a destination that knows nothing else. */
  constructor({ clock, zstd, donor }: PageEncoderPorts, wish: MigrationParams['encoding']) {
    this.#clock = clock
    this.#zstd = zstd
    this.#donor = donor
    this.#wish = wish
  }

  /** They are something else over there from now on. */
  forget(pages: Uint32Array): void {
    if (this.#sent.size > 0) for (const page of pages) this.#sent.forget(page)
  }

  /** @param bytes the pages' own copy; it must not change until the frames are sent. */
  async encode(
    round: number,
    pages: Uint32Array,
    bytes: Uint8Array,
    linkBytesPerMs: number,
  ): Promise<EncodedPages[]> {
    const raw: EncodedPages = { encoding: 'raw', pages, bytes }
    if (this.#wish === 'raw') return [raw]
    if (round === 0 && this.#donor && this.#wish === 'auto') return [named(raw, this.#donor)]
    const encoded = await this.#pack(round, raw, linkBytesPerMs)
    this.#remember(round, raw, linkBytesPerMs)
    return encoded
  }

  #remember(round: number, { pages, bytes }: EncodedPages, linkBytesPerMs: number): void {
    const isFast = this.#wish === 'auto' && linkBytesPerMs >= fastLinkBytesPerMs
    if (isFast || this.#wish === 'zstd') this.forget(pages)
    else if (round > 0) this.#keep(pages, bytes)
  }

  #keep(pages: Uint32Array, bytes: Uint8Array): void {
    for (const [at, page] of pages.entries()) this.#sent.keep(page, wordsOf(bytes, at))
  }

  async #pack(round: number, raw: EncodedPages, linkBytesPerMs: number): Promise<EncodedPages[]> {
    const known = round > 1 ? raw.pages.filter((page) => this.#sent.has(page)).length : 0
    const mayDelta = known > 0 && this.#isWorth('delta', known * pageBytes, linkBytesPerMs)
    if (!mayDelta) return [await this.#squeeze(raw, linkBytesPerMs)]
    const [old, fresh] = this.#split(raw, known)
    const delta = await this.#delta(old)
    const parts = delta ? [delta] : [await this.#squeeze(old, linkBytesPerMs)]
    return fresh.pages.length > 0 ? [...parts, await this.#squeeze(fresh, linkBytesPerMs)] : parts
  }

  #isWorth(packing: Packing, bytes: number, linkBytesPerMs: number): boolean {
    if (this.#wish !== 'auto') return this.#wish === packing
    return isWorth(this.#choice, packing, bytes, linkBytesPerMs)
  }

  /** Compressed if that is worth it, else as it is. */
  async #squeeze(raw: EncodedPages, linkBytesPerMs: number): Promise<EncodedPages> {
    if (!this.#isWorth('zstd', raw.bytes.length, linkBytesPerMs)) return raw
    const packed = await this.#compress('zstd', raw.bytes)
    return packed ? { encoding: 'zstd', pages: raw.pages, bytes: packed } : raw
  }

  async #delta({ pages, bytes }: EncodedPages): Promise<EncodedPages | undefined> {
    const changes = new Uint32Array(pages.length * wordsPerPage)
    for (const [at, page] of pages.entries())
      this.#sent.differ(page, wordsOf(bytes, at), changes.subarray(at * wordsPerPage))
    const packed = await this.#compress('delta', new Uint8Array(changes.buffer))
    return packed && { encoding: 'delta', pages, bytes: packed }
  }

  async #compress(packing: Packing, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const startedAtMs = this.#clock.nowMs()
    const packed = await this.#zstd.compress(bytes, levels[packing])
    const ms = this.#clock.nowMs() - startedAtMs
    learn(this.#choice, packing, { bytesIn: bytes.length, bytesOut: packed.length, ms })
    return packed.length <= bytes.length * worthwhile ? packed : undefined
  }

  /** Those that were sent before, and those that were not. */
  #split({ pages, bytes }: EncodedPages, known: number): [EncodedPages, EncodedPages] {
    const old = roomFor(known)
    const fresh = roomFor(pages.length - known)
    let [olds, freshes] = [0, 0]
    for (const [at, page] of pages.entries()) {
      const content = bytes.subarray(at * pageBytes, (at + 1) * pageBytes)
      const isOld = this.#sent.has(page)
      const [part, slot] = isOld ? [old, olds++] : [fresh, freshes++]
      part.pages[slot] = page
      part.bytes.set(content, slot * pageBytes)
    }
    return [old, fresh]
  }
}

/** Of a family most pages are the same. What is not there is sent in the next round. */
function named({ pages, bytes }: EncodedPages, digest: (page: Uint8Array) => Uint8Array) {
  const digests = new Uint8Array(pages.length * heldBytes)
  for (let at = 0; at < pages.length; at++)
    digests.set(digest(bytes.subarray(at * pageBytes, (at + 1) * pageBytes)), at * heldBytes)
  return { encoding: 'held', pages, bytes: digests } as const
}

const roomFor = (pages: number): EncodedPages & { readonly pages: Uint32Array } => ({
  encoding: 'raw',
  pages: new Uint32Array(pages),
  bytes: new Uint8Array(pages * pageBytes),
})

const wordsOf = (bytes: Uint8Array, page: number): Uint32Array =>
  new Uint32Array(bytes.buffer, bytes.byteOffset + page * pageBytes, wordsPerPage)
