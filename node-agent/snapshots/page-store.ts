// Pages by content, in packs: each is kept once, however many snapshots hold it. A page is read
// from whichever pack has it, and is checked by its digest. Not here: what a pack looks like
// (engine/snapshots/page-pack.ts), which pages are wanted (snapshot-store.ts). Bytes.

import { type Digest, digestBytes, equalBytes } from '#engine/snapshots/digest.ts'
import { checkPackIndex, packEnd, packEndBytes, readPackEnd } from '#engine/snapshots/page-pack.ts'
import { SnapshotError } from '#engine/snapshots/section-bytes.ts'
import type { DiskFile } from '#env/env.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { pageBytes } from '#proto/units.ts'
import { ContentIndex } from './content-index.ts'
import { freshId, isPackName, packName, type StorePorts } from './store-files.ts'

export interface PageStorePorts extends StorePorts {
  readonly digest: Digest
}

interface Pack {
  readonly name: string
  readonly file: DiskFile
  readonly digests: Uint8Array
}

/** Pages are written in pieces of so much... */
const pieceBytes = 1 << 20
/** ...and made durable after so much: a flush of more would keep the agent from its heartbeats. */
const unflushedBytesMax = 4 << 20

export class PageStore {
  readonly #ports: PageStorePorts
  /** By number; a place in the index names it. */
  #packs: Pack[] = []
  #index = new ContentIndex()
  /** Packs that cannot be read, and why: asked for once, not at every refresh. */
  readonly #damaged = new Map<string, string>()

  constructor(ports: PageStorePorts) {
    this.#ports = ports
  }

  /** Takes note of packs that have come and gone. Pages of a damaged pack count as not there. */
  refresh(): void {
    const names = this.#ports.disk.list().filter(isPackName)
    if (this.isOutdated) this.#forgetAll()
    const known = new Set(this.#packs.map(({ name }) => name))
    for (const name of names) if (!known.has(name)) this.#open(name)
  }

  /** What is wrong with packs of the store. */
  get damages(): readonly string[] {
    return [...this.#damaged.values()]
  }

  holds(digest: Uint8Array): boolean {
    return this.#index.has(digest)
  }

  /** Names of the packs, with the digests of their pages. */
  packs(): readonly { readonly name: string; readonly digests: Uint8Array }[] {
    return this.#packs
  }

  /** One page into `into`, or why it cannot be had. */
  read(digest: Uint8Array, into: Uint8Array): Fault | undefined {
    const place = this.#index.find(digest)
    const pack = place && this.#packs[place.pack]
    if (!place || !pack) return lost('is not in the store')
    pack.file.read(place.slot * pageBytes, into)
    if (equalBytes(this.#ports.digest(into), digest)) return undefined
    return lost(`is damaged in ${pack.name}`)
  }

  write(): PackWriter {
    return new PackWriter(this.#ports, this)
  }

  /** Some of the packs that are open are not in the store any more. */
  get isOutdated(): boolean {
    const names = this.#ports.disk.list()
    return this.#packs.some(({ name }) => !names.includes(name))
  }

  /** Closes the files; the store is read anew when it is asked again. */
  close(): void {
    this.#forgetAll()
  }

  #forgetAll(): void {
    for (const { file } of this.#packs) file.close()
    this.#packs = []
    this.#index = new ContentIndex()
  }

  #open(name: string): void {
    if (!this.#ports.disk.exists(name) || this.#damaged.has(name)) return
    const file = this.#ports.disk.open(name, 'read')
    const digests = this.#indexOf(file)
    if (digests instanceof SnapshotError) {
      file.close()
      this.#damaged.set(name, `${name}: ${digests.message}`)
      return
    }
    const pack = this.#packs.push({ name, file, digests }) - 1
    for (let slot = 0; slot * digestBytes < digests.length; slot++)
      this.#index.add(digests.subarray(slot * digestBytes, (slot + 1) * digestBytes), {
        ...{ pack, slot },
      })
  }

  /** A disk that fails now may not later: the pack is not damaged by that. */
  #indexOf(file: DiskFile): Uint8Array | SnapshotError {
    try {
      return this.#readIndex(file)
    } catch (thrown) {
      file.close()
      throw thrown
    }
  }

  #readIndex(file: DiskFile): Uint8Array | SnapshotError {
    const { sizeBytes } = file
    const end = new Uint8Array(Math.min(packEndBytes, sizeBytes))
    file.read(sizeBytes - end.length, end)
    const read = readPackEnd(end, sizeBytes)
    if (read instanceof SnapshotError) return read
    const digests = new Uint8Array(read.count * digestBytes)
    file.read(read.indexOffset, digests)
    return checkPackIndex(digests, read.seal, this.#ports.digest) ?? digests
  }
}

const lost = (how: string): Fault =>
  fault(
    'bad-snapshot',
    `A page of the snapshot ${how}: restore the store, or use another snapshot.`,
  )

/** A pack that is being written: nobody sees it before finish(). */
export class PackWriter {
  readonly #ports: PageStorePorts
  readonly #store: PageStore
  readonly #temp: string
  readonly #file: DiskFile
  readonly #own = new ContentIndex()
  readonly #piece = new Uint8Array(pieceBytes)
  #digests = new Uint8Array(1024 * digestBytes)
  #count = 0
  #pieceUsed = 0
  #unflushed = 0

  constructor(ports: PageStorePorts, store: PageStore) {
    this.#ports = ports
    this.#store = store
    this.#temp = `temp.${freshId(ports.random)}`
    this.#file = ports.disk.open(this.#temp, 'create')
  }

  /** Pages that are in it. */
  get count(): number {
    return this.#count
  }

  /** Keeps a page, unless the store or this pack has it already. Returns its digest. */
  add(page: Uint8Array): Uint8Array {
    const digest = this.#ports.digest(page)
    if (this.#store.holds(digest) || this.#own.has(digest)) return digest
    this.#own.add(digest, { pack: 0, slot: this.#count })
    this.#note(digest)
    this.#piece.set(page, this.#pieceUsed)
    this.#pieceUsed += pageBytes
    if (this.#pieceUsed === pieceBytes) this.#writePiece()
    return digest
  }

  /** The pages are durable and found by everybody from now on. */
  finish(): void {
    if (this.#count === 0) {
      this.abandon()
      return
    }
    this.#writePiece()
    const index = this.#digests.slice(0, this.#count * digestBytes)
    this.#file.write(this.#count * pageBytes, packEnd(index, this.#ports.digest))
    this.#file.flush()
    this.#file.close()
    this.#ports.disk.rename(this.#temp, packName(this.#ports.digest(index)))
    this.#store.refresh()
  }

  abandon(): void {
    this.#file.close()
    this.#ports.disk.remove(this.#temp)
  }

  #note(digest: Uint8Array): void {
    if ((this.#count + 1) * digestBytes > this.#digests.length) {
      const larger = new Uint8Array(2 * this.#digests.length)
      larger.set(this.#digests)
      this.#digests = larger
    }
    this.#digests.set(digest, this.#count * digestBytes)
    this.#count++
  }

  #writePiece(): void {
    const written = this.#count * pageBytes - this.#pieceUsed
    this.#file.write(written, this.#piece.subarray(0, this.#pieceUsed))
    this.#unflushed += this.#pieceUsed
    this.#pieceUsed = 0
    if (this.#unflushed < unflushedBytesMax) return
    this.#file.flush()
    this.#unflushed = 0
  }
}
